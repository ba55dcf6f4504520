#!/usr/bin/env node
import { parseArgs } from "node:util";
import { SqliteStoreError } from "./errors.ts";
import { openSqliteStore, restoreSqliteStore } from "./index.ts";

const USAGE = `tessera-backup <file>                       copies the store to <file> while it works
tessera-backup <file> --restore [--replace]  makes the store from <file>; nobody may have it open
The store: --store <path>, or TESSERA_STORE=sqlite:<path>, or ./data/tessera.db. Each sandbox is a file of its own.`;

const DEFAULT_STORE = "sqlite:./data/tessera.db";
const KIND = "sqlite:";

/** Runs the command; gives the exit code. */
async function run(): Promise<number> {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      store: { type: "string" },
      restore: { type: "boolean", default: false },
      replace: { type: "boolean", default: false },
      help: { type: "boolean", default: false },
    },
  });
  const [file, more] = positionals;
  if (values.help || file === undefined || more !== undefined) {
    process.stderr.write(`${USAGE}\n`);
    return values.help ? 0 : 2;
  }
  const address = process.env["TESSERA_STORE"] ?? DEFAULT_STORE;
  if (values.store === undefined && !address.startsWith(KIND)) {
    process.stderr.write(`TESSERA_STORE names no SQLite file. Say which with --store <path>.\n`);
    return 2;
  }
  const path = values.store ?? address.slice(KIND.length);
  if (values.restore) {
    await restoreSqliteStore(file, path, { replace: values.replace });
    process.stdout.write(`The store is restored at ${path}.\n`);
    return 0;
  }
  const store = openSqliteStore({ path, mustExist: true });
  try {
    await store.backupTo(file);
    const { persons, events } = await store.totals();
    process.stdout.write(`A backup is at ${file}: about ${persons} persons and ${events} events.\n`);
  } finally {
    await store.close();
  }
  return 0;
}

try {
  process.exitCode = await run();
} catch (cause) {
  if (!(cause instanceof SqliteStoreError) && !isUsage(cause)) throw cause;
  process.stderr.write(`${cause.message}\n`);
  process.exitCode = 1;
}

function isUsage(cause: unknown): cause is Error {
  const code = (cause as { readonly code?: unknown } | null)?.code;
  return typeof code === "string" && code.startsWith("ERR_PARSE_ARGS");
}

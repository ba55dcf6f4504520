import { createHash } from "node:crypto";
import { readFile, rename, rm, writeFile } from "node:fs/promises";
import { setTimeout as wait } from "node:timers/promises";
import { parseArgs } from "node:util";
import { copyStore, type HubStore, type StoredItem } from "@tessera/profile-store";
import { canonicalJson, type JsonValue } from "@tessera/xdm";
import { parseStoreAddress, type StoreAddress } from "../config.ts";
import { describeStore, isRetryable, openStore } from "../store.ts";
import { storeWith } from "../store-with.ts";

/** `npm run migrate-store -- --from … --to …`: moves all that a store holds into another, and checks that it is the same. */
const USAGE = `npm run migrate-store -- --from <store> --to <store> [--sandbox <name>] [--progress <file>]

  <store>      sqlite:<path> or mongodb://…, as in TESSERA_STORE
  --sandbox    the sandbox to move: the default one without it
  --progress   where it is noted how far it came (default ./migrate-store.json); run it again to go on

Stop all gateways first: nobody may write to either store meanwhile. The old store stays as it is.`;

/** What a store holds of one kind: how many, and a checksum that does not depend on their order. */
interface Sum {
  count: number;
  checksum: bigint;
}

const LIMIT = 500;
/** Longer than what a run that was killed left open in MongoDB may be in the way. */
const PATIENCE_MS = 120_000;
const PAUSE_MS = 1_000;
const CHECKSUM_BYTES = 16;
const MODULUS = 1n << BigInt(CHECKSUM_BYTES * 8);

process.exitCode = await run();

async function run(): Promise<number> {
  const given = options();
  if (typeof given === "string") {
    process.stderr.write(`${given}\n`);
    return 2;
  }
  const { from, to, progress, sandbox } = given;
  const place = { name: sandbox ?? "prod", isDefault: sandbox === undefined };
  const [source, target] = [await openStore(from, place), await openStore(to, place)];
  try {
    const route = `${describeStore(from)} -> ${describeStore(to)} (${place.name})`;
    const after = await placeOf(progress, route);
    if (after === undefined && !(await isEmpty(target))) {
      process.stderr.write(
        `${describeStore(to)} is not empty, and ${progress} tells of no move to go on with.\n`,
      );
      return 1;
    }
    process.stderr.write(after === undefined ? `${route}\n` : `${route}: going on where it stopped\n`);
    await copyStore(source, patient(target), {
      limit: LIMIT,
      ...(after === undefined ? {} : { after }),
      onPage: async (copied, next) => {
        if (next !== undefined) await note(progress, { route, next });
        process.stderr.write(`\r${copied.toLocaleString("en")} items copied`);
      },
    });
    process.stderr.write("\nChecking.\n");
    const same = compare(await sumsOf(source), await sumsOf(target));
    if (same) await rm(progress, { force: true });
    return same ? 0 : 1;
  } finally {
    await source.close();
    await target.close();
  }
}

/** The store, whose taking in is tried again where the same may succeed later: what comes twice is there once. */
function patient(store: HubStore): HubStore {
  const importItems: HubStore["importItems"] = async (items) => {
    for (const end = Date.now() + PATIENCE_MS; ;) {
      try {
        return await store.importItems(items);
      } catch (error) {
        if (!isRetryable(error) || Date.now() > end) throw error;
      }
      await wait(PAUSE_MS);
    }
  };
  return storeWith(store, [["importItems", importItems]]);
}

function options():
  | string
  | {
      readonly from: StoreAddress;
      readonly to: StoreAddress;
      readonly progress: string;
      readonly sandbox: string | undefined;
    } {
  try {
    const { values } = parseArgs({
      options: {
        from: { type: "string" },
        to: { type: "string" },
        sandbox: { type: "string" },
        progress: { type: "string", default: "./migrate-store.json" },
        help: { type: "boolean", short: "h", default: false },
      },
    });
    if (values.help) return USAGE;
    const [from, to] = [parseStoreAddress(values.from ?? ""), parseStoreAddress(values.to ?? "")];
    const wrong = from === undefined ? "--from" : to === undefined ? "--to" : undefined;
    if (from === undefined || to === undefined)
      return `${wrong}: expected sqlite:<path> or mongodb://…\n\n${USAGE}`;
    if (from.kind === "memory" || to.kind === "memory")
      return `A memory store ends with its process.\n\n${USAGE}`;
    return { from, to, progress: values.progress, sandbox: values.sandbox };
  } catch (error) {
    return `${error instanceof Error ? error.message : String(error)}\n\n${USAGE}`;
  }
}

/** Where an earlier run of the same move stopped; undefined when there was none. */
async function placeOf(file: string, route: string): Promise<string | undefined> {
  const text = await readFile(file, "utf8").catch(() => undefined);
  if (text === undefined) return undefined;
  const noted = JSON.parse(text) as { readonly route: string; readonly next: string };
  return noted.route === route ? noted.next : undefined;
}

async function note(file: string, noted: { readonly route: string; readonly next: string }): Promise<void> {
  await writeFile(`${file}.new`, `${JSON.stringify(noted)}\n`);
  await rename(`${file}.new`, file);
}

async function isEmpty(store: HubStore): Promise<boolean> {
  const { items, next } = await store.exportItems({ limit: 1 });
  if (items.length > 0) return false;
  return next === undefined || (await sumsOf(store)).size === 0;
}

/** Counts and checksums of all that a store holds, by kind. */
async function sumsOf(store: HubStore): Promise<ReadonlyMap<StoredItem["kind"], Sum>> {
  const sums = new Map<StoredItem["kind"], Sum>();
  for (let after: string | undefined; ;) {
    const page = await store.exportItems({ limit: LIMIT, ...(after === undefined ? {} : { after }) });
    for (const item of page.items) {
      const sum = sums.get(item.kind) ?? { count: 0, checksum: 0n };
      sum.count += 1;
      sum.checksum = (sum.checksum + digestOf(item)) % MODULUS;
      sums.set(item.kind, sum);
    }
    if (page.next === undefined) return sums;
    after = page.next;
  }
}

function digestOf(item: StoredItem): bigint {
  const plain = JSON.stringify(item, (_name, value: unknown) =>
    value instanceof Uint8Array ? { bytes: Buffer.from(value).toString("base64") } : value,
  );
  const text = canonicalJson(JSON.parse(plain) as JsonValue);
  return BigInt(
    `0x${createHash("sha256")
      .update(text)
      .digest("hex")
      .slice(0, CHECKSUM_BYTES * 2)}`,
  );
}

/** Prints both sides; false when they differ. */
function compare(from: ReadonlyMap<string, Sum>, to: ReadonlyMap<string, Sum>): boolean {
  let same = true;
  for (const kind of [...new Set([...from.keys(), ...to.keys()])].sort()) {
    const [a, b] = [from.get(kind), to.get(kind)];
    const equal = a?.count === b?.count && a?.checksum === b?.checksum;
    same &&= equal;
    const line = `${kind.padEnd(12)} ${String(a?.count ?? 0).padStart(12)} ${String(b?.count ?? 0).padStart(12)}`;
    process.stdout.write(`${line}  ${hex(a)} ${equal ? "same" : `DIFFERENT ${hex(b)}`}\n`);
  }
  process.stdout.write(
    same ? "All of it is there.\n" : "The stores differ: empty the target and begin again.\n",
  );
  return same;
}

function hex(sum: Sum | undefined): string {
  return (sum?.checksum ?? 0n).toString(16).padStart(CHECKSUM_BYTES * 2, "0");
}

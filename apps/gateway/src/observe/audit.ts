import { createWriteStream, type WriteStream } from "node:fs";
import { mkdir, open } from "node:fs/promises";
import { dirname } from "node:path";
import type { GatewayConfig } from "../config.ts";
import { type AuditEntry, auditEntryOf } from "./audit-entry.ts";
import type { AuditPages } from "./audit-pages.ts";

/** An entry at its place in the log. */
export interface PlacedEntry extends AuditEntry {
  /** How many entries of the same time stand before it. */
  readonly ordinal: number;
}

/** Keeps the newest entries at hand and, with a file, all of them for good. */
export interface AuditLog {
  readonly add: (entry: AuditEntry) => void;
  /** The newest entries of a sandbox, newest first; only those about `subject` when it is given. */
  readonly newest: (
    limit: number,
    about: { readonly sandbox: string; readonly subject?: string },
  ) => Promise<readonly PlacedEntry[]>;
  readonly close: () => Promise<void>;
}

/** How many entries are at hand, whatever their sandbox. */
export const AUDIT_KEPT = 10_000;
/** So much of the end of a file is read at the start: more than the entries that are kept at hand. */
const TAIL_BYTES = 5_000_000;

/** Where the audit log of a gateway lies: beside a SQLite store, or where it is told. */
export function auditFileOf({
  auditLog,
  store,
}: Pick<GatewayConfig, "auditLog" | "store">): string | undefined {
  return auditLog ?? (store.kind === "sqlite" ? `${store.path}.audit.ndjson` : undefined);
}

/**
 * An audit log. Lines are appended to `file` as JSON. At hand are those of `pages`, which all processes share; without
 * pages those of this process, and what the file ends with at the start.
 */
export async function openAuditLog(file?: string, pages?: AuditPages): Promise<AuditLog> {
  const own: AuditEntry[] = file === undefined || pages !== undefined ? [] : [...(await lastEntries(file))];
  if (file !== undefined) await mkdir(dirname(file), { recursive: true });
  const stream: WriteStream | undefined =
    file === undefined ? undefined : createWriteStream(file, { flags: "a", mode: 0o600 });
  const keep = (entry: AuditEntry): void => {
    own.push(entry);
    if (own.length > 2 * AUDIT_KEPT) own.splice(0, own.length - AUDIT_KEPT);
  };
  const add = pages?.add ?? keep;
  return {
    add: (entry) => {
      add(entry);
      stream?.write(`${JSON.stringify(entry)}\n`);
    },
    newest: async (limit, { sandbox, subject }) =>
      placed((await pages?.entries()) ?? own)
        .filter((entry) => entry.sandbox === sandbox && (subject === undefined || entry.subject === subject))
        .slice(-limit)
        .toReversed(),
    close: async () => {
      await pages?.close();
      await new Promise<void>((resolve) => (stream === undefined ? resolve() : stream.end(() => resolve())));
    },
  };
}

function placed(entries: readonly AuditEntry[]): readonly PlacedEntry[] {
  let before: PlacedEntry | undefined;
  return entries.map((entry) => {
    before = { ...entry, ordinal: before?.at === entry.at ? before.ordinal + 1 : 0 };
    return before;
  });
}

async function lastEntries(file: string): Promise<readonly AuditEntry[]> {
  const handle = await open(file, "r").catch(() => undefined);
  if (handle === undefined) return [];
  try {
    const { size } = await handle.stat();
    const from = Math.max(0, size - TAIL_BYTES);
    const { buffer, bytesRead } = await handle.read({ buffer: Buffer.alloc(size - from), position: from });
    const lines = buffer.subarray(0, bytesRead).toString("utf8").split("\n");
    return lines.flatMap((line) => entryOn(line) ?? []).slice(-AUDIT_KEPT);
  } finally {
    await handle.close();
  }
}

/** The entry on a line; none on one that was cut. */
function entryOn(line: string): AuditEntry | undefined {
  try {
    return auditEntryOf(JSON.parse(line));
  } catch {
    return undefined;
  }
}

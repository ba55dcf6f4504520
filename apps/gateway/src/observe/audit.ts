import { createWriteStream, type WriteStream } from "node:fs";
import { mkdir, open } from "node:fs/promises";
import { dirname } from "node:path";
import { isObject } from "@tessera/xdm";
import type { GatewayConfig } from "../config.ts";

/** One line of the audit log: who did what, where, to what. */
interface AuditEntry {
  /** ISO 8601 */
  readonly at: string;
  readonly principal: string;
  readonly sandbox: string;
  readonly requestId: string;
  readonly action: string;
  /** An id; for persons the SHA-256 of the identity asked for, so that the log holds no personal data. */
  readonly subject: string;
}

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
  ) => readonly PlacedEntry[];
  readonly close: () => Promise<void>;
}

const KEPT = 10_000;
/** So much of the end of a file is read at the start: more than the entries that are kept at hand. */
const TAIL_BYTES = 5_000_000;

/** Where the audit log of a gateway lies: beside a SQLite store, or where it is told. */
export function auditFileOf({
  auditLog,
  store,
}: Pick<GatewayConfig, "auditLog" | "store">): string | undefined {
  return auditLog ?? (store.kind === "sqlite" ? `${store.path}.audit.ndjson` : undefined);
}

/** An audit log; lines are appended to `file` as JSON, and those that it ends with are at hand again after a start. */
export async function openAuditLog(file?: string): Promise<AuditLog> {
  const entries: PlacedEntry[] = [];
  const place = (entry: AuditEntry): void => {
    const last = entries.at(-1);
    entries.push({ ...entry, ordinal: last?.at === entry.at ? last.ordinal + 1 : 0 });
  };
  if (file !== undefined) for (const entry of await lastEntries(file)) place(entry);
  if (file !== undefined) await mkdir(dirname(file), { recursive: true });
  const stream: WriteStream | undefined =
    file === undefined ? undefined : createWriteStream(file, { flags: "a", mode: 0o600 });
  return {
    add: (entry) => {
      place(entry);
      if (entries.length > 2 * KEPT) entries.splice(0, entries.length - KEPT);
      stream?.write(`${JSON.stringify(entry)}\n`);
    },
    newest: (limit, { sandbox, subject }) =>
      entries
        .filter((entry) => entry.sandbox === sandbox && (subject === undefined || entry.subject === subject))
        .slice(-limit)
        .toReversed(),
    close: () => new Promise((resolve) => (stream === undefined ? resolve() : stream.end(() => resolve()))),
  };
}

async function lastEntries(file: string): Promise<readonly AuditEntry[]> {
  const handle = await open(file, "r").catch(() => undefined);
  if (handle === undefined) return [];
  try {
    const { size } = await handle.stat();
    const from = Math.max(0, size - TAIL_BYTES);
    const { buffer, bytesRead } = await handle.read({ buffer: Buffer.alloc(size - from), position: from });
    const lines = buffer.subarray(0, bytesRead).toString("utf8").split("\n");
    return lines.flatMap(entryOf).slice(-KEPT);
  } finally {
    await handle.close();
  }
}

/** The entry on a line; none on one that was cut. */
function entryOf(line: string): readonly AuditEntry[] {
  try {
    const entry: unknown = JSON.parse(line);
    const names = ["at", "principal", "sandbox", "requestId", "action", "subject"] as const;
    return isObject(entry) && names.every((name) => typeof entry[name] === "string")
      ? [entry as unknown as AuditEntry]
      : [];
  } catch {
    return [];
  }
}

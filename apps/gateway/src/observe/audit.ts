import { createWriteStream, type WriteStream } from "node:fs";

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

/** Keeps the newest entries at hand and, with a file, all of them for good. */
export interface AuditLog {
  readonly add: (entry: AuditEntry) => void;
  /** The newest entries, newest first; only those about `subject` when it is given. */
  readonly newest: (limit: number, subject?: string) => readonly AuditEntry[];
  readonly close: () => Promise<void>;
}

const KEPT = 10_000;

/** An audit log; lines are appended to `file` as JSON. */
export function createAuditLog(file?: string): AuditLog {
  const entries: AuditEntry[] = [];
  const stream: WriteStream | undefined =
    file === undefined ? undefined : createWriteStream(file, { flags: "a", mode: 0o600 });
  return {
    add: (entry) => {
      entries.push(entry);
      if (entries.length > 2 * KEPT) entries.splice(0, entries.length - KEPT);
      stream?.write(`${JSON.stringify(entry)}\n`);
    },
    newest: (limit, subject) =>
      entries
        .filter((entry) => subject === undefined || entry.subject === subject)
        .slice(-limit)
        .toReversed(),
    close: () => new Promise((resolve) => (stream === undefined ? resolve() : stream.end(() => resolve()))),
  };
}

import { isObject } from "@tessera/xdm";

/** One line of the audit log: who did what, where, to what. */
export interface AuditEntry {
  /** ISO 8601 */
  readonly at: string;
  readonly principal: string;
  readonly sandbox: string;
  readonly requestId: string;
  readonly action: string;
  /** An id; for persons the SHA-256 of the identity asked for, so that the log holds no personal data. */
  readonly subject: string;
}

const NAMES = ["at", "principal", "sandbox", "requestId", "action", "subject"] as const;

/** The entry that a kept line holds; none when it is not one. */
export function auditEntryOf(line: unknown): AuditEntry | undefined {
  return isObject(line) && NAMES.every((name) => typeof line[name] === "string")
    ? (line as unknown as AuditEntry)
    : undefined;
}

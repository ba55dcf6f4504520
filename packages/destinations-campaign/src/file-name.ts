import { findLimit } from "@tessera/guardrails";
import { parseInstant } from "@tessera/xdm";

/** One part of a file name. Destination name and audience id are always there; these come after them, in order. */
export type FileNamePart =
  | { readonly kind: "audienceName" }
  | { readonly kind: "timestamp"; readonly format: "yyyymmddhhmmss" | "MMDDYYYY_HHMMSS" | "unix" }
  | { readonly kind: "text"; readonly text: string }
  | { readonly kind: "destinationId" }
  | { readonly kind: "organisation" }
  | { readonly kind: "sandbox" };

/** The documented default: `<destination>_segment<id>_<yyyymmddhhmmss>.csv`. */
export const DEFAULT_FILE_NAME: readonly FileNamePart[] = [{ kind: "timestamp", format: "yyyymmddhhmmss" }];

/** What file names are made from. */
export interface FileNameFacts {
  readonly destinationName: string;
  readonly destinationId: string;
  readonly audienceId: string;
  readonly audienceName: string;
  readonly orgId: string;
  readonly sandbox: string;
  /** ISO 8601. */
  readonly at: string;
}

/** Characters in a file name at most, extension and part number included. */
export const MAX_FILE_NAME: number = findLimit("campaign.file-name-length").value;

/**
 * The name without part number and extension. Characters that no file system or blob store agrees on become `_`.
 * Without a `timestamp` part each export replaces the one before.
 */
export function fileBaseName(parts: readonly FileNamePart[], facts: FileNameFacts): string {
  const pieces = [
    facts.destinationName,
    `segment${facts.audienceId}`,
    ...parts.map((part) => piece(part, facts)),
  ];
  return pieces.map(plain).join("_");
}

/** `name.csv`, `name_2.csv`, `name_3.csv`, with `.gz` when compressed. */
export function fileName(base: string, part: number, compression: "none" | "gzip"): string {
  return `${base}${part === 1 ? "" : `_${part}`}.csv${compression === "gzip" ? ".gz" : ""}`;
}

/** The name of the list of files of one export. */
export function manifestName(base: string): string {
  return `${base}.manifest.json`;
}

function piece(part: FileNamePart, facts: FileNameFacts): string {
  switch (part.kind) {
    case "audienceName":
      return facts.audienceName;
    case "timestamp":
      return timestamp(part.format, facts.at);
    case "text":
      return part.text;
    case "destinationId":
      return facts.destinationId;
    case "organisation":
      return facts.orgId;
    case "sandbox":
      return facts.sandbox;
  }
}

function timestamp(format: "yyyymmddhhmmss" | "MMDDYYYY_HHMMSS" | "unix", at: string): string {
  const parsed = parseInstant(at);
  if (!parsed.ok) throw new TypeError("a file name needs an ISO 8601 instant");
  if (format === "unix") return String(Math.floor(parsed.value / 1000));
  const [date = "", time = ""] = new Date(parsed.value).toISOString().slice(0, 19).split("T");
  const [year = "", month = "", day = ""] = date.split("-");
  const clock = time.replaceAll(":", "");
  return format === "yyyymmddhhmmss" ? `${year}${month}${day}${clock}` : `${month}${day}${year}_${clock}`;
}

function plain(text: string): string {
  const safe = text.replace(/[^\p{L}\p{N}._-]/gu, "_");
  return /^\.+$/.test(safe) ? "_" : safe;
}

import { parseInstant } from "@tessera/xdm";

/** A part of a file name, in the order the user put it; `destination-name` and `audience-id` always stand. */
export type FileNamePart =
  | "destination-name"
  | "audience-id"
  | "audience-name"
  | "destination-id"
  | "org"
  | "sandbox"
  | "date-time"
  | "timestamp"
  | { readonly text: string };

/** What the parts stand for. `at` is ISO 8601. */
export interface FileNameValues {
  readonly destinationName: string;
  readonly destinationId: string;
  readonly audienceId: string;
  readonly audienceName: string;
  readonly orgId: string;
  readonly sandbox: string;
  readonly at: string;
}

/**
 * A file name from its parts, joined by `_`; without parts `<destination name>_segment<audience id>_<yyyymmddhhmmss>`. At most 255 bytes with `extension`; characters that no file name
 * may hold become `-`. Without a time part each export replaces the last one.
 */
export function fileName(
  parts: readonly FileNamePart[] | undefined,
  values: FileNameValues,
  extension: string,
): string {
  const texts =
    parts === undefined
      ? [values.destinationName, `segment${values.audienceId}`, digits(values.at)]
      : parts.map((part) => textOf(part, values));
  const name = texts.map(safe).filter(Boolean).join("_");
  return `${cut(name === "" ? "export" : name, 255 - extension.length)}${extension}`;
}

/** The name of a further part of the same export: `name.csv`, `name_2.csv`, `name_3.csv`. */
export function fileNamePart(name: string, part: number): string {
  if (part <= 1) return name;
  const dot = name.indexOf(".", 1);
  const [stem, extension] = dot < 0 ? [name, ""] : [name.slice(0, dot), name.slice(dot)];
  const suffix = `_${part}${extension}`;
  return `${cut(stem, 255 - suffix.length)}${suffix}`;
}

function textOf(part: FileNamePart, values: FileNameValues): string {
  if (typeof part === "object") return part.text;
  switch (part) {
    case "destination-name":
      return values.destinationName;
    case "audience-id":
      return `segment${values.audienceId}`;
    case "audience-name":
      return values.audienceName;
    case "destination-id":
      return values.destinationId;
    case "org":
      return values.orgId;
    case "sandbox":
      return values.sandbox;
    case "date-time": {
      const all = digits(values.at);
      return `${all.slice(4, 8)}${all.slice(0, 4)}_${all.slice(8, 14)}`;
    }
    case "timestamp": {
      const ms = parseInstant(values.at);
      return String(Math.floor((ms.ok ? ms.value : 0) / 1000)).padStart(10, "0");
    }
  }
}

/** `yyyymmddhhmmss` of an ISO 8601 time in UTC. */
function digits(at: string): string {
  return at.replace(/\D/g, "").slice(0, 14);
}

/** Keeps a part from leaving its folder or breaking a file system, an archive or a shell. */
function safe(text: string): string {
  return text.replace(/[^\p{L}\p{N}._@-]+/gu, "-").replace(/^[.-]+|[.-]+$/g, "");
}

/** Cuts to a number of bytes as UTF-8, which is what file systems count. */
function cut(text: string, max: number): string {
  let bytes = 0;
  let end = 0;
  for (const character of text) {
    const code = character.codePointAt(0) ?? 0;
    bytes += code < 0x80 ? 1 : code < 0x800 ? 2 : code < 0x10000 ? 3 : 4;
    if (bytes > max) break;
    end += character.length;
  }
  return text.slice(0, end);
}

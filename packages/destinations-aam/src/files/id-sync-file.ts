import { err, type Issue, ok, type Result } from "@tessera/xdm";
import { unixSeconds } from "./inbound-file.ts";
import {
  type InboundPart,
  type InboundWriteOptions,
  type LineFormat,
  type RecordSource,
  writeLineFiles,
} from "./line-files.ts";

/** An ID synchronisation file: which data source each column of ids belongs to; the first column holds device ids. */
export interface IdSyncSpec {
  /** `adobe_id` maps ids to Audience Manager's; `c2c_id` maps a partner's ids to another's. */
  readonly prefix: "adobe_id" | "c2c_id";
  /** Data source of the first column; 0 stands for Audience Manager's own ids. */
  readonly masterDataSourceId: number;
  readonly dataSourceIds: readonly [number, ...number[]];
  /** ISO 8601. */
  readonly at: string;
  readonly gzip: boolean;
}

/** `adobe_id_<master>_<source>[_<source>…]_<unix seconds>.sync[.<split>][.gz]` */
export function idSyncFileName(spec: IdSyncSpec, split?: number): string {
  const sources = [spec.masterDataSourceId, ...spec.dataSourceIds].join("_");
  const tail = `${split === undefined ? "" : `.${split}`}${spec.gzip ? ".gz" : ""}`;
  return `${spec.prefix}_${sources}_${unixSeconds(spec.at)}.sync${tail}`;
}

/**
 * One row, without line end: the ids separated by tabs, as many as the name has data sources. Refused: another number
 * of ids, empty ids, tabs, line ends or blanks at an end, percent-encoded ids, and raw e-mail addresses.
 */
export function idSyncLine(spec: IdSyncSpec, ids: readonly string[]): Result<string, Issue> {
  const expected = spec.dataSourceIds.length + 1;
  const bad = (code: string, what: string): Result<string, Issue> =>
    err({
      code,
      expected: what,
      message: `Expected ${what}. The row was left out; correct it and send it again.`,
    });
  if (ids.length !== expected)
    return bad("aam.idSync.columns", `${expected} ids, one a data source in the name`);
  for (const id of ids) {
    // oxlint-disable-next-line no-control-regex -- control characters are exactly what is looked for
    if (id === "" || id.trim() !== id || /[\u0000-\u001f\u007f]/.test(id))
      return bad("aam.idSync.id", "ids without tabs, line ends or blanks around them");
    if (/%[0-9a-f]{2}/i.test(id)) return bad("aam.idSync.encoded", "ids that are not percent-encoded");
    if (/[^\s@]+@[^\s@]+\.[^\s@]+/.test(id))
      return bad("aam.idSync.personal", "ids that are no e-mail addresses");
  }
  return ok(ids.join("\t"));
}

/** Rows of ids to files with the limits, splits and checkpoints of inbound files; refused rows are told by position. */
export function writeIdSyncFiles(
  spec: IdSyncSpec,
  source: RecordSource<readonly string[]>,
  options: InboundWriteOptions = {},
): AsyncGenerator<InboundPart, void, undefined> {
  const format: LineFormat<readonly string[]> = {
    nameOf: (part) => idSyncFileName(spec, part),
    gzip: spec.gzip,
    linesOf: (ids) => {
      const line = idSyncLine(spec, ids);
      return line.ok ? [line.value] : line.error;
    },
  };
  return writeLineFiles(format, source, options);
}

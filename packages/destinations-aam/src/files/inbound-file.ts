import { parseInstant } from "@tessera/xdm";
import { inboundLines, type InboundRecord } from "./inbound-line.ts";
import {
  type InboundPart,
  type InboundWriteOptions,
  type LineFormat,
  type RecordSource,
  writeLineFiles,
} from "./line-files.ts";

/** Device ids whose file must name the data source they come from. */
const GLOBAL_DEVICE_SOURCES = new Set([20914, 20915, 121963, 389146, 963906, 488258, 1171485, 1171489]);

/** What names an inbound file. All ids in one file are of one kind, the kind of `targetDataSourceId` when given. */
export interface InboundFileSpec {
  readonly dataProviderId: number;
  /** The data source of the user ids when it is not the provider's own: 20914 for GAID, 20915 for IDFA, … */
  readonly targetDataSourceId?: number;
  /** `sync` adds and removes; `overwrite` replaces all traits a listed user has of this provider. */
  readonly mode: "sync" | "overwrite";
  /** ISO 8601; its seconds stand in the name. */
  readonly at: string;
  readonly gzip: boolean;
}

/** `ftp_dpm_<DPID>[_<TARGET>]_<unix seconds>.<sync|overwrite>[.<split>][.gz]` */
export function inboundFileName(spec: InboundFileSpec, split?: number): string {
  const { dataProviderId, targetDataSourceId, mode } = spec;
  const source = targetDataSourceId === undefined ? "" : `_${targetDataSourceId}`;
  const tail = `${split === undefined ? "" : `.${split}`}${spec.gzip ? ".gz" : ""}`;
  return `ftp_dpm_${dataProviderId}${source}_${unixSeconds(spec.at)}.${mode}${tail}`;
}

/** The folder of a file in the receiving bucket: `<partner>/date=yyyy-mm-dd/`. */
export function inboundFolder(partner: string, at: string): string {
  return `${partner}/date=${new Date(unixSeconds(at) * 1000).toISOString().slice(0, 10)}/`;
}

/** The seconds of an instant, as the ten digits in file names. */
export function unixSeconds(at: string): number {
  const parsed = parseInstant(at);
  if (!parsed.ok) throw new TypeError("a file name needs an ISO 8601 instant");
  return Math.floor(parsed.value / 1000);
}

/** Whether the ids of a data source are device ids that the file name must name. */
export function isGlobalDeviceSource(dpid: number): boolean {
  return GLOBAL_DEVICE_SOURCES.has(dpid);
}

/**
 * Writes any number of records as files, one chunk of about 64 KB in memory at a time.
 * `source(skip)` gives the records from position `skip` on, in the same order each time it is asked.
 * Take the parts one after another; no part is ever empty.
 */
export function writeInboundFiles(
  spec: InboundFileSpec,
  source: RecordSource<InboundRecord>,
  options: InboundWriteOptions = {},
): AsyncGenerator<InboundPart, void, undefined> {
  const format: LineFormat<InboundRecord> = {
    nameOf: (part) => inboundFileName(spec, part),
    gzip: spec.gzip,
    linesOf: (record) => {
      const lines = inboundLines(record);
      return lines.ok ? lines.value : lines.error;
    },
  };
  return writeLineFiles(format, source, options);
}

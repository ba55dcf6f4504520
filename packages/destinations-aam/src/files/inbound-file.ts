import { type Issue, parseInstant } from "@tessera/xdm";
import { gzip } from "./gzip.ts";
import { inboundLines, type InboundRecord, utf8Length } from "./inbound-line.ts";

/** Largest files: 5 GB as written, 3 GB compressed; 1 GB is advised and the default. */
export const MAX_RAW_BYTES = 5_000_000_000;
const MAX_GZIP_BYTES = 3_000_000_000;
const ADVISED_BYTES = 1_000_000_000;
const CHUNK = 1 << 16;

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
 * Where writing stands after a whole part: pass it back to go on after a break. Parts up to it are final; the part
 * after it is written anew under the same name, so that nothing is there twice and nothing is missing.
 */
export interface InboundCheckpoint {
  /** Number of the next part. */
  readonly part: number;
  /** How many records of the source the finished parts have consumed. */
  readonly records: number;
}

/** What a finished part holds. `refused` names the first 100 records that were left out, by position in the source. */
export interface InboundPartResult {
  readonly name: string;
  readonly lines: number;
  readonly rawBytes: number;
  readonly refusedCount: number;
  readonly refused: readonly { readonly record: number; readonly issue: Issue }[];
  readonly checkpoint: InboundCheckpoint;
}

/** One file to store. Read `chunks` to the end, store them under `name`, then take `result()`. */
export interface InboundPart {
  readonly name: string;
  readonly chunks: AsyncIterable<Uint8Array>;
  /** Available once `chunks` has been read to its end. */
  readonly result: () => InboundPartResult;
}

/** Limits and the place to go on from. */
export interface InboundWriteOptions {
  /** Bytes of a part before compression; 1 GB unless told. At most 3 GB with gzip, 5 GB without. */
  readonly maxRawBytes?: number;
  readonly resume?: InboundCheckpoint;
}

/**
 * Writes any number of records as files, one chunk of about 64 KB in memory at a time.
 * `source(skip)` gives the records from position `skip` on, in the same order each time it is asked.
 * Take the parts one after another; no part is ever empty.
 */
export async function* writeInboundFiles(
  spec: InboundFileSpec,
  source: (skip: number) => AsyncIterable<InboundRecord> | Iterable<InboundRecord>,
  options: InboundWriteOptions = {},
): AsyncGenerator<InboundPart, void, undefined> {
  const limit = Math.min(options.maxRawBytes ?? ADVISED_BYTES, spec.gzip ? MAX_GZIP_BYTES : MAX_RAW_BYTES);
  let { part, records } = options.resume ?? { part: 1, records: 0 };
  const lines = new LineReader(source(records), records);
  while (await lines.peek()) {
    const writer = new PartWriter(lines, inboundFileName(spec, part), { part: part + 1, limit });
    const text = writer.chunks();
    yield { name: writer.name, chunks: spec.gzip ? gzip(text) : text, result: () => writer.result() };
    records = writer.result().checkpoint.records;
    part += 1;
  }
}

/** The source as groups of lines, one record a group, with one group of look-ahead. */
class LineReader {
  readonly refused: { readonly record: number; readonly issue: Issue }[] = [];
  refusedCount = 0;
  consumed: number;
  readonly #records: AsyncIterator<InboundRecord> | Iterator<InboundRecord>;
  #next: { readonly text: string; readonly lines: number; readonly bytes: number } | undefined;

  constructor(source: AsyncIterable<InboundRecord> | Iterable<InboundRecord>, skipped: number) {
    this.#records =
      Symbol.asyncIterator in source ? source[Symbol.asyncIterator]() : source[Symbol.iterator]();
    this.consumed = skipped;
  }

  /** The next record's lines without taking them; refused records are noted and passed over. */
  peek(): Promise<LineGroup | undefined> | LineGroup | undefined {
    if (this.#next !== undefined) return this.#next;
    return this.#read();
  }

  async #read(): Promise<LineGroup | undefined> {
    for (;;) {
      const step = this.#records.next();
      const { done, value } = step instanceof Promise ? await step : step;
      if (done === true) return undefined;
      const lines = inboundLines(value);
      if (lines.ok) {
        const text = `${lines.value.join("\n")}\n`;
        this.#next = { text, lines: lines.value.length, bytes: utf8Length(text) };
        return this.#next;
      }
      if (this.refused.length < 100) this.refused.push({ record: this.consumed, issue: lines.error });
      this.refusedCount += 1;
      this.consumed += 1;
    }
  }

  take(): void {
    this.#next = undefined;
    this.consumed += 1;
  }
}

interface LineGroup {
  readonly text: string;
  readonly lines: number;
  readonly bytes: number;
}

class PartWriter {
  readonly name: string;
  readonly #lines: LineReader;
  readonly #limit: number;
  readonly #nextPart: number;
  #lineCount = 0;
  #rawBytes = 0;
  #done = false;

  constructor(lines: LineReader, name: string, at: { readonly part: number; readonly limit: number }) {
    this.#lines = lines;
    this.name = name;
    this.#limit = at.limit;
    this.#nextPart = at.part;
  }

  async *chunks(): AsyncGenerator<Uint8Array, void, undefined> {
    const encoder = new TextEncoder();
    let text = "";
    for (;;) {
      const peeked = this.#lines.peek();
      const group = peeked instanceof Promise ? await peeked : peeked;
      if (group === undefined || (this.#rawBytes > 0 && this.#rawBytes + group.bytes > this.#limit)) break;
      this.#lines.take();
      this.#lineCount += group.lines;
      this.#rawBytes += group.bytes;
      text += group.text;
      if (text.length >= CHUNK) {
        yield encoder.encode(text);
        text = "";
      }
    }
    if (text !== "") yield encoder.encode(text);
    this.#done = true;
  }

  result(): InboundPartResult {
    if (!this.#done) throw new Error("read the chunks of a part to their end before asking for its result");
    const { refused, refusedCount, consumed } = this.#lines;
    return {
      name: this.name,
      lines: this.#lineCount,
      rawBytes: this.#rawBytes,
      refusedCount,
      refused: [...refused],
      checkpoint: { part: this.#nextPart, records: consumed },
    };
  }
}

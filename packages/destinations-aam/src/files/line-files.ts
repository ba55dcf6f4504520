import { findLimit } from "@tessera/guardrails";
import type { Issue } from "@tessera/xdm";
import { gzip } from "./gzip.ts";
import { utf8Length } from "./utf8-length.ts";

/** Largest files: 5 GB as written, 3 GB compressed; 1 GB is advised and the default. */
const MAX_RAW_BYTES = findLimit("aam.file-size-raw").value;
const MAX_GZIP_BYTES = findLimit("aam.file-size-compressed").value;
const ADVISED_BYTES = 1_000_000_000;
const CHUNK = 1 << 16;

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

/** The records from position `skip` on, in the same order each time it is asked. */
export type RecordSource<Item> = (skip: number) => AsyncIterable<Item> | Iterable<Item>;

/** How records become the lines of named files. */
export interface LineFormat<Item> {
  readonly nameOf: (part: number) => string;
  readonly gzip: boolean;
  /** The lines of a record, without their ends, or why it is left out. A record is never split over two files. */
  readonly linesOf: (item: Item) => readonly string[] | Issue;
}

/** Writes any number of records as files, one chunk of about 64 KB in memory at a time. No part is ever empty. */
export async function* writeLineFiles<Item>(
  format: LineFormat<Item>,
  source: RecordSource<Item>,
  options: InboundWriteOptions = {},
): AsyncGenerator<InboundPart, void, undefined> {
  const limit = Math.min(options.maxRawBytes ?? ADVISED_BYTES, format.gzip ? MAX_GZIP_BYTES : MAX_RAW_BYTES);
  let { part, records } = options.resume ?? { part: 1, records: 0 };
  const lines = new LineReader(source(records), format.linesOf, records);
  while ((await lines.peek()) !== undefined) {
    const writer = new PartWriter(lines, format.nameOf(part), { part: part + 1, limit });
    const text = writer.chunks();
    yield { name: writer.name, chunks: format.gzip ? gzip(text) : text, result: () => writer.result() };
    records = writer.result().checkpoint.records;
    part += 1;
  }
}

interface LineGroup {
  readonly text: string;
  readonly lines: number;
  readonly bytes: number;
}

/** What the next record is: its lines, nothing more to come, or a record that was left out. */
type Step = LineGroup | "end" | "refused";

/** The source as groups of lines, one record a group, with one group of look-ahead; a promise only where the source is one. */
class LineReader<Item> {
  readonly refused: { readonly record: number; readonly issue: Issue }[] = [];
  refusedCount = 0;
  consumed: number;
  readonly #next: () => IteratorResult<Item> | Promise<IteratorResult<Item>>;
  readonly #linesOf: LineFormat<Item>["linesOf"];
  #held: LineGroup | undefined;

  constructor(
    source: AsyncIterable<Item> | Iterable<Item>,
    linesOf: LineFormat<Item>["linesOf"],
    skipped: number,
  ) {
    const iterator: AsyncIterator<Item> | Iterator<Item> =
      Symbol.asyncIterator in source ? source[Symbol.asyncIterator]() : source[Symbol.iterator]();
    this.#next = () => iterator.next();
    this.#linesOf = linesOf;
    this.consumed = skipped;
  }

  /** The next record's lines without taking them; refused records are noted and passed over. */
  peek(): LineGroup | undefined | Promise<LineGroup | undefined> {
    if (this.#held !== undefined) return this.#held;
    for (;;) {
      const next = this.#next();
      if (next instanceof Promise) return this.#peekLater(next);
      const step = this.#step(next);
      if (step !== "refused") return step === "end" ? undefined : step;
    }
  }

  async #peekLater(first: Promise<IteratorResult<Item>>): Promise<LineGroup | undefined> {
    for (let step = this.#step(await first); ; step = this.#step(await this.#next()))
      if (step !== "refused") return step === "end" ? undefined : step;
  }

  #step(next: IteratorResult<Item>): Step {
    if (next.done === true) return "end";
    const lines = this.#linesOf(next.value);
    if ("code" in lines) {
      if (this.refused.length < 100) this.refused.push({ record: this.consumed, issue: lines });
      this.refusedCount += 1;
      this.consumed += 1;
      return "refused";
    }
    const text = lines.length === 1 ? `${lines[0] ?? ""}\n` : `${lines.join("\n")}\n`;
    this.#held = { text, lines: lines.length, bytes: utf8Length(text) };
    return this.#held;
  }

  take(): void {
    this.#held = undefined;
    this.consumed += 1;
  }
}

class PartWriter<Item> {
  readonly name: string;
  readonly #lines: LineReader<Item>;
  readonly #limit: number;
  readonly #nextPart: number;
  #lineCount = 0;
  #rawBytes = 0;
  #done = false;

  constructor(lines: LineReader<Item>, name: string, at: { readonly part: number; readonly limit: number }) {
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

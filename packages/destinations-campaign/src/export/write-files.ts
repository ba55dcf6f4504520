import { findLimit } from "@tessera/guardrails";
import type { CsvOptions } from "../csv/csv-options.ts";
import { createCsvWriter, type CsvValues } from "../csv/csv-row.ts";
import { createEncoder, gzip } from "../csv/encode.ts";
import { fileName } from "../file-name.ts";
import type { CreateHash, Hasher, ManifestFile } from "./manifest.ts";

/** Rows in one file at most; further rows go to `_2`, `_3`, … */
export const MAX_ROWS_PER_FILE: number = findLimit("destinations.rows-per-file").value;
const CHUNK = 1 << 16;

/** What the files of one export have in common. */
export interface CsvFileSpec {
  /** Name without part number and extension. */
  readonly base: string;
  readonly columns: readonly string[];
  readonly csv: CsvOptions;
  /** At most 5,000,000, the default. */
  readonly rowsPerFile?: number;
}

/**
 * Where an export stands after a whole file: pass it back to go on after a break. The file after it is written anew
 * under the same name, so that no row is there twice and none is missing.
 */
export interface CsvCheckpoint {
  readonly files: readonly ManifestFile[];
  /** Rows of the source in those files. */
  readonly rows: number;
}

/** One file to store. Read `chunks` to the end, store them under `name`, then take `checkpoint()`. */
export interface CsvFilePart {
  readonly name: string;
  readonly chunks: AsyncIterable<Uint8Array>;
  /** Available once `chunks` has been read to its end. */
  readonly checkpoint: () => CsvCheckpoint;
}

/** Where to go on from, and how checksums are made. */
export interface CsvWriteOptions {
  readonly createHash?: CreateHash;
  readonly resume?: CsvCheckpoint;
}

type Source = AsyncIterable<CsvValues> | Iterable<CsvValues>;

/**
 * Writes any number of rows as files, about 64 KB in memory at a time. `source(skip)` gives the rows from position
 * `skip` on, in the same order each time. Without rows there is one file with the header alone, so that a reader can
 * tell an empty audience from a missing export.
 */
export async function* writeCsvFiles(
  spec: CsvFileSpec,
  source: (skip: number) => Source,
  options: CsvWriteOptions = {},
): AsyncGenerator<CsvFilePart, void, undefined> {
  const limit = Math.min(spec.rowsPerFile ?? MAX_ROWS_PER_FILE, MAX_ROWS_PER_FILE);
  const { files, rows } = options.resume ?? { files: [], rows: 0 };
  const input = new RowReader(source(rows));
  let done: CsvCheckpoint = { files, rows };
  while (done.files.length === 0 || (await input.more())) {
    const name = fileName(spec.base, done.files.length + 1, spec.csv.compression);
    const writer = new FileWriter(spec, input, options.createHash?.());
    const before = done;
    const checkpoint = (): CsvCheckpoint => {
      const file = { name, ...writer.result() };
      return { files: [...before.files, file], rows: before.rows + file.rows };
    };
    const text = writer.chunks(limit);
    yield { name, chunks: spec.csv.compression === "gzip" ? gzip(text) : text, checkpoint };
    done = checkpoint();
  }
}

/** The source one row at a time, synchronously while it can be. */
class RowReader {
  readonly #sync: Iterator<CsvValues> | undefined;
  readonly #async: AsyncIterator<CsvValues> | undefined;
  #peeked: CsvValues | undefined;

  constructor(source: Source) {
    if (Symbol.asyncIterator in source) this.#async = source[Symbol.asyncIterator]();
    else this.#sync = source[Symbol.iterator]();
  }

  async more(): Promise<boolean> {
    this.#peeked ??= await this.next();
    return this.#peeked !== undefined;
  }

  /** The next row; a promise only when the source is one. */
  next(): CsvValues | undefined | Promise<CsvValues | undefined> {
    if (this.#peeked !== undefined) {
      const row = this.#peeked;
      this.#peeked = undefined;
      return row;
    }
    if (this.#sync !== undefined) {
      const step = this.#sync.next();
      return step.done === true ? undefined : step.value;
    }
    return this.#async?.next().then((step) => (step.done === true ? undefined : step.value));
  }
}

class FileWriter {
  readonly #spec: CsvFileSpec;
  readonly #input: RowReader;
  readonly #hash: Hasher | undefined;
  #rows = 0;
  #bytes = 0;
  #result: Omit<ManifestFile, "name"> | undefined;

  constructor(spec: CsvFileSpec, input: RowReader, hash: Hasher | undefined) {
    this.#spec = spec;
    this.#input = input;
    this.#hash = hash;
  }

  async *chunks(limit: number): AsyncGenerator<Uint8Array, void, undefined> {
    const write = createCsvWriter(this.#spec.csv);
    const encode = createEncoder(this.#spec.csv.encoding);
    let text = this.#spec.csv.header ? write(this.#spec.columns) : "";
    while (this.#rows < limit) {
      const next = this.#input.next();
      const row = next instanceof Promise ? await next : next;
      if (row === undefined) break;
      text += write(row);
      this.#rows += 1;
      if (text.length >= CHUNK) {
        yield this.#count(encode(text));
        text = "";
      }
    }
    if (text !== "") yield this.#count(encode(text));
    this.#result = {
      rows: this.#rows,
      contentBytes: this.#bytes,
      ...(this.#hash !== undefined && { contentSha256: this.#hash.digest() }),
    };
  }

  #count(bytes: Uint8Array): Uint8Array {
    this.#bytes += bytes.length;
    this.#hash?.update(bytes);
    return bytes;
  }

  result(): Omit<ManifestFile, "name"> {
    if (this.#result === undefined)
      throw new Error("read the chunks of a file to their end before asking for its checkpoint");
    return this.#result;
  }
}

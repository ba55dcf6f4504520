import { type ColumnChunk, CHUNK_PERSONS } from "./columns.ts";
import type { ColumnLayout } from "./layout.ts";

/** Whole numbers that say how the rest lies: format, persons, events, width of the codes of each attribute column. */
const FORMAT = 1;

/**
 * A chunk as bytes: the columns one after the other, each beginning at a multiple of eight, in the byte order of the
 * machine. The events of a person lie together, without gaps.
 */
export function encodeChunk(chunk: ColumnChunk): Uint8Array {
  const packed = withoutGaps(chunk);
  const { persons, codes, length, used, kinds, times, values } = packed;
  const head = Int32Array.from([FORMAT, persons, used, codes.length, values.length, ...codes.map(widthOf)]);
  const parts = [
    head,
    ...codes.map((column) => column.subarray(0, persons)),
    length.subarray(0, persons),
    kinds.subarray(0, used),
    times.subarray(0, used),
    ...values.map((column) => column.subarray(0, used)),
  ];
  const size = parts.reduce((sum, part) => sum + padded(part.byteLength), 0);
  const bytes = new Uint8Array(size);
  let at = 0;
  for (const part of parts) {
    bytes.set(new Uint8Array(part.buffer, part.byteOffset, part.byteLength), at);
    at += padded(part.byteLength);
  }
  return bytes;
}

/** What `encodeChunk` was given; undefined for bytes of another layout, or that are no chunk. */
export function decodeChunk(bytes: Uint8Array, layout: ColumnLayout): ColumnChunk | undefined {
  const { buffer } = bytes.byteOffset % 8 === 0 ? bytes : bytes.slice();
  const first = bytes.byteOffset % 8 === 0 ? bytes.byteOffset : 0;
  const end = first + bytes.length;
  if (bytes.length < 20) return undefined;
  const fixed = new Int32Array(buffer, first, 5);
  const [format = 0, persons = 0, used = 0, attributes = 0, values = 0] = fixed;
  const fits =
    format === FORMAT &&
    persons >= 0 &&
    persons <= CHUNK_PERSONS &&
    used >= 0 &&
    attributes === layout.attributes.length &&
    values === layout.values.length;
  if (!fits || bytes.length < 20 + attributes * 4) return undefined;
  const widths = [...new Int32Array(buffer, first + 20, attributes)];
  let size = padded(20 + attributes * 4) + padded(persons * 4) + padded(used * 4) * (1 + values) + used * 8;
  for (const width of widths) size += padded(persons * width);
  if (size !== bytes.length) return undefined;
  let at = first + padded(20 + attributes * 4);
  const take = (length: number): number => {
    const place = at;
    at += padded(length);
    return place;
  };
  const codes = widths.map((width) => codesAt(buffer, take(persons * width), { width, persons }));
  const length = new Int32Array(CHUNK_PERSONS);
  length.set(new Int32Array(buffer, take(persons * 4), persons));
  const start = new Int32Array(CHUNK_PERSONS);
  for (let person = 1; person < persons; person++)
    start[person] = (start[person - 1] ?? 0) + (length[person - 1] ?? 0);
  const kinds = new Int32Array(buffer, take(used * 4), used);
  const times = new Float64Array(buffer, take(used * 8), used);
  const columns = layout.values.map(() => new Int32Array(buffer, take(used * 4), used));
  if (at !== end) return undefined;
  return { persons, codes, start, length, room: length.slice(), used, kinds, times, values: columns };
}

function codesAt(
  buffer: ArrayBufferLike,
  at: number,
  { width, persons }: { readonly width: number; readonly persons: number },
): ColumnChunk["codes"][number] {
  if (width === 1) return widened(new Uint8Array(CHUNK_PERSONS), new Uint8Array(buffer, at, persons));
  if (width === 2) return widened(new Uint16Array(CHUNK_PERSONS), new Uint16Array(buffer, at, persons));
  return widened(new Int32Array(CHUNK_PERSONS), new Int32Array(buffer, at, persons));
}

/** A whole column, so that persons may be added. */
function widened<T extends ColumnChunk["codes"][number]>(column: T, stored: T): T {
  column.set(stored);
  return column;
}

function withoutGaps(chunk: ColumnChunk): ColumnChunk {
  const { persons, start, length } = chunk;
  let used = 0;
  for (let person = 0; person < persons; person++) used += length[person] ?? 0;
  const kinds = new Int32Array(used);
  const times = new Float64Array(used);
  const values = chunk.values.map(() => new Int32Array(used));
  let at = 0;
  for (let person = 0; person < persons; person++) {
    const from = start[person] ?? 0;
    const end = from + (length[person] ?? 0);
    kinds.set(chunk.kinds.subarray(from, end), at);
    times.set(chunk.times.subarray(from, end), at);
    for (let value = 0; value < values.length; value++) {
      const column = chunk.values[value];
      if (column !== undefined) values[value]?.set(column.subarray(from, end), at);
    }
    at += end - from;
  }
  return { ...chunk, used, kinds, times, values };
}

const widthOf = (column: ColumnChunk["codes"][number]): number => column.BYTES_PER_ELEMENT;
const padded = (length: number): number => (length + 7) & ~7;

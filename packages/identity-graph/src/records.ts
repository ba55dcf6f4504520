const SHIFT = 15;
/** Records in one chunk: enough for the chunks themselves to be few, and so at hand. */
const CHUNK = 1 << SHIFT;
const MASK = CHUNK - 1;
/** Records the first chunk begins with; it grows to its full size. */
const START = 64;

/**
 * Engines take other buffers for a sign that much has become garbage, and mark all that a program holds once they have
 * grown by some tens of megabytes; shared ones they do not count. Not every browser has them.
 */
const Memory: SharedArrayBufferConstructor | ArrayBufferConstructor =
  typeof SharedArrayBuffer === "undefined" ? ArrayBuffer : SharedArrayBuffer;

/**
 * Records of a fixed number of fields in chunks of memory: whatever belongs to one record lies side by side, and growing
 * copies next to nothing. A field of 4 bytes is a whole number; fields of 8 bytes, counted in pairs, are any number.
 */
export class Records {
  private readonly fields: number;
  private readonly halves: number;
  private readonly ints: Int32Array[] = [];
  private readonly doubles: Float64Array[] = [];
  private room = 0;

  /** `fields` of 4 bytes a record: an even number. */
  constructor(fields: number) {
    this.fields = fields;
    this.halves = fields >> 1;
  }

  /** Makes room for a record; what is new is zero. */
  reserve(record: number): void {
    while (record >= this.room) {
      const count = this.room < CHUNK ? Math.max(START, this.room * 2) : CHUNK;
      const ints = new Int32Array(new Memory(count * this.fields * Int32Array.BYTES_PER_ELEMENT));
      if (this.room < CHUNK) {
        const first = this.ints.pop();
        this.doubles.pop();
        if (first) ints.set(first);
        this.room = count;
      } else this.room += CHUNK;
      this.ints.push(ints);
      this.doubles.push(new Float64Array(ints.buffer));
    }
  }

  /** The chunk of a record, to read or write several fields from `offset(record)` on. */
  chunk(record: number): Int32Array {
    return this.ints[record >> SHIFT] ?? NONE;
  }

  offset(record: number): number {
    return (record & MASK) * this.fields;
  }

  /** The same for fields of 8 bytes, from half of `offset(record)` on. */
  doublesOf(record: number): Float64Array {
    return this.doubles[record >> SHIFT] ?? NO_DOUBLES;
  }

  int(record: number, field: number): number {
    return this.ints[record >> SHIFT]?.[(record & MASK) * this.fields + field] ?? 0;
  }

  setInt(record: number, field: number, value: number): void {
    const chunk = this.ints[record >> SHIFT];
    if (chunk) chunk[(record & MASK) * this.fields + field] = value;
  }

  double(record: number, field: number): number {
    return this.doubles[record >> SHIFT]?.[(record & MASK) * this.halves + field] ?? 0;
  }

  setDouble(record: number, field: number, value: number): void {
    const chunk = this.doubles[record >> SHIFT];
    if (chunk) chunk[(record & MASK) * this.halves + field] = value;
  }
}

const NONE = new Int32Array(0);
const NO_DOUBLES = new Float64Array(0);

/** So large that a chunk is not copied by collections of young memory. */
const TEXTS_SHIFT = 15;
const TEXTS = 1 << TEXTS_SHIFT;

const empty = (count: number): string[] => Array.from({ length: count }, () => "");
/** A chunk of nothing, to copy: several times as fast as making one. */
let noTexts: readonly string[] | undefined;

/** Texts by number, in chunks, so that growing copies next to nothing. */
export class Texts {
  private readonly chunks: string[][] = [];
  private room = 0;

  at(index: number): string {
    return this.chunks[index >> TEXTS_SHIFT]?.[index & (TEXTS - 1)] ?? "";
  }

  /** Whether there is room for a text: reads where it stands, but not the text. */
  has(index: number): boolean {
    return this.chunks[index >> TEXTS_SHIFT]?.[index & (TEXTS - 1)] !== undefined;
  }

  set(index: number, text: string): void {
    while (index >= this.room) this.grow();
    const chunk = this.chunks[index >> TEXTS_SHIFT];
    if (chunk) chunk[index & (TEXTS - 1)] = text;
  }

  private grow(): void {
    if (this.room >= TEXTS) {
      noTexts ??= empty(TEXTS);
      this.chunks.push(noTexts.slice());
      this.room += TEXTS;
      return;
    }
    const [first = []] = this.chunks;
    const more = Math.max(START, this.room);
    this.chunks[0] = first.concat(empty(more));
    this.room += more;
  }
}

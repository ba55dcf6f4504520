const SHIFT = 12;
/** Records in one chunk. */
const CHUNK = 1 << SHIFT;
const MASK = CHUNK - 1;

/**
 * Records of a fixed number of fields in chunks of memory: whatever belongs to one record lies side by side, and growing
 * copies nothing. A field of 4 bytes is a whole number; fields of 8 bytes, counted in pairs, are any number.
 */
export class Records {
  private readonly fields: number;
  private readonly halves: number;
  private readonly ints: Int32Array[] = [];
  private readonly doubles: Float64Array[] = [];

  /** `fields` of 4 bytes a record: an even number. */
  constructor(fields: number) {
    this.fields = fields;
    this.halves = fields >> 1;
  }

  /** Makes room for a record; what is new is zero. */
  reserve(record: number): void {
    while (record >= this.ints.length << SHIFT) {
      const memory = new ArrayBuffer(CHUNK * this.fields * 4);
      this.ints.push(new Int32Array(memory));
      this.doubles.push(new Float64Array(memory));
    }
  }

  /** The chunk of a record, to read or write several fields from `offset(record)` on. */
  chunk(record: number): Int32Array {
    return this.ints[record >> SHIFT] ?? NONE;
  }

  offset(record: number): number {
    return (record & MASK) * this.fields;
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

/** Texts by number, in chunks, so that growing copies nothing. */
export class Texts {
  private readonly chunks: string[][] = [];

  at(index: number): string {
    return this.chunks[index >> SHIFT]?.[index & MASK] ?? "";
  }

  set(index: number, text: string): void {
    while (index >= this.chunks.length << SHIFT) this.chunks.push(Array.from({ length: CHUNK }, () => ""));
    const chunk = this.chunks[index >> SHIFT];
    if (chunk) chunk[index & MASK] = text;
  }
}

const SMALL = 0x80;
const BIT_SAFE = 2 ** 28;
const HALF_SAFE = 2 ** 52;
const LONGEST_SHORT_TEXT = 42;
const HEX_DIGITS_A_BYTE = 2;

/** Writes one row as bytes, into memory that it keeps: `done` is valid until the next `begin`. */
export class RowWriter {
  #bytes: Buffer = Buffer.allocUnsafe(64 * 1024);
  #length = 0;

  begin(): void {
    this.#length = 0;
  }

  /** The bytes written since `begin`. */
  done(): Uint8Array {
    return this.#bytes.subarray(0, this.#length);
  }

  /** A whole number from 0 to 2^53 - 1. */
  varint(value: number): void {
    this.#reserve(8);
    const bytes = this.#bytes;
    let rest = value;
    while (rest >= BIT_SAFE) {
      bytes[this.#length++] = (rest % SMALL) | SMALL;
      rest = Math.floor(rest / SMALL);
    }
    while (rest >= SMALL) {
      bytes[this.#length++] = (rest & 0x7f) | SMALL;
      rest >>>= 7;
    }
    bytes[this.#length++] = rest;
  }

  /** Any number; whole ones from 0 on are short. */
  number(value: number): void {
    if (Number.isInteger(value) && value >= 0 && value < HALF_SAFE && !Object.is(value, -0)) {
      this.varint(value * 2);
      return;
    }
    this.varint(1);
    this.#reserve(8);
    this.#length = this.#bytes.writeDoubleLE(value, this.#length);
  }

  /** Well-formed text. */
  text(value: string): void {
    const { length } = value;
    if (length <= LONGEST_SHORT_TEXT) {
      this.#reserve(1 + length * 3);
      const bytes = this.#bytes;
      const from = this.#length + 1;
      // Most texts are short and plain: a call for each would take longer than their characters one by one.
      let index = 0;
      for (let unit = 0; index < length; index += 1) {
        unit = value.charCodeAt(index);
        if (unit >= SMALL) break;
        bytes[from + index] = unit;
      }
      const written = index === length ? length : bytes.write(value, from, "utf8");
      bytes[this.#length] = written;
      this.#length = from + written;
      return;
    }
    const size = Buffer.byteLength(value, "utf8");
    this.varint(size);
    this.#reserve(size);
    this.#length += this.#bytes.write(value, this.#length, "utf8");
  }

  /** A blob that is given as hex digits, two for each byte. */
  hex(digits: string): void {
    const size = digits.length / HEX_DIGITS_A_BYTE;
    this.varint(size);
    this.#reserve(size);
    this.#length += this.#bytes.write(digits, this.#length, "hex");
  }

  blob(value: Uint8Array): void {
    this.varint(value.length);
    this.#reserve(value.length);
    this.#bytes.set(value, this.#length);
    this.#length += value.length;
  }

  #reserve(more: number): void {
    if (this.#length + more <= this.#bytes.length) return;
    const grown = Buffer.allocUnsafe(Math.max(this.#bytes.length * 2, this.#length + more));
    this.#bytes.copy(grown, 0, 0, this.#length);
    this.#bytes = grown;
  }
}

/** Reads what a RowWriter wrote, in the same order. */
export class RowReader {
  readonly #bytes: Buffer;
  #at = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  varint(): number {
    let value = 0;
    let scale = 1;
    for (;;) {
      const byte = this.#bytes[this.#at++] ?? 0;
      value += (byte & 0x7f) * scale;
      if (byte < SMALL) return value;
      scale *= SMALL;
    }
  }

  number(): number {
    const value = this.varint();
    if (value !== 1) return value / 2;
    this.#at += 8;
    return this.#bytes.readDoubleLE(this.#at - 8);
  }

  text(): string {
    const size = this.varint();
    this.#at += size;
    return this.#bytes.toString("utf8", this.#at - size, this.#at);
  }

  /** Bytes of the row itself: they keep all of it in memory. */
  view(): Uint8Array {
    const size = this.varint();
    this.#at += size;
    return this.#bytes.subarray(this.#at - size, this.#at);
  }

  /** A copy that outlives the row. */
  blob(): Uint8Array {
    const size = this.varint();
    this.#at += size;
    return new Uint8Array(this.#bytes.subarray(this.#at - size, this.#at));
  }

  get atEnd(): boolean {
    return this.#at >= this.#bytes.length;
  }
}

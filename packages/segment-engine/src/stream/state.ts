/**
 * What is kept of one person so that the next event can be decided without the ones before. Plain data, owned by the
 * caller, changed in place by the plan that made it; only that plan can read it.
 */
export interface StreamState {
  /** The moment (ms) up to which it holds. */
  at: number;
  /** The earliest moment ahead at which a membership can change with nothing new; `Infinity` when none. */
  next: number;
  /** The results of all nodes of the program, 32 in a number. */
  readonly bits: number[];
  /** The windows that hold something for this person, ascending, and what they hold. */
  readonly keys: number[];
  readonly data: number[][];
  /** For each of them the moment at which time alone changes something; not later than the truth, not stored. */
  readonly due: number[];
}

const FORMAT = 1;

/** Grows as needed while a state is written. */
class Writer {
  #bytes: Uint8Array = new Uint8Array(1_024);
  #view: DataView = new DataView(this.#bytes.buffer);
  #length = 0;

  #room(more: number): void {
    if (this.#length + more <= this.#bytes.length) return;
    const grown = new Uint8Array(Math.max(2 * this.#bytes.length, this.#length + more));
    grown.set(this.#bytes.subarray(0, this.#length));
    this.#bytes = grown;
    this.#view = new DataView(grown.buffer);
  }

  begin(): void {
    this.#length = 0;
  }

  float(value: number): void {
    this.#room(8);
    this.#view.setFloat64(this.#length, value, true);
    this.#length += 8;
  }

  /** A whole number of at least 0, seven bits a byte. */
  whole(value: number): void {
    this.#room(8);
    let rest = value;
    while (rest >= 128) {
      this.#bytes[this.#length++] = (rest % 128) | 128;
      rest = Math.floor(rest / 128);
    }
    this.#bytes[this.#length++] = rest;
  }

  word(value: number): void {
    this.#room(4);
    this.#view.setInt32(this.#length, value, true);
    this.#length += 4;
  }

  bytes(): Uint8Array {
    return this.#bytes.slice(0, this.#length);
  }
}

const writer = new Writer();

/** Writes a state as bytes. `fingerprint` names the plan it belongs to. */
export function writeState(state: StreamState, fingerprint: number): Uint8Array {
  writer.begin();
  writer.whole(FORMAT);
  writer.word(fingerprint);
  writer.float(state.at);
  writer.float(state.next);
  writer.whole(state.bits.length);
  for (const bits of state.bits) writer.word(bits);
  writer.whole(state.keys.length);
  let previous = 0;
  for (let index = 0; index < state.keys.length; index++) {
    const key = state.keys[index] ?? 0;
    const values = state.data[index] ?? [];
    writer.whole(key - previous);
    writer.whole(values.length);
    for (const value of values) writeNumber(value, state.at);
    previous = key;
  }
  return writer.bytes();
}

/**
 * Times are mostly whole milliseconds not long before the state's moment: the distance takes few bytes. 0 stands for
 * a number written in full, 1 for minus infinity.
 */
function writeNumber(value: number, at: number): void {
  const distance = at - value;
  if (value === -Infinity) writer.whole(1);
  else if (distance >= 0 && distance < 2 ** 47 && Number.isInteger(value) && Number.isInteger(distance))
    writer.whole(distance + 2);
  else {
    writer.whole(0);
    writer.float(value);
  }
}

/** Reads a state; `undefined` for bytes of another plan or another format. */
export function readState(bytes: Uint8Array, fingerprint: number): StreamState | undefined {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (bytes.length < 21 || bytes[0] !== FORMAT || view.getInt32(1, true) !== fingerprint) return undefined;
  let place = 21;
  const whole = (): number => {
    let value = 0;
    let scale = 1;
    for (;;) {
      const byte = bytes[place++] ?? 0;
      value += (byte & 127) * scale;
      if (byte < 128) return value;
      scale *= 128;
    }
  };
  const at = view.getFloat64(5, true);
  const next = view.getFloat64(13, true);
  const bits: number[] = [];
  for (let left = whole(); left > 0; left--) {
    bits.push(view.getInt32(place, true));
    place += 4;
  }
  const keys: number[] = [];
  const data: number[][] = [];
  let key = 0;
  for (let left = whole(); left > 0; left--) {
    key += whole();
    keys.push(key);
    const values: number[] = [];
    for (let more = whole(); more > 0; more--) {
      const distance = whole();
      if (distance > 1) values.push(at - (distance - 2));
      else if (distance === 1) values.push(-Infinity);
      else {
        values.push(view.getFloat64(place, true));
        place += 8;
      }
    }
    data.push(values);
  }
  return { at, next, bits, keys, data, due: keys.map(() => -Infinity) };
}

/** Where a key stands, or `-1 - place` where it would stand. */
export function placeOf(keys: readonly number[], key: number): number {
  let low = 0;
  let high = keys.length - 1;
  while (low <= high) {
    const middle = (low + high) >>> 1;
    const found = keys[middle] ?? 0;
    if (found === key) return middle;
    if (found < key) low = middle + 1;
    else high = middle - 1;
  }
  return -1 - low;
}

import type { Places } from "./places.ts";

/**
 * What is kept of one person so that the next event can be decided without the ones before. Plain data, owned by the
 * caller, changed in place by the plan that made it; only that plan can read it.
 */
export interface StreamState {
  /** The moment (ms) up to which it holds. */
  at: number;
  /** The earliest moment ahead at which a membership can change with nothing new; `Infinity` when none. */
  next: number;
  /** The windows that have a place for this person, ascending, and where their cells begin. */
  readonly keys: number[];
  readonly starts: number[];
  /**
   * All numbers of the person in one stretch of memory: `at`, `next`, from `BITS` on the results of all nodes of the
   * program, 32 in a number, and what the windows hold. Of each window the first says when time alone changes something.
   */
  readonly cells: number[];
  /** What windows hold that have no fixed length. */
  readonly lists: number[][];
}

/** Where in the cells the results of the nodes begin. */
export const BITS = 2;

/** The state of one person: what is asked for with each event lies together in the cells. */
export class PersonState implements StreamState {
  readonly keys: number[];
  readonly starts: number[];
  readonly cells: number[];
  readonly lists: number[][] = [];

  constructor(keys: number[], starts: number[], cells: number[]) {
    this.keys = keys;
    this.starts = starts;
    this.cells = cells;
  }

  get at(): number {
    return this.cells[0] ?? 0;
  }

  set at(at: number) {
    this.cells[0] = at;
  }

  get next(): number {
    return this.cells[1] ?? Infinity;
  }

  set next(next: number) {
    this.cells[1] = next;
  }
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

  /** Begins behind so many bytes, which are left to others. */
  begin(head: number): void {
    this.#length = 0;
    this.#room(head);
    this.#length = head;
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
    while (rest > 0x7fffffff) {
      this.#bytes[this.#length++] = (rest % 128) | 128;
      rest = Math.floor(rest / 128);
    }
    let small = rest | 0;
    for (; small >= 128; small >>>= 7) this.#bytes[this.#length++] = (small & 127) | 128;
    this.#bytes[this.#length++] = small;
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

/** How a state is written. */
interface Writing {
  readonly places: Places;
  /** Names the plan it belongs to. */
  readonly fingerprint: number;
  /** How many bytes are left free before it. */
  readonly head: number;
}

/** Writes a state as bytes. */
export function writeState(state: StreamState, { places, fingerprint, head }: Writing): Uint8Array {
  writer.begin(head);
  writer.whole(FORMAT);
  writer.word(fingerprint);
  writer.float(state.at);
  writer.float(state.next);
  writer.whole(places.words);
  for (let word = BITS; word < BITS + places.words; word++) writer.word(state.cells[word] ?? 0);
  const count = places.fill(state);
  writer.whole(count);
  let previous = 0;
  for (let index = 0; index < count; index++) {
    const stretch = places.filled[index];
    if (stretch === undefined) continue;
    const { key, values, from, end } = stretch;
    writer.whole(key - previous);
    previous = key;
    writer.whole(end - from);
    for (let at = from; at < end; at++) writeNumber(values[at] ?? 0, state.at);
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
export function readState(bytes: Uint8Array, fingerprint: number, places: Places): StreamState | undefined {
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
  const state = places.create(at);
  state.next = view.getFloat64(13, true);
  const words = whole();
  for (let word = 0; word < words; word++) {
    state.cells[BITS + word] = view.getInt32(place, true);
    place += 4;
  }
  let key = 0;
  const values: number[] = [];
  for (let left = whole(); left > 0; left--) {
    key += whole();
    values.length = 0;
    for (let count = whole(); count > 0; count--) {
      const distance = whole();
      if (distance > 1) values.push(at - (distance - 2));
      else if (distance === 1) values.push(-Infinity);
      else {
        values.push(view.getFloat64(place, true));
        place += 8;
      }
    }
    places.put(state, key, values);
  }
  return state;
}

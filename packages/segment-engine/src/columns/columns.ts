import type { ExperienceEvent, JsonObject } from "@tessera/xdm";
import type { PersonView } from "../evaluate/context.ts";
import { fieldOf } from "../evaluate/values.ts";
import { AttributeReader } from "../rows/attribute-reader.ts";
import { instantOf } from "../time/calendar.ts";
import { Dictionary } from "./dictionary.ts";
import type { ColumnLayout } from "./layout.ts";

/** Persons in a chunk. A chunk is the unit of storing, of progress and of going on after a stop. */
export const CHUNK_PERSONS: number = 8_192;

type Codes = Uint8Array | Uint16Array | Int32Array;

/** The columns of up to 8,192 persons. */
export interface ColumnChunk {
  persons: number;
  /** For each attribute column the codes of the persons. */
  readonly codes: Codes[];
  /** The events of person p are `start[p]` to `start[p] + length[p] - 1` of the arrays below; there is room for `room[p]`. */
  readonly start: Int32Array;
  readonly length: Int32Array;
  readonly room: Int32Array;
  used: number;
  kinds: Int32Array;
  times: Float64Array;
  readonly values: Int32Array[];
}

/**
 * The attributes and event fields that audiences use, of all persons, by column: codes of a dictionary, and the events
 * of each person side by side. Kept up as persons change; the raw data stay where they are.
 */
export class Columns {
  readonly layout: ColumnLayout;
  readonly dictionaries: readonly Dictionary[];
  /** Kinds of events: the values of the layout's event fields together. */
  readonly kinds: Dictionary;
  readonly valueDictionaries: readonly Dictionary[];
  /** A chunk that is not in memory is `undefined`. */
  readonly chunks: (ColumnChunk | undefined)[] = [];
  readonly #reader: AttributeReader;
  readonly #events: AttributeReader;
  readonly #kindTree = new Map<unknown, unknown>();
  #persons = 0;

  constructor(layout: ColumnLayout, stored?: StoredDictionaries) {
    this.layout = layout;
    this.dictionaries = layout.attributes.map((_, index) => new Dictionary(stored?.attributes[index]));
    this.kinds = new Dictionary(stored?.kinds);
    this.valueDictionaries = layout.values.map((_, index) => new Dictionary(stored?.values[index]));
    this.#reader = new AttributeReader(layout.attributes.map((path) => path.split(".")));
    this.#events = new AttributeReader([...layout.events, ...layout.values].map((path) => path.split(".")));
  }

  /** How many persons there are: their rows are 0 to `persons - 1`. */
  get persons(): number {
    return this.#persons;
  }

  /** What chunks need to be read again. */
  storedDictionaries(): StoredDictionaries {
    return {
      attributes: this.dictionaries.map(({ values }) => values),
      kinds: this.kinds.values,
      values: this.valueDictionaries.map(({ values }) => values),
    };
  }

  /** Adds a person, or puts what is known of one in place. Gives the row. */
  put(person: PersonView, row: number = this.#persons): number {
    this.putAttributes(row, person);
    this.putEvents(row, person.events);
    return row;
  }

  /** Puts the events of a person in place, in order of time. */
  putEvents(row: number, events: readonly ExperienceEvent[]): void {
    const { chunk, at } = this.#place(row);
    chunk.length[at] = 0;
    for (const event of events) this.addEvent(row, event);
  }

  /** Puts the attributes (and memberships from elsewhere) of a person in place. */
  putAttributes(row: number, person: Omit<PersonView, "events">): void {
    const { chunk, at } = this.#place(row);
    const { segmentMembership } = person;
    const attributes =
      segmentMembership === undefined
        ? person.attributes
        : { ...person.attributes, segmentMembership: segmentMembership as unknown as JsonObject };
    const values = this.#reader.read(attributes);
    for (let column = 0; column < this.dictionaries.length; column++) {
      const code = this.dictionaries[column]?.code(values[column]) ?? 0;
      chunk.codes[column] = written(chunk.codes[column], at, code);
    }
  }

  /** Adds an event of a person; events come in order of time. */
  addEvent(row: number, event: ExperienceEvent): void {
    const { chunk, at } = this.#place(row);
    const time = typeof event.timestamp === "string" ? instantOf(event.timestamp) : Number.NaN;
    const place = roomFor(chunk, at);
    chunk.times[place] = Number.isNaN(time) ? -Infinity : time;
    const read = this.#events.read(event);
    chunk.kinds[place] = this.#kindOf(read);
    const first = this.layout.events.length;
    for (let value = 0; value < this.valueDictionaries.length; value++) {
      const column = chunk.values[value];
      if (column) column[place] = this.valueDictionaries[value]?.code(read[first + value]) ?? 0;
    }
    chunk.length[at] = (chunk.length[at] ?? 0) + 1;
  }

  /** The kind of an event: looked up value by value while they are plain. */
  #kindOf(read: readonly unknown[]): number {
    let tree = this.#kindTree;
    const fields = this.layout.events.length;
    for (let index = 0; index < fields; index++) {
      const value = read[index];
      if (typeof value === "object" && value !== null)
        return this.kinds.code(read.slice(0, fields).map(known));
      let next = tree.get(value) as Map<unknown, unknown> | undefined;
      if (next === undefined) {
        next = new Map();
        tree.set(value, next);
      }
      tree = next;
    }
    const found = tree.get(CODE);
    if (typeof found === "number") return found;
    const code = this.kinds.code(read.slice(0, fields).map(known));
    tree.set(CODE, code);
    return code;
  }

  /** Forgets a person; the row stays, with nothing in it. */
  clear(row: number): void {
    this.put({ attributes: {}, events: [] }, row);
  }

  /** Puts a whole chunk in place, or takes it out of memory; `evaluateChunk` and `put` need it there. */
  setChunk(number: number, chunk: ColumnChunk | undefined): void {
    while (this.chunks.length <= number) this.chunks.push(undefined);
    this.chunks[number] = chunk;
    if (chunk !== undefined) this.#persons = Math.max(this.#persons, number * CHUNK_PERSONS + chunk.persons);
  }

  #place(row: number): { readonly chunk: ColumnChunk; readonly at: number } {
    const number = Math.floor(row / CHUNK_PERSONS);
    const at = row - number * CHUNK_PERSONS;
    while (this.chunks.length < number) this.chunks.push(emptyChunk(this.layout));
    const chunk = (this.chunks[number] ??= emptyChunk(this.layout));
    if (at >= chunk.persons) chunk.persons = at + 1;
    if (row >= this.#persons) this.#persons = row + 1;
    return { chunk, at };
  }
}

/** The dictionaries as plain data; a list of event values stands for a kind. */
export interface StoredDictionaries {
  readonly attributes: readonly (readonly unknown[])[];
  readonly kinds: readonly unknown[];
  readonly values: readonly (readonly unknown[])[];
}

const CODE = Symbol("code");
/** A missing value in a kind: JSON has none. */
const MISSING = { "": 0 };

function known(value: unknown): unknown {
  return value === undefined ? MISSING : value;
}

/** An object with the given values at dotted paths. */
export function objectOf(paths: readonly string[], values: readonly unknown[]): JsonObject {
  const made: Record<string, unknown> = {};
  const own = new Set<unknown>();
  paths.forEach((path, index) => {
    const value = values[index];
    if (value === undefined || (fieldOf(value, "") === 0 && Object.keys(value as object).length === 1))
      return;
    const names = path.split(".");
    const last = names.pop() ?? "";
    let at = made;
    for (const name of names) {
      if (at[name] === undefined) own.add((at[name] = {}));
      const next: unknown = at[name];
      // What a whole value holds already is not put into it again.
      if (!own.has(next)) return;
      at = next as Record<string, unknown>;
    }
    at[last] = value;
  });
  return made as JsonObject;
}

/** A chunk without persons. */
function emptyChunk(layout: ColumnLayout): ColumnChunk {
  return {
    persons: 0,
    codes: layout.attributes.map(() => new Uint8Array(CHUNK_PERSONS)),
    start: new Int32Array(CHUNK_PERSONS),
    length: new Int32Array(CHUNK_PERSONS),
    room: new Int32Array(CHUNK_PERSONS),
    used: 0,
    kinds: new Int32Array(1_024),
    times: new Float64Array(1_024),
    values: layout.values.map(() => new Int32Array(1_024)),
  };
}

/** Writes a code, in a wider column when it does not fit. */
function written(column: Codes | undefined, at: number, code: number): Codes {
  let codes = column ?? new Uint8Array(CHUNK_PERSONS);
  if (code > 255 && codes instanceof Uint8Array) codes = Uint16Array.from(codes);
  if (code > 65_535 && codes instanceof Uint16Array) codes = Int32Array.from(codes);
  codes[at] = code;
  return codes;
}

/** Where the next event of a person goes; a person whose room is full moves to the end with twice as much. */
function roomFor(chunk: ColumnChunk, at: number): number {
  const length = chunk.length[at] ?? 0;
  const room = chunk.room[at] ?? 0;
  const start = chunk.start[at] ?? 0;
  if (length < room) return start + length;
  if (start + room === chunk.used && room > 0) {
    // The last one simply grows.
    chunk.room[at] = room + 1;
    chunk.used++;
    grow(chunk);
    return start + length;
  }
  const moved = chunk.used;
  const more = Math.max(1, length * 2);
  chunk.used += more;
  grow(chunk);
  chunk.kinds.copyWithin(moved, start, start + length);
  chunk.times.copyWithin(moved, start, start + length);
  for (const column of chunk.values) column.copyWithin(moved, start, start + length);
  chunk.start[at] = moved;
  chunk.room[at] = more;
  return moved + length;
}

function grow(chunk: ColumnChunk): void {
  if (chunk.used <= chunk.kinds.length) return;
  const size = Math.max(chunk.used, chunk.kinds.length * 2);
  const wider = (column: Int32Array): Int32Array => {
    const grown = new Int32Array(size);
    grown.set(column);
    return grown;
  };
  chunk.kinds = wider(chunk.kinds);
  const times = new Float64Array(size);
  times.set(chunk.times);
  chunk.times = times;
  chunk.values.forEach((column, index) => (chunk.values[index] = wider(column)));
}

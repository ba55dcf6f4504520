import { fromStored, toStored } from "@tessera/profile-store";
import { type RowReader, type RowWriter } from "./row-bytes.ts";

/** Low bits of the number that begins each value; the rest of that number is what the value is. */
const KIND = { word: 0, whole: 1, later: 2, sooner: 3, number: 4, again: 5, text: 6, group: 7 } as const;
const KINDS = 8;
const WORDS: readonly (null | boolean)[] = [null, false, true];
/** Whole numbers from here on are kept as their distance from the one before: times lie close together. */
const LARGE = 2 ** 32;
const WHOLE_MAX = 2 ** 48;
const TEXT = { plain: 0, hex: 1, joined: 2 } as const;
const HEX_LENGTH = 32;
const FEW_TEXTS = 24;
const HEX = /^[0-9a-f]{32}$/;

/** Groups of fields that graphs are made of. Part of the format: never changed, only added to under a new format. */
const SHAPES: readonly (readonly string[])[] = [
  ["identities", "links", "removed", "apart", "latest", "trimmed"],
  ["namespace", "id", "key", "firstSeen", "lastSeen"],
  ["a", "b", "first", "last", "count"],
  ["t", "key", "datasetId"],
  ["t", "key"],
];

/** Places in `SHAPES`. */
const SHAPE = { graph: 0, identity: 1, link: 2, moment: 3, step: 4 } as const;

/** The number of a known group of fields, in this order; comparing is quicker than making a key of them. */
function shapeOf(names: readonly string[]): number | undefined {
  for (let number = 0; number < SHAPES.length; number += 1) {
    const shape = SHAPES[number] ?? [];
    if (shape.length !== names.length) continue;
    let same = 0;
    while (same < shape.length && shape[same] === names[same]) same += 1;
    if (same === shape.length) return number;
  }
  return undefined;
}

/**
 * Writes JSON data, as `JSON.stringify` would have it, in few bytes where it is a graph: fields by the number of their
 * group, texts once, times by their distances. It takes a sixth of the text, in rows that every event rewrites.
 */
export function writeGraph(row: RowWriter, graph: object): void {
  new GraphWriter(row).value(graph);
}

/** What `writeGraph` was given. */
export function readGraph(row: RowReader): object {
  return new GraphReader(row).value() as object;
}

class GraphWriter {
  readonly #row: RowWriter;
  readonly #texts: string[] = [];
  /** Where each text is, once there are too many to look through. */
  #placeOf: Map<string, number> | undefined;
  #shapes: Map<string, number> | undefined;
  #time = 0;
  #last = "";
  #lastButOne = "";

  constructor(row: RowWriter) {
    this.#row = row;
  }

  value(value: unknown): void {
    if (typeof value === "string") this.#text(value);
    else if (typeof value === "number") this.#number(value);
    else if (typeof value === "boolean") this.#begin(KIND.word, value ? 2 : 1);
    else if (typeof value !== "object" || value === null) this.#begin(KIND.word, 0);
    else if (Array.isArray(value)) {
      this.#begin(KIND.group, value.length * 2);
      for (const one of value as readonly unknown[]) this.value(one);
    } else this.#fields(value as Readonly<Record<string, unknown>>);
  }

  #begin(kind: number, rest: number): void {
    this.#row.varint(rest * KINDS + kind);
  }

  #fields(fields: Readonly<Record<string, unknown>>): void {
    let names = Object.keys(fields);
    for (const name of names) {
      if (fields[name] !== undefined) continue;
      names = names.filter((one) => fields[one] !== undefined);
      break;
    }
    const number = shapeOf(names);
    if (number === undefined) this.#otherFields(names);
    else this.#begin(KIND.group, number * 2 + 1);
    for (const name of names) this.value(fields[name]);
  }

  #otherFields(names: readonly string[]): void {
    const shapes = (this.#shapes ??= new Map<string, number>());
    const joined = JSON.stringify(names);
    const known = shapes.get(joined);
    this.#begin(KIND.group, (known ?? SHAPES.length + shapes.size) * 2 + 1);
    if (known !== undefined) return;
    shapes.set(joined, SHAPES.length + shapes.size);
    this.#row.varint(names.length);
    for (const name of names) this.#row.text(toStored(name));
  }

  #number(value: number): void {
    if (!Number.isFinite(value)) {
      this.#begin(KIND.word, 0);
    } else if (Number.isInteger(value) && value >= 0 && value < WHOLE_MAX) {
      if (value < LARGE) {
        this.#begin(KIND.whole, value === 0 ? 0 : value);
        return;
      }
      const distance = value - this.#time;
      this.#begin(distance < 0 ? KIND.sooner : KIND.later, Math.abs(distance));
      this.#time = value;
    } else {
      this.#begin(KIND.number, 0);
      this.#row.number(value);
    }
  }

  #text(value: string): void {
    const known = this.#place(value);
    if (known !== -1) this.#begin(KIND.again, known);
    else {
      this.#placeOf?.set(value, this.#texts.length);
      this.#texts.push(value);
      if (this.#isJoined(value)) this.#begin(KIND.text, TEXT.joined);
      else if (value.length === HEX_LENGTH && HEX.test(value)) {
        this.#begin(KIND.text, TEXT.hex);
        this.#row.hex(value);
      } else {
        this.#begin(KIND.text, TEXT.plain);
        this.#row.text(toStored(value));
      }
    }
    this.#lastButOne = this.#last;
    this.#last = value;
  }

  /** Where a text was before, or -1. Most graphs have few: comparing them is quicker than a map. */
  #place(value: string): number {
    const texts = this.#texts;
    if (texts.length <= FEW_TEXTS) return texts.lastIndexOf(value);
    this.#placeOf ??= new Map(texts.map((text, place) => [text, place]));
    return this.#placeOf.get(value) ?? -1;
  }

  /** Whether it is the two texts before it with a colon between, as identity keys are. */
  #isJoined(value: string): boolean {
    const at = this.#lastButOne.length;
    return (
      value.length === at + 1 + this.#last.length &&
      value[at] === ":" &&
      value.startsWith(this.#lastButOne) &&
      value.endsWith(this.#last)
    );
  }
}

class GraphReader {
  readonly #row: RowReader;
  readonly #texts: string[] = [];
  readonly #shapes: (readonly string[])[] = [];
  #time = 0;
  #last = "";
  #lastButOne = "";

  constructor(row: RowReader) {
    this.#row = row;
  }

  value(): unknown {
    const begin = this.#row.varint();
    const kind = begin % KINDS;
    const rest = Math.floor(begin / KINDS);
    switch (kind) {
      case KIND.word:
        return WORDS[rest];
      case KIND.whole:
        return rest;
      case KIND.later:
        return (this.#time += rest);
      case KIND.sooner:
        return (this.#time -= rest);
      case KIND.number:
        return this.#row.number();
      case KIND.again:
        return this.#seen(this.#texts[rest] ?? "");
      case KIND.text:
        return this.#text(rest);
      default:
        return rest % 2 === 0 ? this.#list(rest / 2) : this.#fields((rest - 1) / 2);
    }
  }

  #list(length: number): readonly unknown[] {
    const list: unknown[] = [];
    for (let index = 0; index < length; index += 1) list.push(this.value());
    return list;
  }

  /** Known groups come out with their fields in the order they were written in, made like those that were never stored. */
  #fields(number: number): object {
    switch (number) {
      case SHAPE.graph:
        return {
          identities: this.value(),
          links: this.value(),
          removed: this.value(),
          apart: this.value(),
          latest: this.value(),
          trimmed: this.value(),
        };
      case SHAPE.identity:
        return {
          namespace: this.value(),
          id: this.value(),
          key: this.value(),
          firstSeen: this.value(),
          lastSeen: this.value(),
        };
      case SHAPE.link:
        return {
          a: this.value(),
          b: this.value(),
          first: this.value(),
          last: this.value(),
          count: this.value(),
        };
      case SHAPE.moment:
        return { t: this.value(), key: this.value(), datasetId: this.value() };
      case SHAPE.step:
        return { t: this.value(), key: this.value() };
      default:
        return this.#otherFields(number);
    }
  }

  #otherFields(number: number): object {
    let names = SHAPES[number] ?? this.#shapes[number - SHAPES.length];
    if (names === undefined) {
      names = Array.from({ length: this.#row.varint() }, () => fromStored(this.#row.text()));
      this.#shapes.push(names);
    }
    const fields: Record<string, unknown> = {};
    for (const name of names) {
      const value = this.value();
      if (name !== "__proto__") fields[name] = value;
      else
        Object.defineProperty(fields, name, { value, enumerable: true, writable: true, configurable: true });
    }
    return fields;
  }

  #text(how: number): string {
    const text =
      how === TEXT.joined
        ? `${this.#lastButOne}:${this.#last}`
        : how === TEXT.hex
          ? Buffer.from(this.#row.view()).toString("hex")
          : fromStored(this.#row.text());
    this.#texts.push(text);
    return this.#seen(text);
  }

  #seen(text: string): string {
    this.#lastButOne = this.#last;
    this.#last = text;
    return text;
  }
}

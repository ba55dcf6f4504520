import type { JsonObject } from "@tessera/xdm";
import { EvaluationContext } from "../evaluate/context.ts";
import { truth } from "../evaluate/values.ts";
import type { AudiencePlan } from "../plan.ts";
import { type AttributeGroup, attributeGroups } from "../rows/attribute-index.ts";
import { EventDispatch } from "../rows/dispatch.ts";
import { EventFold } from "../rows/event-fold.ts";
import { LeafSets, PASSING } from "../rows/leaf-sets.ts";
import { foldedNumbers } from "../rows/folded-numbers.ts";
import { plainPath } from "../rows/item-condition.ts";
import { type Program, programOf } from "../rows/program.ts";
import { type AudienceBits, audienceBits, SlicedProgram } from "../rows/sliced.ts";
import { fallbacksOf } from "../stream/links.ts";
import { CHUNK_PERSONS, type ColumnChunk, type Columns, objectOf } from "./columns.ts";
import { attributeColumns, type ColumnLayout, layoutOf, missingColumns } from "./layout.ts";

/** The answer for one chunk of persons, and how far the whole work is. */
export interface ColumnProgress {
  /** The number of the chunk; go on with `chunk + 1`. */
  readonly chunk: number;
  /** The row of the chunk's first person. */
  readonly firstRow: number;
  readonly bits: AudienceBits;
  readonly personsDone: number;
  readonly persons: number;
}

/** Audiences made ready for columns: results are those of `plan.evaluate` over what the columns hold. */
export interface ColumnPlan {
  /** The columns that the audiences need. */
  readonly layout: ColumnLayout;
  /** Audiences that columns cannot answer (they need whole events); never found to have members here. */
  readonly fallbacks: readonly { readonly audienceId: string; readonly reasons: readonly string[] }[];
  /** What the given columns lack to answer these audiences: fill them from the persons first. */
  missing(columns: Columns): readonly string[];
  /**
   * Decides all persons at a moment (ms), chunk by chunk from `from` on. Stop and go on at any chunk; what changes
   * in a chunk meanwhile is seen when its turn comes. Columns that lack something are refused with an error.
   */
  evaluate(columns: Columns, now: number, from?: number): Generator<ColumnProgress, void, undefined>;
  /** Decides the persons of one chunk, which is in memory. */
  evaluateChunk(columns: Columns, chunk: number, now: number): AudienceBits;
}

/** Makes a plan ready for columns. `absent` are paths of attributes that no column holds (they change by themselves). */
export function compileColumns(
  plan: AudiencePlan,
  { absent = [] }: { readonly absent?: readonly string[] } = {},
): ColumnPlan {
  const program = programOf(plan);
  const layout = layoutOf(program, plan.fields.events);
  const readers = new WeakMap<Columns, ColumnReader>();
  const readerOf = (columns: Columns): ColumnReader => {
    const known = readers.get(columns);
    if (known !== undefined) return known;
    const missing = missingColumns(columns.layout, layout);
    if (missing.length > 0) throw new Error(`Expected columns for ${missing.join(", ")}: fill them first.`);
    const reader = new ColumnReader(program, columns);
    readers.set(columns, reader);
    return reader;
  };
  return {
    layout,
    fallbacks: fallbacksOf(plan, program, absent),
    missing: (columns) => missingColumns(columns.layout, layout),
    evaluateChunk: (columns, number, now) => {
      const chunk = columns.chunks[number];
      if (chunk === undefined) throw new Error(`Expected chunk ${number} in memory: put it in place first.`);
      return readerOf(columns).chunk(chunk, now);
    },
    *evaluate(columns, now, from = 0) {
      const reader = readerOf(columns);
      let personsDone = 0;
      for (let number = 0; number < columns.chunks.length; number++) {
        const chunk = columns.chunks[number];
        if (chunk === undefined) continue;
        personsDone += chunk.persons;
        if (number < from) continue;
        const bits = reader.chunk(chunk, now);
        const firstRow = personsDone - chunk.persons;
        yield { chunk: number, firstRow, bits, personsDone, persons: columns.persons };
      }
    },
  };
}

/** The leaves on attributes that some columns decide. */
interface Decided {
  readonly columns: readonly number[];
  readonly group: AttributeGroup;
  /** When one column decides: for each code the set of the leaves that hold, 0 when that is not known yet. */
  byCode: Int32Array;
  /** When several columns decide: the set by codes joined. */
  readonly byCodes: Map<string, number>;
}

function longer(list: Int32Array, least: number): Int32Array {
  const grown = new Int32Array(Math.max(least, list.length * 2));
  grown.set(list);
  return grown;
}

/** A program bound to columns: what holds for a code is worked out once. */
class ColumnReader {
  readonly #columns: Columns;
  readonly #context = new EvaluationContext();
  /** The sets of leaves that hold together. */
  readonly #sets: LeafSets;
  readonly #decided: readonly Decided[];
  readonly #clocks: readonly {
    readonly leaf: number;
    readonly run: (context: EvaluationContext) => unknown;
  }[];
  readonly #dispatch: EventDispatch;
  readonly #fold: EventFold;
  readonly #sliced: SlicedProgram;
  readonly #audiences: number;
  /** For each kind of event what it does, as far as kinds are known. */
  #startOf: Int32Array = new Int32Array(64);
  #kindsKnown = 1;
  /** The codes of a column of the chunk at hand, all of one width. */
  readonly #codes: readonly Int32Array[];
  readonly #looksAtEvents: boolean;
  /** For each folded value its column, -1 when the kind tells it. */
  readonly #valueColumns: readonly number[];
  readonly #numbers: (number | readonly number[] | undefined)[][];
  #chunk: ColumnChunk | undefined;

  constructor(program: Program, columns: Columns) {
    const { leaves, conditions } = program;
    this.#columns = columns;
    const { layout } = columns;
    this.#sets = new LeafSets(leaves.length, Infinity);
    this.#decided = attributeGroups(leaves, this.#context, this.#sets).map((group) =>
      decidedBy(group, program, layout),
    );
    this.#codes = this.#decided.map(
      ({ columns: { length } }) => new Int32Array(length === 1 ? CHUNK_PERSONS : 0),
    );
    this.#clocks = leaves.flatMap((leaf, number) =>
      leaf.kind === "clock" ? [{ leaf: number, run: leaf.code.run }] : [],
    );
    this.#dispatch = new EventDispatch(conditions, this.#context);
    this.#sliced = new SlicedProgram(program);
    this.#fold = new EventFold(leaves, conditions.length, {
      context: this.#context,
      nodes: this.#sliced.nodes,
      numbers: (value, place) => this.#numbersOf(value, place),
    });
    this.#audiences = program.audiences.length;
    this.#looksAtEvents = conditions.length > 0;
    this.#valueColumns = this.#fold.values.map(({ node }) =>
      layout.values.indexOf(plainPath(node)?.join(".") ?? ""),
    );
    this.#numbers = this.#fold.values.map(() => []);
  }

  chunk(chunk: ColumnChunk, now: number): AudienceBits {
    const bits = audienceBits(this.#audiences, chunk.persons);
    this.#chunk = chunk;
    this.#fold.begin(now);
    if (this.#looksAtEvents) this.#learnKinds();
    this.#decided.forEach((decided, index) => this.#prepare(decided, chunk, this.#codes[index]));
    for (let first = 0; first < chunk.persons; first += 32) {
      const end = Math.min(first + 32, chunk.persons);
      this.#sliced.clear();
      for (let index = 0; index < this.#decided.length; index++) {
        const decided = this.#decided[index];
        const codes = this.#codes[index];
        if (decided === undefined || codes === undefined) continue;
        if (codes.length > 0) this.#attributes(decided, codes, first, end);
        else this.#joined(decided, chunk, { first, end });
      }
      for (let person = first; person < end; person++) {
        if (this.#looksAtEvents) this.#events(chunk, person);
        if (this.#clocks.length > 0) this.#clock(chunk, person, now);
      }
      this.#sliced.run(bits, first >>> 5);
    }
    return bits;
  }

  /** Puts the codes of the column in place, and learns the sets of those that are new. */
  #prepare(decided: Decided, chunk: ColumnChunk, codes: Int32Array | undefined): void {
    if (codes === undefined || codes.length === 0) return;
    const [column = 0] = decided.columns;
    const stored = chunk.codes[column];
    if (stored === undefined) return;
    codes.set(stored);
    const size = this.#columns.dictionaries[column]?.size ?? 1;
    if (size > decided.byCode.length) decided.byCode = longer(decided.byCode, size);
    const { byCode } = decided;
    for (let person = 0; person < chunk.persons; person++) {
      const code = codes[person] ?? 0;
      if (byCode[code] === 0) byCode[code] = this.#learn(decided, code);
    }
  }

  #attributes({ byCode }: Decided, codes: Int32Array, first: number, end: number): void {
    const { nodes } = this.#sliced;
    const { code } = this.#sets;
    for (let person = first; person < end; person++) {
      const set = byCode[codes[person] ?? 0] ?? 0;
      const last = set + (code[set] ?? 0);
      const lane = 1 << (person & 31);
      for (let at = set + 1; at <= last; at++) {
        const leaf = code[at] ?? 0;
        nodes[leaf] = (nodes[leaf] ?? 0) | lane;
      }
    }
  }

  /** The set of leaves that hold for a code; it stays. */
  #learn({ columns: [column = 0], group }: Decided, code: number): number {
    const path = this.#columns.layout.attributes[column] ?? "";
    const value = this.#columns.dictionaries[column]?.value(code);
    if (value !== undefined && typeof value !== "object" && group.path?.join(".") === path)
      return group.keptFor(value);
    return this.#kept(group.setOf(objectOf([path], [value])));
  }

  #kept(set: number): number {
    return set === PASSING ? this.#sets.keep(this.#sets.leavesOf(set)) : set;
  }

  /** The same where several columns decide together. */
  #joined(
    decided: Decided,
    chunk: ColumnChunk,
    { first, end }: { readonly first: number; readonly end: number },
  ): void {
    const { nodes } = this.#sliced;
    const { columns, group, byCodes } = decided;
    for (let person = first; person < end; person++) {
      const key = columns.map((column) => chunk.codes[column]?.[person] ?? 0).join(" ");
      let set = byCodes.get(key);
      if (set === undefined) {
        set = this.#kept(group.setOf(this.#object(columns, chunk, person)));
        byCodes.set(key, set);
      }
      const { code } = this.#sets;
      const last = set + (code[set] ?? 0);
      for (let at = set + 1; at <= last; at++) {
        const leaf = code[at] ?? 0;
        nodes[leaf] = (nodes[leaf] ?? 0) | (1 << (person & 31));
      }
    }
  }

  #object(columns: readonly number[], chunk: ColumnChunk, person: number): JsonObject {
    const { layout, dictionaries } = this.#columns;
    return objectOf(
      columns.map((column) => layout.attributes[column] ?? ""),
      columns.map((column) => dictionaries[column]?.value(chunk.codes[column]?.[person] ?? 0)),
    );
  }

  #clock(chunk: ColumnChunk, person: number, now: number): void {
    const all = this.#columns.layout.attributes.map((_, column) => column);
    const context = this.#context;
    context.begin({ attributes: this.#object(all, chunk, person), events: [] }, now);
    const { nodes } = this.#sliced;
    for (const { leaf, run } of this.#clocks) {
      if (truth(run(context))) nodes[leaf] = (nodes[leaf] ?? 0) | (1 << (person & 31));
    }
  }

  #numbersOf(value: number, place: number): number | readonly number[] {
    const column = this.#valueColumns[value] ?? -1;
    const codes = column < 0 ? this.#chunk?.kinds : this.#chunk?.values[column];
    const code = codes?.[place] ?? 0;
    return this.#numbers[value]?.[code] ?? this.#learnNumbers(value, code);
  }

  #learnNumbers(value: number, code: number): number | readonly number[] {
    const column = this.#valueColumns[value] ?? -1;
    const folded = this.#fold.values[value];
    if (folded === undefined) return [];
    const { layout, valueDictionaries } = this.#columns;
    const event =
      column < 0
        ? this.#eventOf(code)
        : objectOf([layout.values[column] ?? ""], [valueDictionaries[column]?.value(code)]);
    const numbers = foldedNumbers(folded, this.#context)(event);
    const list = this.#numbers[value];
    if (list) list[code] = numbers;
    return numbers;
  }

  #eventOf(kind: number): JsonObject {
    return objectOf(this.#columns.layout.events, this.#columns.kinds.value(kind) as readonly unknown[]);
  }

  #events(chunk: ColumnChunk, person: number): void {
    const fold = this.#fold;
    const start = chunk.start[person] ?? 0;
    fold.person(1 << (person & 31));
    fold.run(
      { times: chunk.times, kinds: chunk.kinds, startOf: this.#startOf },
      start,
      start + (chunk.length[person] ?? 0),
    );
    fold.end();
  }

  /** Learns what the kinds of events do that came since. */
  #learnKinds(): void {
    const { size } = this.#columns.kinds;
    if (size > this.#startOf.length) this.#startOf = longer(this.#startOf, size);
    for (; this.#kindsKnown < size; this.#kindsKnown++) {
      const count = this.#dispatch.match(this.#eventOf(this.#kindsKnown));
      this.#startOf[this.#kindsKnown] = this.#fold.startOf(this.#dispatch.found.slice(0, count));
    }
  }
}

function decidedBy(group: AttributeGroup, program: Program, layout: ColumnLayout): Decided {
  const paths = new Set<string>();
  for (let leaf = group.first; leaf < group.end; leaf++) {
    const own = program.leaves[leaf];
    if (own) for (const path of attributeColumns(own)) paths.add(path);
  }
  return {
    columns: [...paths].map((path) => layout.attributes.indexOf(path)),
    group,
    byCode: new Int32Array(0),
    byCodes: new Map(),
  };
}

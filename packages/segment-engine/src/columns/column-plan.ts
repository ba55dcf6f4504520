import type { JsonObject } from "@tessera/xdm";
import { EvaluationContext } from "../evaluate/context.ts";
import { truth } from "../evaluate/values.ts";
import type { AudiencePlan } from "../plan.ts";
import { type AttributeGroup, attributeGroups } from "../rows/attribute-index.ts";
import { EventDispatch } from "../rows/dispatch.ts";
import { EventFold } from "../rows/event-fold.ts";
import { plainPath } from "../rows/item-condition.ts";
import { type Program, programOf } from "../rows/program.ts";
import { type AudienceBits, audienceBits, SlicedProgram } from "../rows/sliced.ts";
import { fallbacksOf } from "../stream/links.ts";
import { type ColumnChunk, type Columns, objectOf } from "./columns.ts";
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
}

/** Makes a plan ready for columns. */
export function compileColumns(plan: AudiencePlan): ColumnPlan {
  const program = programOf(plan);
  const layout = layoutOf(program, plan.fields.events);
  const readers = new WeakMap<Columns, ColumnReader>();
  return {
    layout,
    fallbacks: fallbacksOf(plan, program),
    missing: (columns) => missingColumns(columns.layout, layout),
    *evaluate(columns, now, from = 0) {
      const missing = missingColumns(columns.layout, layout);
      if (missing.length > 0) throw new Error(`Expected columns for ${missing.join(", ")}: fill them first.`);
      const reader = readers.get(columns) ?? new ColumnReader(program, columns);
      readers.set(columns, reader);
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

const NONE: Int32Array = new Int32Array(0);

/** The leaves on attributes that some columns decide. */
interface Decided {
  readonly columns: readonly number[];
  readonly holding: (attributes: JsonObject) => Int32Array;
  /** By code when one column decides; by codes joined otherwise. */
  readonly byCode: (Int32Array | undefined)[];
  readonly byCodes: Map<string, Int32Array>;
}

/** A program bound to columns: what holds for a code is worked out once. */
class ColumnReader {
  readonly #columns: Columns;
  readonly #context = new EvaluationContext();
  readonly #decided: readonly Decided[];
  readonly #clocks: readonly {
    readonly leaf: number;
    readonly run: (context: EvaluationContext) => unknown;
  }[];
  readonly #dispatch: EventDispatch;
  readonly #fold: EventFold;
  readonly #sliced: SlicedProgram;
  readonly #audiences: number;
  readonly #ofKind: (Int32Array | undefined)[] = [];
  readonly #looksAtEvents: boolean;
  /** For each folded value its column, -1 when the kind tells it. */
  readonly #valueColumns: readonly number[];
  readonly #numbers: (readonly number[] | undefined)[][];
  #kind = 0;
  #place = 0;
  #chunk: ColumnChunk | undefined;

  constructor(program: Program, columns: Columns) {
    const { leaves, conditions } = program;
    this.#columns = columns;
    const { layout } = columns;
    this.#decided = attributeGroups(leaves, this.#context).map((group) => decidedBy(group, program, layout));
    this.#clocks = leaves.flatMap((leaf, number) =>
      leaf.kind === "clock" ? [{ leaf: number, run: leaf.code.run }] : [],
    );
    this.#dispatch = new EventDispatch(conditions, this.#context);
    this.#sliced = new SlicedProgram(program);
    this.#fold = new EventFold(leaves, conditions.length, {
      context: this.#context,
      nodes: this.#sliced.nodes,
      numbers: (value) => this.#numbersOf(value),
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
    for (let first = 0; first < chunk.persons; first += 32) {
      const end = Math.min(first + 32, chunk.persons);
      this.#sliced.clear();
      for (const decided of this.#decided) this.#attributes(decided, chunk, { first, end });
      for (let person = first; person < end; person++) {
        if (this.#looksAtEvents) this.#events(chunk, person, now);
        if (this.#clocks.length > 0) this.#clock(chunk, person, now);
      }
      this.#sliced.run(bits, first >>> 5);
    }
    return bits;
  }

  #attributes(
    decided: Decided,
    chunk: ColumnChunk,
    { first, end }: { readonly first: number; readonly end: number },
  ): void {
    const { nodes } = this.#sliced;
    const { columns, byCode } = decided;
    const [column = 0] = columns;
    const codes = columns.length === 1 ? chunk.codes[column] : undefined;
    for (let person = first; person < end; person++) {
      const code = codes?.[person] ?? 0;
      const holding =
        codes === undefined
          ? this.#joined(decided, chunk, person)
          : (byCode[code] ?? this.#learn(decided, code));
      const lane = 1 << (person & 31);
      for (let index = 0; index < holding.length; index++) {
        const leaf = holding[index] ?? 0;
        nodes[leaf] = (nodes[leaf] ?? 0) | lane;
      }
    }
  }

  #learn(decided: Decided, code: number): Int32Array {
    const [column = 0] = decided.columns;
    const path = this.#columns.layout.attributes[column] ?? "";
    const value = this.#columns.dictionaries[column]?.value(code);
    return (decided.byCode[code] = decided.holding(objectOf([path], [value])));
  }

  #joined(decided: Decided, chunk: ColumnChunk, person: number): Int32Array {
    const key = decided.columns.map((column) => chunk.codes[column]?.[person] ?? 0).join(" ");
    const known = decided.byCodes.get(key);
    if (known !== undefined) return known;
    const holding = decided.holding(this.#object(decided.columns, chunk, person));
    decided.byCodes.set(key, holding);
    return holding;
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

  #numbersOf(value: number): readonly number[] {
    const column = this.#valueColumns[value] ?? -1;
    const code = column < 0 ? this.#kind : (this.#chunk?.values[column]?.[this.#place] ?? 0);
    return this.#numbers[value]?.[code] ?? this.#learnNumbers(value, code);
  }

  #learnNumbers(value: number, code: number): readonly number[] {
    const column = this.#valueColumns[value] ?? -1;
    const folded = this.#fold.values[value];
    if (folded === undefined) return [];
    const { layout, valueDictionaries } = this.#columns;
    const event =
      column < 0
        ? this.#eventOf(code)
        : objectOf([layout.values[column] ?? ""], [valueDictionaries[column]?.value(code)]);
    this.#context.env[folded.slot] = event;
    const taken = folded.code.run(this.#context);
    const numbers =
      typeof taken === "number"
        ? [taken]
        : folded.spread && Array.isArray(taken)
          ? taken.filter((item) => typeof item === "number")
          : [];
    const list = this.#numbers[value];
    if (list) list[code] = numbers;
    return numbers;
  }

  #eventOf(kind: number): JsonObject {
    return objectOf(this.#columns.layout.events, this.#columns.kinds.value(kind) as readonly unknown[]);
  }

  #events(chunk: ColumnChunk, person: number, now: number): void {
    const fold = this.#fold;
    const { times, kinds } = chunk;
    const start = chunk.start[person] ?? 0;
    const end = start + (chunk.length[person] ?? 0);
    fold.person(1 << (person & 31));
    for (let place = start; place < end; place++) {
      const time = times[place] ?? 0;
      if (time > now) break;
      const kind = kinds[place] ?? 0;
      const conditions = this.#ofKind[kind] ?? this.#learnKind(kind);
      if (conditions.length === 0) continue;
      this.#kind = kind;
      this.#place = place;
      fold.event(conditions, conditions.length, time);
    }
    fold.end();
  }

  #learnKind(kind: number): Int32Array {
    const count = this.#dispatch.match(this.#eventOf(kind));
    const conditions = count === 0 ? NONE : this.#dispatch.found.slice(0, count);
    return (this.#ofKind[kind] = conditions);
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
    holding: (attributes) => group.holding(attributes).slice(),
    byCode: [],
    byCodes: new Map(),
  };
}

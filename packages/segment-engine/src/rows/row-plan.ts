import { EvaluationContext, type PersonView } from "../evaluate/context.ts";
import { truth } from "../evaluate/values.ts";
import type { AudiencePlan } from "../plan.ts";
import { instantOf } from "../time/calendar.ts";
import { type AttributeGroup, attributeGroups } from "./attribute-index.ts";
import { EventKinds } from "./event-kinds.ts";
import { EventFold } from "./event-fold.ts";
import { foldedNumbers, type NumbersOf } from "./folded-numbers.ts";
import type { ClockLeaf, HistoryLeaf } from "./leaf.ts";
import { LeafSets } from "./leaf-sets.ts";
import { AttributeReader } from "./attribute-reader.ts";
import { programOf } from "./program.ts";
import { type AudienceBits, audienceBits, SlicedProgram } from "./sliced.ts";

/** All audiences of a plan made ready to decide many persons: results are those of `plan.evaluate`. */
export interface RowPlan {
  /** Decides persons at a moment (ms), 32 at a time. Audiences are in the plan's order. */
  evaluate(persons: readonly PersonView[], now: number): AudienceBits;
  /** The ids of the audiences one person is in. */
  members(person: PersonView, now: number): readonly string[];
}

/**
 * Makes a plan ready for rows: conditions on one path are looked up by its value, each distinct condition is worked
 * out once for all audiences, one pass over the events fills all windows, and a small program joins the results of 32
 * persons at once. No code is generated.
 */
export function compileRows(plan: AudiencePlan): RowPlan {
  return new Rows(plan);
}

class Rows implements RowPlan {
  readonly #plan: AudiencePlan;
  readonly #context = new EvaluationContext();
  readonly #groups: readonly AttributeGroup[];
  readonly #sets: LeafSets;
  readonly #reader: AttributeReader;
  readonly #eventKinds: EventKinds<number>;
  readonly #fold: EventFold;
  readonly #sliced: SlicedProgram;
  readonly #others: readonly (readonly [number, ClockLeaf | HistoryLeaf])[];
  readonly #ids: readonly string[];
  readonly #found: Int32Array;
  readonly #looksAtEvents: boolean;
  /** For each folded value how it is taken from an event. */
  readonly #numbers: readonly NumbersOf[];
  /** For each kind of event where what it does begins; kind 0 does nothing. */
  #startOf: Int32Array = new Int32Array(64);
  #kindsKnown = 1;
  /** The events of the person at hand, and their timestamps. */
  #list: PersonView["events"] = [];
  readonly #stamps: (string | undefined)[] = [];
  /** The events that do something: their times, their kinds, their places in the list. */
  #times: Float64Array = new Float64Array(64);
  #kinds: Int32Array = new Int32Array(64);
  #at: Int32Array = new Int32Array(64);

  constructor(plan: AudiencePlan) {
    this.#plan = plan;
    const program = programOf(plan);
    const { leaves, conditions } = program;
    this.#sets = new LeafSets(leaves.length);
    this.#groups = attributeGroups(leaves, this.#context, this.#sets);
    this.#reader = new AttributeReader(this.#groups.map((group) => group.path));
    this.#sliced = new SlicedProgram(program);
    this.#fold = new EventFold(leaves, conditions.length, {
      context: this.#context,
      nodes: this.#sliced.nodes,
      numbers: (value, place) => this.#numbers[value]?.(this.#list[this.#at[place] ?? 0]) ?? NONE,
    });
    this.#eventKinds = new EventKinds(conditions, this.#context, (fulfilled) => this.#learnKind(fulfilled));
    this.#numbers = this.#fold.values.map((value) => foldedNumbers(value, this.#context));
    this.#others = leaves.flatMap((leaf, number) =>
      leaf.kind === "clock" || leaf.kind === "history" ? [[number, leaf] as const] : [],
    );
    this.#looksAtEvents = conditions.length > 0;
    this.#ids = plan.audiences.map(({ id }) => id);
    this.#found = new Int32Array(this.#ids.length);
  }

  evaluate(persons: readonly PersonView[], now: number): AudienceBits {
    const bits = audienceBits(this.#plan.audiences.length, persons.length);
    this.#fold.begin(now);
    for (let first = 0; first < persons.length; first += 32) {
      this.#sliced.clear();
      const end = Math.min(first + 32, persons.length);
      for (let person = first; person < end; person++) {
        const view = persons[person];
        if (view) this.#person(view, now, 1 << (person & 31));
      }
      this.#sliced.run(bits, first >>> 5);
    }
    return bits;
  }

  members(person: PersonView, now: number): readonly string[] {
    this.#fold.begin(now);
    this.#sliced.clear();
    this.#person(person, now, 1);
    const count = this.#sliced.runOne(this.#found);
    // As long as needed from the start, and every place of it written.
    const members = this.#ids.slice(0, count);
    for (let index = 0; index < count; index++) members[index] = this.#ids[this.#found[index] ?? 0] ?? "";
    return members;
  }

  #person(person: PersonView, now: number, lane: number): void {
    const { nodes } = this.#sliced;
    const { attributes } = person;
    const values = this.#reader.read(attributes);
    const groups = this.#groups;
    for (let index = 0; index < groups.length; index++) {
      const set = groups[index]?.setFor(values[index], attributes) ?? 0;
      const { code } = this.#sets;
      const end = set + (code[set] ?? 0);
      for (let at = set + 1; at <= end; at++) {
        const leaf = code[at] ?? 0;
        nodes[leaf] = (nodes[leaf] ?? 0) | lane;
      }
    }
    if (this.#looksAtEvents) this.#events(person, now, lane);
    if (this.#others.length > 0) this.#rest(person, now, lane);
  }

  #events(person: PersonView, now: number, lane: number): void {
    const kinds = this.#eventKinds;
    const fold = this.#fold;
    fold.person(lane);
    const { events } = person;
    this.#list = events;
    const stamps = this.#stamps;
    // What is in memory and not in the processor's caches is asked for first: nothing in this loop waits for it.
    for (let index = 0; index < events.length; index++) {
      const stamp: unknown = events[index]?.timestamp;
      stamps[index] = typeof stamp === "string" ? stamp : undefined;
    }
    // In order of time: when the last one has happened all have, and the time of those that do nothing is not read.
    let places = 0;
    const last = events.length - 1;
    const allHappened = last < 0 || timeOf(stamps[last]) <= now;
    for (let index = 0; index < events.length; index++) {
      const event = events[index];
      if (event === undefined) continue;
      if (!allHappened && timeOf(stamps[index]) > now) break;
      const kind = kinds.of(event);
      if (kind.own !== 0) this.#put(places++, kind.own, index);
      if (kind.open)
        for (const own of kinds.more(kind, event)) if (own !== 0) this.#put(places++, own, index);
    }
    const times = this.#times;
    const at = this.#at;
    for (let place = 0; place < places; place++) {
      const time = timeOf(stamps[at[place] ?? 0]);
      times[place] = time === time ? time : -Infinity;
    }
    fold.run({ times: this.#times, kinds: this.#kinds, startOf: this.#startOf }, 0, places);
    fold.end();
  }

  /** The number of the kind of events that fulfil these conditions. */
  #learnKind(conditions: readonly number[]): number {
    const start = this.#fold.startOf(conditions);
    if (start === 0) return 0;
    if (this.#kindsKnown === this.#startOf.length) {
      const longer = new Int32Array(2 * this.#kindsKnown);
      longer.set(this.#startOf);
      this.#startOf = longer;
    }
    this.#startOf[this.#kindsKnown] = start;
    return this.#kindsKnown++;
  }

  #put(place: number, kind: number, index: number): void {
    if (place >= this.#times.length) this.#widen(place + 1);
    this.#kinds[place] = kind;
    this.#at[place] = index;
  }

  #widen(least: number): void {
    const times = new Float64Array(2 * least);
    times.set(this.#times);
    this.#times = times;
    const kinds = new Int32Array(2 * least);
    kinds.set(this.#kinds);
    this.#kinds = kinds;
    const at = new Int32Array(2 * least);
    at.set(this.#at);
    this.#at = at;
  }

  /** What is worked out by the plan's own code. */
  #rest(person: PersonView, now: number, lane: number): void {
    const context = this.#context;
    context.begin(person, now);
    for (const [leaf, other] of this.#others) {
      const decide = other.kind === "clock" ? other.code.run : other.decide;
      const holds =
        typeof decide === "function"
          ? truth(decide(context))
          : this.#plan.evaluate(person, now).members.has(decide.audience);
      if (holds) this.#sliced.nodes[leaf] = (this.#sliced.nodes[leaf] ?? 0) | lane;
    }
  }
}

/** NaN where there is no valid time. */
function timeOf(stamp: string | undefined): number {
  return stamp === undefined ? Number.NaN : instantOf(stamp);
}

const NONE: readonly number[] = [];

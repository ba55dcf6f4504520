import type { JsonObject } from "@tessera/xdm";
import { EvaluationContext, type PersonView } from "../evaluate/context.ts";
import { truth } from "../evaluate/values.ts";
import type { AudiencePlan } from "../plan.ts";
import { instantOf } from "../time/calendar.ts";
import { type AttributeGroup, attributeGroups } from "./attribute-index.ts";
import { EventDispatch } from "./dispatch.ts";
import { EventFold } from "./event-fold.ts";
import type { ClockLeaf, HistoryLeaf } from "./leaf.ts";
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
  readonly #reader: AttributeReader;
  readonly #dispatch: EventDispatch;
  readonly #fold: EventFold;
  readonly #sliced: SlicedProgram;
  readonly #others: readonly (readonly [number, ClockLeaf | HistoryLeaf])[];
  readonly #ids: readonly string[];
  readonly #found: Int32Array;
  readonly #looksAtEvents: boolean;
  /** For each condition what an event does that fulfils it. */
  readonly #startOf: Int32Array;
  /** The events of a person that fulfil a condition: their times, the condition, the events themselves. */
  #times: Float64Array = new Float64Array(64);
  #kinds: Int32Array = new Int32Array(64);
  readonly #matched: JsonObject[] = [];

  constructor(plan: AudiencePlan) {
    this.#plan = plan;
    const program = programOf(plan);
    const { leaves, conditions } = program;
    this.#groups = attributeGroups(leaves, this.#context);
    this.#reader = new AttributeReader(this.#groups.map((group) => group.path));
    this.#dispatch = new EventDispatch(conditions, this.#context);
    this.#sliced = new SlicedProgram(program);
    this.#fold = new EventFold(leaves, conditions.length, {
      context: this.#context,
      nodes: this.#sliced.nodes,
      numbers: (value, place) => this.#numbers(value, place),
    });
    this.#startOf = Int32Array.from(conditions, (_, condition) =>
      this.#fold.startOf(Int32Array.of(condition)),
    );
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
    const members: string[] = [];
    for (let index = 0; index < count; index++) members.push(this.#ids[this.#found[index] ?? 0] ?? "");
    return members;
  }

  #person(person: PersonView, now: number, lane: number): void {
    const { nodes } = this.#sliced;
    const { attributes } = person;
    const values = this.#reader.read(attributes);
    const groups = this.#groups;
    for (let index = 0; index < groups.length; index++) {
      const holding = groups[index]?.holdingFor(values[index], attributes) ?? NONE;
      for (let at = 0; at < holding.length; at++) {
        const leaf = holding[at] ?? 0;
        nodes[leaf] = (nodes[leaf] ?? 0) | lane;
      }
    }
    if (this.#looksAtEvents) this.#events(person, now, lane);
    if (this.#others.length > 0) this.#rest(person, now, lane);
  }

  #numbers(value: number, place: number): readonly number[] {
    const folded = this.#fold.values[value];
    if (folded === undefined) return [];
    this.#context.env[folded.slot] = this.#matched[place];
    const taken = folded.code.run(this.#context);
    if (typeof taken === "number") return [taken];
    return folded.spread && Array.isArray(taken) ? taken.filter((item) => typeof item === "number") : [];
  }

  #events(person: PersonView, now: number, lane: number): void {
    const dispatch = this.#dispatch;
    const fold = this.#fold;
    fold.person(lane);
    const { events } = person;
    // In order of time: when the last one has happened all have, and the time of those that fulfil nothing is not read.
    let places = 0;
    const allHappened = timeOf(events[events.length - 1]) <= now;
    for (let index = 0; index < events.length; index++) {
      const event = events[index];
      if (event === undefined) continue;
      if (!allHappened && timeOf(event) > now) break;
      const count = dispatch.match(event);
      if (count === 0) continue;
      const time = timeOf(event);
      if (places + count > this.#times.length) this.#widen(places + count);
      for (let own = 0; own < count; own++) {
        this.#times[places] = time === time ? time : -Infinity;
        this.#kinds[places] = dispatch.found[own] ?? 0;
        this.#matched[places++] = event;
      }
    }
    fold.run({ times: this.#times, kinds: this.#kinds, startOf: this.#startOf }, 0, places);
    fold.end();
  }

  #widen(least: number): void {
    const times = new Float64Array(2 * least);
    times.set(this.#times);
    this.#times = times;
    const kinds = new Int32Array(2 * least);
    kinds.set(this.#kinds);
    this.#kinds = kinds;
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
function timeOf(event: PersonView["events"][number] | undefined): number {
  const stamp = event?.timestamp;
  return typeof stamp === "string" ? instantOf(stamp) : Number.NaN;
}

const NONE: Int32Array = new Int32Array(0);

import type { ExperienceEvent } from "@tessera/xdm";
import { EvaluationContext, type PersonView } from "../evaluate/context.ts";
import { truth } from "../evaluate/values.ts";
import type { AudiencePlan } from "../plan.ts";
import { type AttributeGroup, attributeGroups } from "../rows/attribute-index.ts";
import { LeafSets } from "../rows/leaf-sets.ts";
import { EventKinds } from "../rows/event-kinds.ts";
import type { ClockLeaf, HistoryLeaf } from "../rows/leaf.ts";
import { AND, NOT, type Program, programOf } from "../rows/program.ts";
import { instantOf } from "../time/calendar.ts";
import { concerned, fallbacksOf, fingerprintOf, parentsOf } from "./links.ts";
import { type Feed, type Held, type Kept, keptWindows, type KeptWindows, type LeafNow } from "./kept.ts";
import type { StreamNews, StreamPlan, StreamTransition } from "./stream.ts";
import { Places } from "./places.ts";
import { BITS, readState, type StreamState, writeState } from "./state.ts";

const NONE: readonly StreamTransition[] = [];

/** Makes a plan ready for streaming. */
export function compileStream(plan: AudiencePlan): StreamPlan {
  return new Stream(plan);
}

/** Which leaves of a kept window are worked out: all, those of time, or all for a person who has no results yet. */
type Settling = 0 | 1 | 2;
const ALL = 0;
const TIMED = 1;
const FRESH = 2;

class Stream implements StreamPlan {
  readonly fallbacks: StreamPlan["fallbacks"];
  readonly needs: StreamPlan["needs"];
  readonly size: StreamPlan["size"];
  readonly #plan: AudiencePlan;
  readonly #program: Program;
  readonly #fingerprint: number;
  readonly #context = new EvaluationContext();
  readonly #groups: readonly AttributeGroup[];
  readonly #sets: LeafSets;
  /** The kinds of events with what they feed. */
  readonly #kinds: EventKinds<readonly Feed[]>;
  readonly #windows: KeptWindows;
  readonly #places: Places;
  /** The leaves that no event and no attribute decides, with their numbers. */
  readonly #clocks: readonly (readonly [number, ClockLeaf])[];
  readonly #histories: readonly (readonly [number, HistoryLeaf])[];
  readonly #parentStart: Int32Array;
  readonly #parents: Int32Array;
  readonly #audiencesOf: readonly (readonly number[])[];
  readonly #numbers: ReadonlyMap<string, number>;
  /** Nodes still to be worked out, 32 in a word. */
  readonly #dirty: Int32Array;
  #dirtyFrom = 0;
  readonly #touched: Uint8Array;
  /** The windows that the news at hand went into, and where their cells begin. */
  readonly #touchedKeys: Int32Array;
  readonly #touchedStarts: Int32Array;
  #touchedCount = 0;
  readonly #now: LeafNow = { holds: false, changesAt: Infinity };

  constructor(plan: AudiencePlan) {
    this.#plan = plan;
    this.#program = programOf(plan);
    const { leaves, conditions, kinds, audiences } = this.#program;
    this.#fingerprint = fingerprintOf(plan);
    this.#sets = new LeafSets(leaves.length);
    this.#groups = attributeGroups(leaves, this.#context, this.#sets);
    const { kept, feeds } = (this.#windows = keptWindows(leaves, conditions.length, this.#context));
    this.#kinds = new EventKinds(conditions, this.#context, (fulfilled) =>
      fulfilled.flatMap((condition) => feeds[condition] ?? []),
    );
    this.#clocks = leaves.flatMap((leaf, number) => (leaf.kind === "clock" ? [[number, leaf] as const] : []));
    this.#histories = leaves.flatMap((leaf, number) =>
      leaf.kind === "history" ? [[number, leaf] as const] : [],
    );
    this.#numbers = new Map(plan.audiences.map((audience, number) => [audience.id, number]));
    const audiencesOf: number[][] = Array.from({ length: kinds.length }, () => []);
    audiences.forEach((node, audience) => audiencesOf[node]?.push(audience));
    this.#audiencesOf = audiencesOf;
    [this.#parentStart, this.#parents] = parentsOf(this.#program);
    this.#dirty = new Int32Array((kinds.length + 31) >>> 5);
    this.#places = new Places(this.#windows, this.#kinds.order, this.#dirty.length);
    this.#touched = new Uint8Array(kept.length);
    this.#touchedKeys = new Int32Array(kept.length);
    this.#touchedStarts = new Int32Array(kept.length);
    this.needs = this.#histories.length > 0 ? "history" : this.#clocks.length > 0 ? "attributes" : "nothing";
    this.size = { leaves: leaves.length, nodes: kinds.length, windows: this.#windows.kept.length };
    this.fallbacks = fallbacksOf(plan, this.#program);
  }

  create(person: PersonView, at: number): StreamState {
    return this.rebuild({ ...person, events: [] }, at);
  }

  rebuild(person: PersonView, at: number): StreamState {
    const state = this.#places.create(at);
    const { cells } = state;
    for (const event of person.events) {
      const time = typeof event.timestamp === "string" ? instantOf(event.timestamp) : Number.NaN;
      if (time > at) {
        state.next = time;
        break;
      }
      this.#feed(state, event, Number.isNaN(time) ? -Infinity : time);
    }
    this.#clearTouched();
    for (const group of this.#groups) {
      for (const leaf of this.#sets.leavesOf(group.setOf(person.attributes))) setBit(cells, leaf);
    }
    const set = (leaf: number, holds: boolean): void => {
      if (holds) setBit(cells, leaf);
    };
    for (const [kept, window] of this.#windows.kept.entries()) {
      const start = this.#places.find(state, kept);
      const due = this.#settle(state, window, start, FRESH);
      if (start >= 0) state.cells[start] = due;
    }
    this.#askPerson(state, () => person, set);
    const { kinds } = this.#program;
    for (let node = this.#program.leaves.length; node < kinds.length; node++) {
      if (this.#result(cells, node)) setBit(cells, node);
    }
    return state;
  }

  apply(state: StreamState, news: StreamNews): readonly StreamTransition[] {
    const { at, events, profile } = news;
    if (at < state.at) throw new Error("Expected news not before the state's moment: rebuild the person.");
    let changes: StreamTransition[] | undefined;
    while (state.next < at) changes = this.#stop(state, { ...news, at: state.next }, changes);
    const lapse = state.next <= at;
    state.at = at;
    if (events !== undefined) for (const event of events) this.#feed(state, event, at);
    if (profile !== undefined) this.#profile(state, profile);
    if (lapse || this.#putsOff(state, news)) this.#lapse(state);
    else {
      for (let index = 0; index < this.#touchedCount; index++) {
        const window = this.#windows.kept[this.#touchedKeys[index] ?? 0];
        const start = this.#touchedStarts[index] ?? 0;
        if (window) state.cells[start] = this.#settle(state, window, start, ALL);
      }
    }
    this.#clearTouched();
    if (this.needs !== "nothing" && (lapse || events !== undefined || profile !== undefined))
      this.#ask(state, news);
    return this.#propagate(state, at, changes) ?? NONE;
  }

  /** Whether what was due next may be due later now: then `next` is worked out anew, so that it tells the same whatever way led here. */
  #putsOff(state: StreamState, { events, profile }: StreamNews): boolean {
    if (this.needs !== "nothing") return events !== undefined || profile !== undefined;
    for (let index = 0; index < this.#touchedCount; index++)
      if ((state.cells[this.#touchedStarts[index] ?? 0] ?? Infinity) <= state.next) return true;
    return false;
  }

  advance(state: StreamState, news: Pick<StreamNews, "at" | "person">): readonly StreamTransition[] {
    let changes: StreamTransition[] | undefined;
    while (state.next <= news.at) changes = this.#stop(state, { ...news, at: state.next }, changes);
    if (news.at > state.at) state.at = news.at;
    return changes ?? NONE;
  }

  members(state: StreamState): ReadonlySet<string> {
    const members = new Set<string>();
    const { audiences } = this.#program;
    this.#plan.audiences.forEach((audience, number) => {
      if (hasBit(state.cells, audiences[number] ?? 0)) members.add(audience.id);
    });
    return members;
  }

  isMember(state: StreamState, audienceId: string): boolean {
    const number = this.#numbers.get(audienceId);
    return number !== undefined && hasBit(state.cells, this.#program.audiences[number] ?? 0);
  }

  encode(state: StreamState, head = 0): Uint8Array {
    return writeState(state, { places: this.#places, fingerprint: this.#fingerprint, head });
  }

  decode(bytes: Uint8Array): StreamState | undefined {
    return readState(bytes, this.#fingerprint, this.#places);
  }

  /** One moment at which time alone changes something. */
  #stop(
    state: StreamState,
    news: Pick<StreamNews, "at" | "person">,
    changes: StreamTransition[] | undefined,
  ): StreamTransition[] | undefined {
    state.at = news.at;
    this.#lapse(state);
    if (this.needs !== "nothing") this.#ask(state, news);
    return this.#propagate(state, news.at, changes);
  }

  /** Looks at everything that time can change; `next` becomes exact. */
  #lapse(state: StreamState): void {
    let next = Infinity;
    const { keys, starts, cells, at } = state;
    for (let index = 0; index < keys.length; index++) {
      const kept = keys[index] ?? 0;
      const start = starts[index] ?? 0;
      const touched = this.#touched[kept] === 1;
      if (touched || (cells[start] ?? 0) <= at) {
        const window = this.#windows.kept[kept];
        if (window) cells[start] = this.#settle(state, window, start, touched ? ALL : TIMED);
      }
      const due = cells[start] ?? 0;
      if (due < next) next = due;
    }
    state.next = next;
  }

  /** Puts an event into the windows whose conditions it fulfils. */
  #feed(state: StreamState, event: ExperienceEvent, at: number): void {
    const kind = this.#kinds.of(event);
    this.#feedAll(kind.own, { state, event, at });
    if (kind.open)
      for (const feeds of this.#kinds.more(kind, event)) this.#feedAll(feeds, { state, event, at });
  }

  #feedAll(
    feeds: readonly Feed[],
    {
      state,
      event,
      at,
    }: { readonly state: StreamState; readonly event: ExperienceEvent; readonly at: number },
  ): void {
    for (let index = 0; index < feeds.length; index++) {
      const feed = feeds[index];
      if (feed === undefined) continue;
      const { kept } = feed;
      const start = this.#places.ensure(state, kept);
      feed.add(state, start, at, event);
      if (this.#touched[kept] === 1) continue;
      this.#touched[kept] = 1;
      this.#touchedKeys[this.#touchedCount] = kept;
      this.#touchedStarts[this.#touchedCount++] = start;
    }
  }

  #clearTouched(): void {
    for (let index = 0; index < this.#touchedCount; index++) this.#touched[this.#touchedKeys[index] ?? 0] = 0;
    this.#touchedCount = 0;
  }

  /** Works out the leaves of a kept window: all, or only those that the clock can change. */
  #settle(state: StreamState, window: Kept, start: number, how: Settling): number {
    const held: Held = start < 0 ? { cells: [...window.empty], lists: [] } : state;
    const base = start < 0 ? 0 : start;
    const now = this.#now;
    const { cells } = state;
    const { leaves } = window;
    let due = Infinity;
    for (let index = 0; index < leaves.length; index++) {
      const leaf = leaves[index];
      if (leaf === undefined || (how === TIMED && !leaf.timed)) continue;
      leaf.now(held, base, state.at, now);
      if (hasBit(cells, leaf.leaf) !== now.holds) {
        if (how === FRESH) setBit(cells, leaf.leaf);
        else this.#flip(cells, leaf.leaf);
      }
      if (now.changesAt < due) due = now.changesAt;
    }
    if (due < state.next) state.next = due;
    return due;
  }

  #set(state: StreamState): (leaf: number, holds: boolean) => void {
    return (leaf, holds) => {
      if (hasBit(state.cells, leaf) !== holds) this.#flip(state.cells, leaf);
    };
  }

  #flip(cells: number[], node: number): void {
    const own = BITS + (node >>> 5);
    cells[own] = (cells[own] ?? 0) ^ (1 << (node & 31));
    const end = this.#parentStart[node + 1] ?? 0;
    for (let index = this.#parentStart[node] ?? 0; index < end; index++) {
      const parent = this.#parents[index] ?? 0;
      const word = parent >>> 5;
      this.#dirty[word] = (this.#dirty[word] ?? 0) | (1 << (parent & 31));
      if (word < this.#dirtyFrom) this.#dirtyFrom = word;
    }
    if ((this.#audiencesOf[node]?.length ?? 0) > 0) this.#flipped.push(node);
  }

  readonly #flipped: number[] = [];

  #profile(state: StreamState, profile: NonNullable<StreamNews["profile"]>): void {
    const set = this.#set(state);
    for (const group of this.#groups) {
      if (profile.changed !== undefined && !concerned(group.reads, profile.changed)) continue;
      const holding = this.#sets.leavesOf(group.setOf(profile.attributes));
      let index = 0;
      for (let leaf = group.first; leaf < group.end; leaf++) {
        const holds = holding[index] === leaf;
        if (holds) index++;
        set(leaf, holds);
      }
    }
  }

  #ask(state: StreamState, news: Pick<StreamNews, "person">): void {
    if (news.person === undefined)
      throw new Error(`Expected the person: the audiences of this plan need ${this.needs}.`);
    this.#askPerson(state, news.person, this.#set(state));
  }

  #askPerson(
    state: StreamState,
    person: () => PersonView,
    set: (leaf: number, holds: boolean) => void,
  ): void {
    if (this.needs === "nothing") return;
    const context = this.#context;
    const view = person();
    context.begin(view, state.at);
    for (const [number, leaf] of this.#clocks) set(number, truth(leaf.code.run(context)));
    for (const [number, leaf] of this.#histories) {
      if (typeof leaf.decide === "function") set(number, truth(leaf.decide(context)));
      else {
        const whole = this.#plan.evaluate(view, state.at);
        set(number, whole.members.has(leaf.decide.audience));
        if ((whole.nextChangeAt ?? Infinity) < state.next) state.next = whole.nextChangeAt ?? Infinity;
      }
    }
    if (context.next < state.next) state.next = context.next;
  }

  #result(cells: readonly number[], node: number): boolean {
    const { kinds, start, parts } = this.#program;
    const kind = kinds[node];
    const end = start[node + 1] ?? 0;
    for (let index = start[node] ?? 0; index < end; index++) {
      const part = parts[index] ?? 0;
      const holds = hasBit(cells, part);
      if (kind === NOT) return !holds;
      if (holds !== (kind === AND)) return holds;
    }
    return kind === AND;
  }

  /** Works out what the changed leaves change, parts before wholes. */
  #propagate(
    state: StreamState,
    at: number,
    before: StreamTransition[] | undefined,
  ): StreamTransition[] | undefined {
    const { cells } = state;
    for (let word = this.#dirtyFrom; word < this.#dirty.length;) {
      const open = this.#dirty[word] ?? 0;
      if (open === 0) {
        word++;
        continue;
      }
      const lowest = open & -open;
      this.#dirty[word] = open ^ lowest;
      const node = (word << 5) + (31 - Math.clz32(lowest));
      if (this.#result(cells, node) !== hasBit(cells, node)) this.#flip(cells, node);
    }
    this.#dirtyFrom = this.#dirty.length;
    if (this.#flipped.length === 0) return before;
    const changes = before ?? [];
    for (const node of this.#flipped) {
      for (const number of this.#audiencesOf[node] ?? []) {
        const audience = this.#plan.audiences[number];
        if (audience === undefined) continue;
        changes.push({ audienceId: audience.id, version: audience.version, member: hasBit(cells, node), at });
      }
    }
    this.#flipped.length = 0;
    return changes;
  }
}

function setBit(cells: number[], node: number): void {
  const own = BITS + (node >>> 5);
  cells[own] = (cells[own] ?? 0) | (1 << (node & 31));
}

function hasBit(cells: readonly number[], node: number): boolean {
  return ((cells[BITS + (node >>> 5)] ?? 0) & (1 << (node & 31))) !== 0;
}

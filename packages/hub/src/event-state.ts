import type { MergePolicy, PersonState } from "@tessera/profile-store";
import { type AudiencePlan, compileStream, type StreamPlan, type StreamState } from "@tessera/segment-engine";
import { digest } from "@tessera/xdm";
import { type DigestedEvent, type EventDigest, eventDigestOf, joinedBytes } from "./event-digest.ts";

/**
 * What is kept of a person so that the next event is followed without loading the history: where the audiences stand
 * in their event windows; where some audiences cannot be kept up event by event, also the past events as far as they are read.
 */
interface PastState {
  readonly state: StreamState;
  /** The past events as far as audiences read them; empty where nobody asks for them. */
  readonly events: readonly DigestedEvent[];
}

/** Keeps and reads the event state of persons, for one plan under one merge policy. */
export interface EventStates {
  readonly stream: StreamPlan;
  /** The past of a person, or undefined when it has to be made of the history: never kept, or by other definitions. */
  readonly take: (person: PersonState) => PastState | undefined;
  /** Whether `take` would give something. */
  readonly has: (person: PersonState) => boolean;
  /** `events`: all that the state was made of, in order; the first of them were taken from `before`. */
  readonly keep: (
    state: StreamState,
    events: readonly DigestedEvent[],
    before?: { readonly person: PersonState; readonly past: PastState },
  ) => Uint8Array | undefined;
}

const HEAD = 8;
const made = new WeakMap<AudiencePlan, WeakMap<MergePolicy, EventStates>>();

/** The event states of a plan under a merge policy. */
export function eventStatesOf(plan: AudiencePlan, policy: MergePolicy): EventStates {
  const ofPlan = made.get(plan) ?? new WeakMap<MergePolicy, EventStates>();
  made.set(plan, ofPlan);
  const known = ofPlan.get(policy);
  if (known !== undefined) return known;
  const states = createEventStates(plan, policy);
  ofPlan.set(policy, states);
  return states;
}

function createEventStates(plan: AudiencePlan, policy: MergePolicy): EventStates {
  const stream = compileStream(plan);
  const needsEvents = stream.needs === "history";
  const digests = eventDigestOf(plan);
  const mark = Number.parseInt(
    digest(`${policy.id}\n${policy.version}\n${JSON.stringify(policy.attributeMerge)}`).slice(0, 8),
    16,
  );
  // A state is changed in place: it is taken out when it is used, and put back under its new bytes.
  const decoded = new WeakMap<Uint8Array, { past: PastState | undefined }>();
  const past = (bytes: Uint8Array | undefined, isTaken: boolean): PastState | undefined => {
    if (bytes === undefined || bytes.length < HEAD) return undefined;
    const held = decoded.get(bytes);
    const found = held?.past ?? read(bytes, { stream, digests: needsEvents ? digests : undefined, mark });
    if (held !== undefined) held.past = isTaken ? undefined : found;
    else if (!isTaken && found !== undefined) decoded.set(bytes, { past: found });
    return found;
  };
  return {
    stream,
    has: ({ eventState }) => past(eventState, false) !== undefined,
    take: ({ eventState }) => past(eventState, true),
    keep: (state, events, before) => {
      const kept = needsEvents ? digests.write(events, digestBefore(before)) : NOTHING;
      if (kept === undefined) return undefined;
      const alone = stream.encode(state, HEAD);
      writeWord(alone, 0, mark);
      writeWord(alone, 4, alone.length - HEAD);
      const all = kept.length === 0 ? alone : joinedBytes(alone, kept);
      decoded.set(all, { past: { state, events: needsEvents ? events : NONE } });
      return all;
    },
  };
}

const NOTHING = new Uint8Array(0);
const NONE: readonly DigestedEvent[] = [];

function writeWord(bytes: Uint8Array, at: number, word: number): void {
  bytes[at] = word >>> 24;
  bytes[at + 1] = word >>> 16;
  bytes[at + 2] = word >>> 8;
  bytes[at + 3] = word;
}

function digestBefore(
  before: { readonly person: PersonState; readonly past: PastState } | undefined,
): Parameters<EventDigest["write"]>[1] {
  const bytes = before?.person.eventState;
  if (before === undefined || bytes === undefined || before.past.events.length === 0) return undefined;
  return { state: bytes.subarray(HEAD + lengthIn(bytes)), stored: before.past.events.length };
}

function read(
  bytes: Uint8Array,
  by: { readonly stream: StreamPlan; readonly digests: EventDigest | undefined; readonly mark: number },
): PastState | undefined {
  if (new DataView(bytes.buffer, bytes.byteOffset).getUint32(0) !== by.mark) return undefined;
  const end = HEAD + lengthIn(bytes);
  const state = by.stream.decode(bytes.subarray(HEAD, end));
  if (state === undefined) return undefined;
  const events = by.digests === undefined ? NONE : by.digests.read(bytes.subarray(end));
  return events === undefined ? undefined : { state, events };
}

function lengthIn(bytes: Uint8Array): number {
  return new DataView(bytes.buffer, bytes.byteOffset).getUint32(4);
}

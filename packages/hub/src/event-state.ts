import type { MergePolicy, PersonState } from "@tessera/profile-store";
import { type AudiencePlan, compileStream, type StreamPlan, type StreamState } from "@tessera/segment-engine";
import { digest } from "@tessera/xdm";
import { type DigestedEvent, type EventDigest, eventDigestOf, joinedBytes } from "./event-digest.ts";
import { notesOn, type PastState, type PersonNotes } from "./person-notes.ts";

/** Keeps and reads the event state of persons, for one plan under one merge policy. */
export interface EventStates {
  readonly stream: StreamPlan;
  /** The past of a person, or undefined when it has to be made of the history: never kept, or by other definitions. */
  readonly take: (person: PersonState, notes: PersonNotes) => PastState | undefined;
  /** Whether `take` would give something. */
  readonly has: (person: PersonState) => boolean;
  /** `events`: all that the state was made of, in order; the first of them were taken from `before`. */
  readonly keep: (
    state: StreamState,
    events: readonly DigestedEvent[],
    before?: { readonly person: PersonState; readonly past: PastState },
  ) => { readonly bytes: Uint8Array; readonly past: PastState } | undefined;
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
  const past = ({ eventState }: PersonState, notes: PersonNotes): PastState | undefined => {
    if (eventState === undefined || eventState.length < HEAD) return undefined;
    if (notes.past?.by === stream) return notes.past;
    return read(eventState, { stream, digests: needsEvents ? digests : undefined, mark });
  };
  return {
    stream,
    has: (person) => {
      const notes = notesOn(person);
      const found = past(person, notes);
      notes.past = found;
      return found !== undefined;
    },
    take: (person, notes) => {
      const found = past(person, notes);
      // A state is changed in place: it is taken out when it is used, and noted again with the person it led to.
      notes.past = undefined;
      return found;
    },
    keep: (state, events, before) => {
      const kept = needsEvents ? digests.write(events, digestBefore(before)) : NOTHING;
      if (kept === undefined) return undefined;
      const alone = stream.encode(state, HEAD);
      writeWord(alone, 0, mark);
      writeWord(alone, 4, alone.length - HEAD);
      const all = kept.length === 0 ? alone : joinedBytes(alone, kept);
      return { bytes: all, past: { by: stream, state, events: needsEvents ? events : NONE } };
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
  return events === undefined ? undefined : { by: by.stream, state, events };
}

function lengthIn(bytes: Uint8Array): number {
  return new DataView(bytes.buffer, bytes.byteOffset).getUint32(4);
}

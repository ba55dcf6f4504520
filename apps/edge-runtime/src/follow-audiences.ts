import { type AudiencePlan, compileStream, type PersonView, type StreamState } from "@tessera/segment-engine";
import { type ExperienceEvent, parseInstant } from "@tessera/xdm";
import { createSlot } from "./slot.ts";

/** One step of a visitor: what was known before it, and what is known after. */
interface AudienceStep {
  /** The window of events before the step; the same object as after the step before. */
  readonly before: readonly ExperienceEvent[];
  readonly after: readonly ExperienceEvent[];
  /** The event of the step; `undefined` when only time has passed. */
  readonly event: ExperienceEvent | undefined;
  /** What attributes and memberships come from; another object when they may differ. */
  readonly source: object | undefined;
  readonly person: PersonView;
}

/**
 * Ids of the audiences that hold after a step, at a moment (milliseconds since 1970). The very same set as after the
 * step before when nothing changed.
 */
export type AudienceFollower = (step: AudienceStep, now: number) => ReadonlySet<string>;

/** What is remembered of a window: by whom, from which source, the state and what it says. */
interface Followed {
  readonly by: object;
  readonly source: object | undefined;
  readonly state: StreamState;
  readonly members: ReadonlySet<string>;
}

const followed = createSlot<readonly ExperienceEvent[], Followed>("followed audiences");

/**
 * Evaluates audiences event by event where the same process saw the step before, at a cost that does not grow with the
 * visitor's history, and over the whole window where it did not: the answer is the same. What is remembered hangs on
 * the window object itself, so it can belong to nothing else and goes when the profile goes.
 */
export function createFollower(plan: AudiencePlan): AudienceFollower {
  const stream = compileStream(plan);
  const by = {};
  return (step, now) => {
    const { before, after, event, source, person } = step;
    // Whoever goes on from a state takes it along: a second request from the same step begins anew.
    const known = followed.take(before);
    const at = event === undefined ? now : momentOf(event);
    if (known?.by === by && known.source === source && isNext(step, known.state, at, now)) {
      const { state } = known;
      let changes = 0;
      if (event !== undefined)
        changes += stream.apply(state, { at, events: [event], person: () => person }).length;
      if (state.at < now) changes += stream.advance(state, { at: now, person: () => person }).length;
      const next = changes === 0 ? known : { ...known, members: stream.members(state) };
      followed.put(after, next);
      return next.members;
    }
    const state = stream.rebuild(person, now);
    const members = stream.members(state);
    followed.put(after, { by, source, state, members });
    return members;
  };
}

/** Whether a step goes on where the state stopped: its event is the newest of all, and time has not run backwards. */
function isNext({ after, event }: AudienceStep, state: StreamState, at: number, now: number): boolean {
  if (event === undefined) return state.at <= now;
  return after.at(-1) === event && at > state.at && at <= now;
}

/** When an event was, in milliseconds since 1970. */
function momentOf({ timestamp }: ExperienceEvent): number {
  const read = parseInstant(timestamp);
  return read.ok ? read.value : Number.NaN;
}

import { type AudiencePlan, compileStream, type PersonView, type StreamState } from "@tessera/segment-engine";
import type { ExperienceEvent } from "@tessera/xdm";

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

/** Ids of the audiences that hold after a step, at a moment (milliseconds since 1970). */
export type AudienceFollower = (step: AudienceStep, now: number) => ReadonlySet<string>;

/**
 * Evaluates audiences event by event where the same process saw the step before, at a cost that does not grow with the
 * visitor's history, and over the whole window where it did not: the answer is the same. What is remembered hangs on
 * the window object itself, so it can belong to nothing else and goes when the profile goes.
 */
export function createFollower(plan: AudiencePlan): AudienceFollower {
  const stream = compileStream(plan);
  const states = new WeakMap<
    readonly ExperienceEvent[],
    { readonly source: object | undefined; readonly state: StreamState }
  >();
  return (step, now) => {
    const { before, after, event, source, person } = step;
    const known = states.get(before);
    const at = event === undefined ? now : Date.parse(event.timestamp);
    // Whoever goes on from a state takes it along: a second request from the same step begins anew.
    states.delete(before);
    let state: StreamState;
    if (known?.source === source && known !== undefined && isNext(step, known.state, at, now)) {
      ({ state } = known);
      if (event !== undefined) stream.apply(state, { at, events: [event], person: () => person });
      if (state.at < now) stream.advance(state, { at: now, person: () => person });
    } else state = stream.rebuild(person, now);
    states.set(after, { source, state });
    return stream.members(state);
  };
}

/** Whether a step goes on where the state stopped: its event is the newest of all, and time has not run backwards. */
function isNext({ after, event }: AudienceStep, state: StreamState, at: number, now: number): boolean {
  if (event === undefined) return state.at <= now;
  return after.at(-1) === event && at > state.at && at <= now;
}

import type { ExperienceEvent, JsonObject } from "@tessera/xdm";
import type { PersonView } from "../evaluate/context.ts";
import type { StreamState } from "./state.ts";

/** A person entered (`member`) or left an audience at `at` (ms). */
export interface StreamTransition {
  readonly audienceId: string;
  readonly version: number;
  readonly member: boolean;
  readonly at: number;
}

/** What became known at one moment. Everything of a moment belongs into one call. */
export interface StreamNews {
  /** The moment (ms), not before the state's own. */
  readonly at: number;
  /** The events of that very moment. */
  readonly events?: readonly ExperienceEvent[];
  /** The merged attributes from now on, and the dotted paths that changed (all, when absent). */
  readonly profile?: {
    readonly attributes: JsonObject;
    readonly changed?: readonly string[];
  };
  /**
   * The person with all events up to `at`, asked only when `needs` says so: for audiences that are not kept up event
   * by event, and for those whose attributes are compared with the clock.
   */
  readonly person?: () => PersonView;
}

/** Why an audience is worked out over all events whenever the person changes. */
export interface StreamFallback {
  readonly audienceId: string;
  readonly reasons: readonly string[];
}

/**
 * All audiences of a plan made ready to follow persons event by event; results are those of `plan.evaluate`.
 *
 * How a hub uses it, for each person of a batch:
 *
 * 1. `const state = plan.decode(row)`; when there is none, or it belongs to other definitions (`undefined`), or
 *    something new is not later than `state.at` (a late event, a merge, a deletion), begin anew: `plan.create(person,
 *    at)` at a moment before all events, then the same steps from the start; or `plan.rebuild(person, now)`, when only
 *    the state of now is wanted.
 * 2. For each moment of news in order: `plan.apply(state, { at, events, profile, person })`. It first passes the
 *    moments before `at` at which windows lapse, and answers every change of membership with its own time.
 * 3. `plan.advance(state, { at: now })` for windows that lapsed since; `state.next` is the person's `nextChangeAt`.
 * 4. `plan.encode(state)` is stored beside the person.
 *
 * Events of `person` that lie after `at` are not taken in; `state.next` is not later than the first of them: apply it
 * at its time. A person whose events are not known up to `state.at` must be rebuilt. Memberships decided elsewhere
 * (`segmentMembership`) are news like attributes: `profile.changed` holds "segmentMembership" then.
 */
export interface StreamPlan {
  /** Audiences that need `StreamNews.person` with all events: their definition cannot be kept up event by event. */
  readonly fallbacks: readonly StreamFallback[];
  /** What `person` is asked for: `history` all of it, `attributes` no events, `nothing` never. */
  readonly needs: "nothing" | "attributes" | "history";
  /** Sizes: distinct conditions, nodes of the program, kept windows. */
  readonly size: { readonly leaves: number; readonly nodes: number; readonly windows: number };
  /** A person without events. The members at that moment are `members(state)`. */
  create(person: PersonView, at: number): StreamState;
  /** The state of a person from all that is known at `at`. */
  rebuild(person: PersonView, at: number): StreamState;
  /** Takes in what is new. Changes `state`; the cost does not grow with the person's history. */
  apply(state: StreamState, news: StreamNews): readonly StreamTransition[];
  /** Passes the moments up to and including `at` at which time alone changes something. */
  advance(state: StreamState, news: Pick<StreamNews, "at" | "person">): readonly StreamTransition[];
  /** The ids of the audiences the person is in. */
  members(state: StreamState): ReadonlySet<string>;
  /** Whether the person is in an audience. */
  isMember(state: StreamState, audienceId: string): boolean;
  /** The state as bytes, behind `head` bytes (none, unless given) that are the caller's to fill. */
  encode(state: StreamState, head?: number): Uint8Array;
  /** `undefined` when the bytes belong to other definitions: rebuild the person. */
  decode(bytes: Uint8Array): StreamState | undefined;
}

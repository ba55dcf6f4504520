import type { ExperienceEvent, JsonObject, SegmentMembershipMap } from "@tessera/xdm";
import { isMember, UPS } from "@tessera/xdm";
import { instantOf } from "../time/calendar.ts";
import type { Clock } from "../time/moving-time.ts";

/** What is known of a person when audiences are evaluated. */
export interface PersonView {
  /** The merged profile: the attributes that audiences read. */
  readonly attributes: JsonObject;
  /** The events, ascending by timestamp, then `_id`. */
  readonly events: readonly ExperienceEvent[];
  /**
   * Memberships decided elsewhere: external audiences, Audience Manager, or batch audiences projected to the edge.
   * `inSegment` asks here for an audience that is not in the plan.
   */
  readonly segmentMembership?: SegmentMembershipMap;
}

/** What one evaluation of one person carries: the clock, the visible events, the variables, the memo. */
export class EvaluationContext implements Clock {
  now: number = 0;
  /** The earliest moment ahead at which a result can change. */
  next: number = Infinity;
  attributes: JsonObject = {};
  /** The events up to now. */
  events: readonly JsonObject[] = [];
  /** The times of `events`, in milliseconds; `-Infinity` for an event without one. */
  times: readonly number[] = [];
  memberships: unknown = undefined;
  readonly env: unknown[] = [];
  memo: unknown[] = [];
  stamps: Uint32Array = new Uint32Array(0);
  generation: number = 0;
  /** Results by the number of the audience in the plan: 1 member, 0 not, -1 not asked yet. */
  results: Int8Array = new Int8Array(0);
  decide: (audience: number) => boolean = () => false;

  note(ms: number): void {
    if (ms > this.now && ms < this.next) this.next = ms;
  }

  /** Begins with a person at a moment. Events in the future are invisible until their time. */
  begin(person: PersonView, now: number): void {
    this.now = now;
    this.next = Infinity;
    this.attributes = person.attributes;
    this.memberships = person.segmentMembership ?? person.attributes["segmentMembership"];
    this.generation++;
    const times: number[] = [];
    for (const event of person.events) {
      const stamp = event.timestamp;
      const ms = typeof stamp === "string" ? instantOf(stamp) : Number.NaN;
      if (ms > now) {
        this.note(ms);
        break;
      }
      times.push(Number.isNaN(ms) ? -Infinity : ms);
    }
    this.times = times;
    this.events =
      times.length === person.events.length ? person.events : person.events.slice(0, times.length);
  }

  /** Whether the person is in an audience that the plan does not hold, by the memberships given; of `ups` by default. */
  memberElsewhere(id: string, namespace: string | undefined): boolean {
    const map = this.memberships;
    if (typeof map !== "object" || map === null) return false;
    const entry = own(own(map, namespace ?? UPS), id);
    const status = own(entry, "status");
    if (status !== "realized" && status !== "existing" && status !== "exited") return false;
    const until = own(entry, "validUntil");
    if (typeof until === "string") {
      const end = instantOf(until);
      if (end <= this.now) return false;
      this.note(end);
    }
    return isMember(status);
  }
}

function own(value: unknown, name: string): unknown {
  if (typeof value !== "object" || value === null || !Object.hasOwn(value, name)) return undefined;
  return (value as Record<string, unknown>)[name];
}

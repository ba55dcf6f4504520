import {
  describe,
  err,
  type ExperienceEvent,
  isObject,
  type Issue,
  type JsonObject,
  ok,
  parseInstant,
  type Result,
} from "@tessera/xdm";
import type { PersonView } from "./evaluate/context.ts";
import { compileAudiences } from "./plan.ts";
import { instantOf } from "./time/calendar.ts";

/**
 * Evaluates one PQL text for one profile at a moment (`now`, ISO 8601). The profile may carry `xEvent`, its events
 * in any order (one without a valid `timestamp` counts as older than all), and `segmentMembership`, which
 * `inSegment` asks. Consents are not looked at: this answers the query, not whether the person may be addressed.
 * A null result counts as false, a list as "not empty", any other value as "is there".
 */
export function evaluatePql(
  pql: string,
  profile: unknown,
  options: { readonly now: string },
): Result<boolean, Issue[]> {
  const time = parseInstant(options.now);
  const person = personOf(profile);
  const plan = compileAudiences([
    {
      id: "",
      name: "",
      expression: { type: "PQL", format: "pql/text", value: pql },
      evaluation: "batch",
      version: 1,
      excludeOptOut: false,
    },
  ]);
  const issues: Issue[] = [];
  if (!plan.ok) issues.push(...plan.error.map(({ path: _path, ...issue }) => issue));
  if (!time.ok) issues.push({ ...time.error, code: "evaluate.now", path: ["now"] });
  if (!person.ok) issues.push(person.error);
  if (!plan.ok || !time.ok || !person.ok) return err(issues);
  return ok(plan.value.evaluate(person.value, time.value).members.size > 0);
}

/** Splits a profile into what evaluation takes: attributes, events in order of time, memberships. */
export function personOf(profile: unknown): Result<PersonView, Issue> {
  if (!isObject(profile)) return err(wrong([], "a profile object", profile));
  const { xEvent = [], ...attributes } = profile;
  if (!Array.isArray(xEvent) || !xEvent.every(isObject))
    return err(wrong(["xEvent"], "a list of events", xEvent));
  const timed = xEvent.map((event) => {
    const stamp = event["timestamp"];
    const ms = typeof stamp === "string" ? instantOf(stamp) : Number.NaN;
    return { event: event as ExperienceEvent, ms: Number.isNaN(ms) ? -Infinity : ms };
  });
  timed.sort((a, b) => (a.ms === b.ms ? compareIds(a.event._id, b.event._id) : a.ms - b.ms));
  return ok({ attributes: attributes as JsonObject, events: timed.map((one) => one.event) });
}

function compareIds(a: unknown, b: unknown): number {
  if (typeof a !== "string" || typeof b !== "string" || a === b) return 0;
  return a < b ? -1 : 1;
}

function wrong(path: readonly string[], expected: string, came: unknown): Issue {
  return {
    code: "evaluate.profile",
    path,
    expected,
    came: describe(came),
    message: `Expected ${expected}, came ${describe(came)}. Send the profile as a JSON object.`,
  };
}

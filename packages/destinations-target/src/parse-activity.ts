import { findLimit } from "@tessera/guardrails";
import {
  describe,
  err,
  formatInstant,
  type Issue,
  isObject,
  ok,
  parseInstant,
  parseJson,
  type Result,
} from "@tessera/xdm";
import {
  type Activity,
  DOM_ACTIONS,
  type Experience,
  type Location,
  locationKey,
  type Offer,
} from "./activity.ts";

type Path = readonly (string | number)[];
type Report = (path: Path, expected: string, came: unknown) => void;

/** Reads an activity; every violation at once, under `activity.*` codes. */
export function parseActivity(input: unknown): Result<Activity, readonly Issue[]> {
  const issues: Issue[] = [];
  const report: Report = (path, expected, came) => {
    issues.push({
      code: "activity.invalid",
      path,
      expected,
      came: describe(came),
      message: `${path.join(".") || "activity"}: expected ${expected}, got ${describe(came)}. Correct the activity and save again.`,
    });
  };
  if (!isObject(input)) report([], "an object", input);
  const given = isObject(input) ? input : {};
  const { name, type, status = "live", priority = 0, workspace } = given;
  const id = idOf(given["id"]);
  if (id === undefined) report(["id"], "a positive integer", given["id"]);
  if (typeof name !== "string" || name.trim() === "") report(["name"], "a name", name);
  if (type !== "ab" && type !== "xt") report(["type"], "ab or xt", type);
  if (status !== "live" && status !== "inactive") report(["status"], "live or inactive", status);
  if (!Number.isInteger(priority) || (priority as number) < 0 || (priority as number) > 999) {
    report(["priority"], "an integer from 0 to 999", priority);
  }
  if (workspace !== undefined && (!isTexts([workspace]) || String(workspace).length > 255)) {
    report(["workspace"], "a name of 1 to 255 characters", workspace);
  }
  checkCondition(given["audience"] ?? { kind: "everyone" }, ["audience"], report);
  const times = checkTimes(given, report);
  checkExperiences(given["experiences"], type, report);
  for (const list of ["properties", "clicks"]) {
    const texts = given[list];
    if (texts !== undefined && !isTexts(texts)) report([list], "a list of texts", texts);
  }
  if (issues.length > 0) return err(issues);
  const defaults = { audience: { kind: "everyone" } };
  return ok({ ...defaults, ...given, id, ...times, status, priority } as unknown as Activity);
}

/** A number, or its digits where documents are keyed by texts. */
function idOf(given: unknown): number | undefined {
  const id = typeof given === "string" && /^[1-9]\d{0,14}$/.test(given) ? Number(given) : given;
  return Number.isSafeInteger(id) && (id as number) >= 1 ? (id as number) : undefined;
}

/** Reads a list of activities, such as an edge snapshot carries: the good ones, and the issues of the others. */
export function readActivities(input: readonly unknown[]): {
  readonly activities: readonly Activity[];
  readonly issues: readonly Issue[];
} {
  const activities: Activity[] = [];
  const issues: Issue[] = [];
  const ids = new Set<number>();
  for (const [index, item] of input.entries()) {
    const parsed = parseActivity(item);
    if (!parsed.ok) {
      issues.push(...parsed.error.map((issue) => ({ ...issue, path: [index, ...(issue.path ?? [])] })));
    } else if (ids.has(parsed.value.id)) {
      issues.push({
        code: "activity.invalid",
        path: [index, "id"],
        message: `${index}.id: expected an id of its own, got one that an earlier activity has. Give it another id.`,
      });
    } else {
      ids.add(parsed.value.id);
      activities.push(parsed.value);
    }
  }
  return { activities, issues };
}

function checkTimes(given: Record<string, unknown>, report: Report): { startsAt?: string; endsAt?: string } {
  const times: { startsAt?: string; endsAt?: string } = {};
  for (const field of ["startsAt", "endsAt"] as const) {
    if (given[field] === undefined) continue;
    const parsed = parseInstant(given[field]);
    if (parsed.ok) times[field] = formatInstant(parsed.value);
    else report([field], "an ISO 8601 time", given[field]);
  }
  if (times.startsAt !== undefined && times.endsAt !== undefined && times.startsAt >= times.endsAt) {
    report(["endsAt"], "an end after the start", given["endsAt"]);
  }
  return times;
}

function checkCondition(input: unknown, path: Path, report: Report): void {
  const kind = isObject(input) ? input["kind"] : undefined;
  if (kind === "everyone") return;
  if (!isObject(input) || (kind !== "any" && kind !== "all" && kind !== "none")) {
    return report(path, "everyone, any, all or none", kind);
  }
  const audiences = input["audiences"];
  const limit = findLimit("target.audiences-per-experience").value;
  if (!isTexts(audiences) || audiences.length === 0 || audiences.length > limit) {
    report([...path, "audiences"], `1 to ${limit} audience ids`, audiences);
  }
}

function checkExperiences(input: unknown, type: unknown, report: Report): void {
  if (!Array.isArray(input) || input.length === 0)
    return report(["experiences"], "at least one experience", input);
  const ids = new Set<unknown>();
  let total = 0;
  for (const [index, experience] of (input as readonly unknown[]).entries()) {
    const path = ["experiences", index];
    if (!isObject(experience)) {
      report(path, "an object", experience);
      continue;
    }
    const { id, name, percentage, audience, offers } = experience as Partial<
      Record<keyof Experience, unknown>
    >;
    if (!Number.isInteger(id) || (id as number) < 0 || ids.has(id))
      report([...path, "id"], "an integer of its own from 0", id);
    ids.add(id);
    if (typeof name !== "string" || name === "") report([...path, "name"], "a name", name);
    if (type === "ab") {
      const share = typeof percentage === "number" && percentage >= 0 && percentage <= 100;
      if (!share) report([...path, "percentage"], "a number from 0 to 100", percentage);
      else total += percentage;
    }
    if (audience !== undefined) {
      if (type === "ab")
        report([...path, "audience"], "no audience: an ab activity targets as a whole", audience);
      else checkCondition(audience, [...path, "audience"], report);
    }
    checkOffers(offers, [...path, "offers"], report);
  }
  if (total > 100.000001) report(["experiences"], "percentages of 100 at most together", total);
}

function checkOffers(input: unknown, path: Path, report: Report): void {
  if (!Array.isArray(input) || input.length === 0) return report(path, "at least one offer", input);
  const keys = new Set<string>();
  for (const [index, entry] of (input as readonly unknown[]).entries()) {
    const at = [...path, index];
    const { location, offer } = isObject(entry) ? entry : { location: undefined, offer: undefined };
    const where = locationOf(location);
    if (!where) report([...at, "location"], "an mbox or view with a name, or page-load", location);
    else if (keys.has(locationKey(where))) report([...at, "location"], "each location once", location);
    else keys.add(locationKey(where));
    const problem = offerProblem(offer);
    if (problem !== undefined) report([...at, "offer"], problem, offer);
  }
}

function locationOf(input: unknown): Location | undefined {
  if (!isObject(input)) return undefined;
  const { kind, name } = input;
  if (kind === "page-load") return { kind };
  if ((kind !== "mbox" && kind !== "view") || typeof name !== "string" || name === "") return undefined;
  const limit = findLimit(kind === "mbox" ? "target.mbox-name" : "target.view-name").value;
  return name.length <= limit ? { kind, name } : undefined;
}

function offerProblem(input: unknown): string | undefined {
  if (!isObject(input)) return "an offer";
  const offer = input as Partial<Offer> & Record<string, unknown>;
  const limit = findLimit("target.offer-size").value;
  switch (offer.kind) {
    case "default":
      return undefined;
    case "html":
      return typeof offer.content === "string" && offer.content.length <= limit
        ? undefined
        : `a text of ${limit} characters at most`;
    case "json": {
      if (offer.content === undefined || "badPath" in parseJson(offer.content)) return "JSON data";
      return JSON.stringify(offer.content).length <= limit
        ? undefined
        : `JSON of ${limit} characters at most`;
    }
    case "redirect":
      return typeof offer.url === "string" && /^https?:\/\/[^\s/]+/.test(offer.url)
        ? undefined
        : "an http or https address";
    case "actions":
      return Array.isArray(offer.actions) && offer.actions.length > 0 && offer.actions.every(isAction)
        ? undefined
        : `actions with a selector, each one of ${DOM_ACTIONS.join(", ")}`;
    default:
      return "html, json, redirect, actions or default";
  }
}

function isAction(input: unknown): boolean {
  if (!isObject(input)) return false;
  const { type, selector, content } = input;
  return (
    DOM_ACTIONS.some((known) => known === type) &&
    typeof selector === "string" &&
    (type === "remove" || content !== undefined)
  );
}

function isTexts(input: unknown): input is readonly string[] {
  return Array.isArray(input) && input.every((text) => typeof text === "string" && text !== "");
}

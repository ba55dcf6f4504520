import { type AudiencePlan, compileAudiences } from "@tessera/segment-engine";
import { describe, err, type ExperienceEvent, isObject, type Issue, ok, type Result } from "@tessera/xdm";

/** What is worked out of the matching events of a person. */
export type ComputedFunction = "count" | "sum" | "min" | "max" | "mostRecent" | "list";

/**
 * An attribute that is worked out of events: `SystemComputedAttribute.<name>.value`, in queries and destinations like
 * any other. `mostRecent` also gives `timestamp`.
 */
export interface ComputedAttribute {
  readonly name: string;
  readonly function: ComputedFunction;
  /** PQL over one event, such as `eventType = "buy"`; without it all events count. */
  readonly filter?: string;
  /** Dotted path of the event's field; every function but `count` needs it. */
  readonly field?: string;
  /** How far back events count, at most six months. Windows move on whole hours up to a day, beyond on whole days (UTC). */
  readonly lookBackHours: number;
  /** `list`: the latest so many different values (10). */
  readonly most?: number;
}

/** A definition made ready: which events match, and what of them counts. */
export interface PreparedAttribute {
  readonly definition: ComputedAttribute;
  /** Width of a bucket in milliseconds: windows begin on its borders. */
  readonly bucket: number;
  readonly lookBack: number;
  readonly matches: (event: ExperienceEvent) => boolean;
  /** The field's value; undefined when the event lacks it. */
  readonly valueOf: (event: ExperienceEvent) => string | number | boolean | undefined;
}

const HOUR = 3_600_000;
const DAY = 24;
/** Six months are at most 184 days. */
const MONTH = 184 / 6;
/** The documented look-back, in months. */
const LOOK_BACK_MONTHS = 6;
const NAME = /^[A-Za-z][A-Za-z0-9_]{0,63}$/;
const FUNCTIONS: readonly unknown[] = ["count", "sum", "min", "max", "mostRecent", "list"];
const MOST = 100;

/** Reads a definition that looks back at most so many months. */
export function parseComputedAttribute(
  input: unknown,
  months: number = LOOK_BACK_MONTHS,
): Result<ComputedAttribute, readonly Issue[]> {
  if (!isObject(input)) return err([wrong("definition", "an object", input)]);
  const { name, function: does, filter, field, lookBackHours, most } = input;
  const issues: Issue[] = [];
  if (typeof name !== "string" || !NAME.test(name))
    issues.push(wrong("name", "a letter, then up to 63 letters, digits or _", name));
  if (!FUNCTIONS.includes(does)) issues.push(wrong("function", FUNCTIONS.join(", "), does));
  if (filter !== undefined && typeof filter !== "string")
    issues.push(wrong("filter", "PQL over one event", filter));
  if (does !== "count" && (typeof field !== "string" || field === ""))
    issues.push(wrong("field", "a dotted path of the event", field));
  const longest = Math.floor(months * MONTH) * DAY;
  if (!(Number.isInteger(lookBackHours) && Number(lookBackHours) >= 1 && Number(lookBackHours) <= longest))
    issues.push(
      wrong("lookBackHours", `a whole number from 1 to ${longest} (${months} months)`, lookBackHours),
    );
  if (most !== undefined && !(Number.isInteger(most) && Number(most) >= 1 && Number(most) <= MOST))
    issues.push(wrong("most", `a whole number from 1 to ${MOST}`, most));
  const plan = typeof filter === "string" ? compileFilter(filter) : undefined;
  if (plan?.ok === false) issues.push(...plan.error.map((issue) => ({ ...issue, path: ["filter"] })));
  if (issues.length > 0) return err(issues);
  return ok({
    name: name as string,
    function: does as ComputedFunction,
    lookBackHours: Number(lookBackHours),
    ...(filter === undefined ? {} : { filter: filter as string }),
    ...(field === undefined ? {} : { field: field as string }),
    ...(most === undefined ? {} : { most: Number(most) }),
  });
}

/** Makes a definition ready. Its filter was checked when it was saved. */
export function prepareAttribute(definition: ComputedAttribute): PreparedAttribute {
  const plan = definition.filter === undefined ? undefined : compileFilter(definition.filter);
  if (plan?.ok === false) throw new Error(`The filter of ${definition.name} does not compile.`);
  const path = definition.field?.split(".") ?? [];
  const lookBack = definition.lookBackHours * HOUR;
  return {
    definition,
    lookBack,
    bucket: definition.lookBackHours <= DAY ? HOUR : DAY * HOUR,
    matches: (event) =>
      plan === undefined ||
      plan.value.evaluate({ attributes: {}, events: [event] }, Date.parse(event.timestamp)).members.size > 0,
    valueOf: (event) => {
      let value: unknown = event;
      for (const name of path) value = isObject(value) ? value[name] : undefined;
      return typeof value === "string" || typeof value === "number" || typeof value === "boolean"
        ? value
        : undefined;
    },
  };
}

function compileFilter(filter: string): Result<AudiencePlan, readonly Issue[]> {
  return compileAudiences([
    {
      id: "filter",
      name: "filter",
      expression: { type: "PQL", format: "pql/text", value: `xEvent.exists(${filter})` },
      evaluation: "batch",
      version: 1,
      excludeOptOut: false,
    },
  ]);
}

function wrong(path: string, expected: string, came: unknown): Issue {
  return {
    code: "computedAttribute.invalid",
    path: [path],
    expected,
    came: describe(came),
    message: `${path}: expected ${expected}, got ${describe(came)}.`,
  };
}

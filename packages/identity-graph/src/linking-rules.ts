import {
  describe,
  err,
  type IdentityType,
  isObject,
  isPersonType,
  type Issue,
  ok,
  type Result,
} from "@tessera/xdm";

/** A protective limit: at most `count` values of a namespace first seen within any `withinMs` milliseconds. */
export interface NewValuesLimit {
  readonly count: number;
  readonly withinMs: number;
}

/**
 * How one namespace takes part in linking.
 *
 * - `unique`: at most one value of it in a graph.
 * - `priority`: 1 is the highest; decides which links are kept in a rebuild and the primary identity of an event.
 * - `maxValues`, `newValues`: optional protections; off when absent.
 */
export interface NamespaceRule {
  readonly namespace: string;
  readonly type: IdentityType;
  readonly unique: boolean;
  readonly priority: number;
  readonly maxValues?: number;
  readonly newValues?: NewValuesLimit;
}

/**
 * The linking rules of a sandbox. A namespace without a rule links as a cookie of the lowest priority.
 *
 * - `cap`: most identities of a graph; beyond it the oldest leave.
 * - `removedKept`: how many removed links a graph lists; older ones are no longer listed and the graph says so (`trimmed`).
 */
export interface LinkingRules {
  readonly namespaces: readonly NamespaceRule[];
  readonly cap: number;
  readonly removedKept: number;
}

/** Most identities of a graph, unless the rules say otherwise. */
const CAP = 50;
/** A graph of one identity links nothing. */
export const LEAST_CAP = 2;
const REMOVED_KEPT = 200;

const FIELDS = ["namespaces", "cap", "removedKept"];
const RULE_FIELDS = ["namespace", "type", "unique", "priority", "maxValues", "newValues"];

const TYPES: readonly IdentityType[] = [
  "CROSS_DEVICE",
  "EMAIL",
  "PHONE",
  "MOBILE",
  "DEVICE",
  "COOKIE",
  "PARTNER",
  "NON_PEOPLE",
];

/** Whether `value` is one of the identity types, in any letter case (older specifications mix it). */
export function parseIdentityType(value: unknown): IdentityType | undefined {
  if (typeof value !== "string") return undefined;
  const upper = value.toUpperCase();
  return TYPES.find((type) => type === upper);
}

/** Identities of these types are kept as data but never linked. */
export function buildsGraph(type: IdentityType): boolean {
  return type !== "NON_PEOPLE" && type !== "PARTNER";
}

/**
 * Reads linking rules: `{ namespaces: [{ namespace, type, unique?, priority, maxValues?, newValues? }], cap?, removedKept? }`.
 *
 * - Priorities are whole numbers from 1, each used once (gaps are fine).
 * - No device or cookie namespace may rank above a person namespace (cross-device, e-mail, phone).
 * - `newValues` is `{ count, withinMs }` or `{ count, withinDays }`.
 * - Other fields are refused.
 */
export function parseLinkingRules(input: unknown): Result<LinkingRules, readonly Issue[]> {
  if (!isObject(input))
    return err([problem("rules.shape", [], "an object with a list of namespaces", input)]);
  if (!Array.isArray(input.namespaces)) {
    return err([problem("rules.shape", ["namespaces"], "a list of namespaces", input.namespaces)]);
  }
  const issues: Issue[] = [];
  checkFields(input, FIELDS, { path: [], issues });
  const namespaces: NamespaceRule[] = [];
  input.namespaces.forEach((item: unknown, index) => {
    const rule = parseRule(item, ["namespaces", index], issues);
    if (rule) namespaces.push(rule);
  });
  const cap = wholeNumber(input.cap, CAP, { path: ["cap"], least: LEAST_CAP, issues });
  const removedKept = wholeNumber(input.removedKept, REMOVED_KEPT, {
    path: ["removedKept"],
    least: 0,
    issues,
  });
  checkDistinct(namespaces, issues);
  checkRanks(namespaces, issues);
  if (issues.length > 0) return err(issues);
  return ok({ namespaces: namespaces.toSorted((a, b) => a.priority - b.priority), cap, removedKept });
}

function parseRule(
  item: unknown,
  path: readonly (string | number)[],
  issues: Issue[],
): NamespaceRule | undefined {
  if (!isObject(item)) {
    issues.push(
      problem("rules.namespace", path, "an object with namespace, type, unique and priority", item),
    );
    return undefined;
  }
  const before = issues.length;
  checkFields(item, RULE_FIELDS, { path, issues });
  const { namespace, unique = false, priority } = item;
  const type = parseIdentityType(item.type);
  if (typeof namespace !== "string" || namespace === "" || namespace.includes(":")) {
    issues.push(
      problem("rules.namespace", [...path, "namespace"], "a namespace code without a colon", namespace),
    );
  }
  if (!type) issues.push(problem("rules.type", [...path, "type"], TYPES.join(", "), item.type));
  if (typeof unique !== "boolean")
    issues.push(problem("rules.unique", [...path, "unique"], "a boolean", unique));
  if (!isWhole(priority, 1)) {
    issues.push(problem("rules.priority", [...path, "priority"], "a whole number from 1", priority));
  }
  const limits = parseLimits(item, path, issues);
  if (issues.length > before || !type) return undefined;
  return {
    namespace: String(namespace),
    type,
    unique: unique === true,
    priority: Number(priority),
    ...limits,
  };
}

/** A misspelt field would leave a protection off without a word. */
function checkFields(
  item: Record<string, unknown>,
  fields: readonly string[],
  { path, issues }: { readonly path: readonly (string | number)[]; readonly issues: Issue[] },
): void {
  for (const field of Object.keys(item)) {
    if (fields.includes(field)) continue;
    const came = /^\w{1,40}$/.test(field) ? `the field ${field}` : "another field";
    issues.push(ruleIssue("rules.field", path, { expected: `only ${fields.join(", ")}`, came }));
  }
}

function parseLimits(
  item: Record<string, unknown>,
  path: readonly (string | number)[],
  issues: Issue[],
): Pick<NamespaceRule, "maxValues" | "newValues"> {
  const { maxValues, newValues } = item;
  if (maxValues !== undefined && !isWhole(maxValues, 1)) {
    issues.push(problem("rules.limit", [...path, "maxValues"], "a whole number from 1", maxValues));
  }
  const max = isWhole(maxValues, 1) ? { maxValues } : {};
  if (newValues === undefined) return max;
  const withinMs =
    isObject(newValues) && typeof newValues.withinDays === "number"
      ? daysInMs(newValues.withinDays)
      : isObject(newValues)
        ? newValues.withinMs
        : undefined;
  if (!isObject(newValues) || !isWhole(newValues.count, 1) || !isWhole(withinMs, 1)) {
    const expected =
      "{ count, withinMs } or { count, withinDays }: count and withinMs whole numbers from 1, withinDays above 0";
    issues.push(problem("rules.limit", [...path, "newValues"], expected, newValues));
    return max;
  }
  return { ...max, newValues: { count: newValues.count, withinMs } };
}

/** Days in whole milliseconds; parts of a day are seldom exact numbers. */
function daysInMs(days: number): number {
  return Math.round(days * 86_400_000);
}

function checkDistinct(rules: readonly NamespaceRule[], issues: Issue[]): void {
  const names = new Set<string>();
  const ranked = new Map<number, string>();
  for (const { namespace, priority } of rules) {
    const other = ranked.get(priority);
    if (names.has(namespace)) {
      issues.push(
        conflict("rules.duplicate", namespace, { expected: "one rule for it", came: "another one" }),
      );
    } else if (other !== undefined) {
      const expected = "a priority of its own";
      issues.push(
        conflict("rules.priority", namespace, { expected, came: `${priority}, which ${other} has` }),
      );
    }
    names.add(namespace);
    ranked.set(priority, namespace);
  }
}

function checkRanks(rules: readonly NamespaceRule[], issues: Issue[]): void {
  let lowestPerson: NamespaceRule | undefined;
  for (const rule of rules) {
    if (isPersonType(rule.type) && rule.priority > (lowestPerson?.priority ?? 0)) lowestPerson = rule;
  }
  if (!lowestPerson) return;
  for (const rule of rules) {
    if (isPersonType(rule.type) || rule.priority > lowestPerson.priority) continue;
    const { namespace, priority } = lowestPerson;
    const expected = `a priority below that of the person namespace ${namespace} (a number above ${priority}), as its type is ${rule.type}`;
    issues.push(conflict("rules.rank", rule.namespace, { expected, came: `${rule.priority}` }));
  }
}

function isWhole(value: unknown, least: number): value is number {
  return typeof value === "number" && Number.isSafeInteger(value) && value >= least;
}

function wholeNumber(
  value: unknown,
  otherwise: number,
  { path, least, issues }: { path: readonly string[]; least: number; issues: Issue[] },
): number {
  if (value === undefined) return otherwise;
  if (isWhole(value, least)) return value;
  issues.push(problem("rules.limit", path, `a whole number from ${least}`, value));
  return otherwise;
}

function problem(code: string, path: readonly (string | number)[], expected: string, came: unknown): Issue {
  return ruleIssue(code, path, { expected, came: describe(came) });
}

/** Rules that are well formed and do not go together; codes and priorities are settings, and may be told. */
function conflict(
  code: string,
  namespace: string,
  said: { readonly expected: string; readonly came: string },
): Issue {
  return ruleIssue(code, ["namespaces", namespace], said);
}

function ruleIssue(
  code: string,
  path: readonly (string | number)[],
  { expected, came }: { readonly expected: string; readonly came: string },
): Issue {
  const place = path.length === 0 ? "linking rules" : `linking rules, ${path.join(".")}`;
  const message = `${place}: expected ${expected}, got ${came}. Nothing was changed; correct it and send the rules again.`;
  return { code, path, expected, came, message };
}

/** Rules for a sandbox that has set none: CRMID unique and first, then e-mail, phone, other logins, devices, cookies. */
export const defaultLinkingRules: LinkingRules = {
  namespaces: (
    [
      ["CRMID", "CROSS_DEVICE", true],
      ["loyaltyId", "CROSS_DEVICE", false],
      ["Email", "EMAIL", false],
      ["Email_LC_SHA256", "EMAIL", false],
      ["Phone", "PHONE", false],
      ["Phone_E.164", "PHONE", false],
      ["Phone_SHA256", "PHONE", false],
      ["Phone_SHA256_E.164", "PHONE", false],
      ["GAID", "DEVICE", false],
      ["IDFA", "DEVICE", false],
      ["WAID", "DEVICE", false],
      ["RIDA", "DEVICE", false],
      ["APNS", "DEVICE", false],
      ["FCM", "DEVICE", false],
      ["FPID", "COOKIE", false],
      ["TNTID", "COOKIE", false],
      ["CORE", "COOKIE", false],
      ["AdCloud", "COOKIE", false],
      ["AAID", "COOKIE", false],
      ["SESSION", "COOKIE", false],
      ["ECID", "COOKIE", false],
    ] as const
  ).map(([namespace, type, unique], index) => ({ namespace, type, unique, priority: index + 1 })),
  cap: CAP,
  removedKept: REMOVED_KEPT,
};

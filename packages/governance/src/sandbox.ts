import { describe, err, isObject, type Issue, ok, type Result } from "@tessera/xdm";

/** An isolated copy of the platform inside an organisation. */
export interface Sandbox {
  readonly name: string;
  readonly title: string;
  readonly type: "production" | "development";
  /** The one production sandbox that is always there. */
  readonly isDefault: boolean;
}

/** The key that stands before every row, file and cache entry: `organisation/sandbox`. Made by `sandboxKey`. */
export type SandboxKey = string & { readonly __brand?: "SandboxKey" };

/** The production sandbox that every organisation starts with. */
export const DEFAULT_SANDBOX: Sandbox = {
  name: "prod",
  title: "Prod",
  type: "production",
  isDefault: true,
};

/** Sandboxes of an organisation unless more are allowed: one for production and four for development. */
export const SANDBOXES_BY_DEFAULT = 5;

/** The most sandboxes of an organisation. */
export const MOST_SANDBOXES = 75;

const NAME = /^[a-z][a-z0-9-]{0,62}$/;
const ORGANIZATION = /^[A-Za-z0-9][A-Za-z0-9@._-]{0,127}$/;

/** The key of an organisation's sandbox. Neither part can hold a slash, so two keys are never mixed up. */
export function sandboxKey(organization: string, sandbox: string): Result<SandboxKey, Issue> {
  if (!ORGANIZATION.test(organization)) {
    return err(
      wrong("sandbox.name", "organization", "an organisation id such as 1234ABCD@AdobeOrg", organization),
    );
  }
  if (!NAME.test(sandbox)) return err(badName(sandbox));
  return ok(`${organization}/${sandbox}`);
}

/** The organisation and the sandbox of a key. */
export function sandboxOfKey(key: SandboxKey): { readonly organization: string; readonly sandbox: string } {
  const slash = key.indexOf("/");
  return { organization: key.slice(0, slash), sandbox: key.slice(slash + 1) };
}

/**
 * Reads and admits a new sandbox beside those there are. `most` is the number the organisation may have (5 unless
 * agreed otherwise, never more than 75). The name is lower case, begins with a letter and cannot be used twice.
 */
export function createSandbox(
  existing: readonly Sandbox[],
  input: unknown,
  most: number = SANDBOXES_BY_DEFAULT,
): Result<Sandbox, readonly Issue[]> {
  if (!isObject(input)) return err([wrong("sandbox.name", "sandbox", "an object", input)]);
  const { name, title = name, type = "development" } = input;
  const issues: Issue[] = [];
  if (typeof name !== "string" || !NAME.test(name)) issues.push(badName(name));
  else if (existing.some((sandbox) => sandbox.name === name)) {
    issues.push(wrong("sandbox.name", "name", "a name that is not taken", name));
  }
  if (typeof title !== "string" || title === "") {
    issues.push(wrong("sandbox.name", "title", "a non-empty string", title));
  }
  if (type !== "production" && type !== "development") {
    issues.push(wrong("sandbox.rule", "type", "production or development", type));
  }
  const allowed = Math.min(most, MOST_SANDBOXES);
  if (existing.length >= allowed) {
    const message = `The organisation has ${existing.length} of ${allowed} sandboxes. Delete one, or allow more (up to ${MOST_SANDBOXES}).`;
    issues.push({
      code: "sandbox.limit",
      expected: `at most ${allowed}`,
      came: String(existing.length),
      message,
    });
  }
  if (issues.length > 0) return err(issues);
  return ok({
    name: name as string,
    title: title as string,
    type: type as Sandbox["type"],
    isDefault: false,
  });
}

/** What lies in a sandbox: `configuration` can be copied, `data` never, `secrets` are entered anew. */
export const SANDBOX_CONTENTS = [
  { what: "schemas", kind: "configuration" },
  { what: "namespaces", kind: "configuration" },
  { what: "linking-rules", kind: "configuration" },
  { what: "datasets", kind: "configuration" },
  { what: "labels", kind: "configuration" },
  { what: "merge-policies", kind: "configuration" },
  { what: "computed-attributes", kind: "configuration" },
  { what: "audiences", kind: "configuration" },
  { what: "policies", kind: "configuration" },
  { what: "destinations", kind: "configuration" },
  { what: "dataflows", kind: "configuration" },
  { what: "datastreams", kind: "configuration" },
  { what: "limits", kind: "configuration" },
  { what: "destination-credentials", kind: "secrets" },
  { what: "fragments", kind: "data" },
  { what: "events", kind: "data" },
  { what: "links", kind: "data" },
  { what: "person-states", kind: "data" },
  { what: "edge-profiles", kind: "data" },
  { what: "outbox", kind: "data" },
  { what: "export-files", kind: "data" },
  { what: "quarantine", kind: "data" },
  { what: "delivery-log", kind: "data" },
] as const;

/** A kind of thing that lies in a sandbox. */
export type SandboxContent = (typeof SANDBOX_CONTENTS)[number]["what"];

/** What is asked of sandboxes that are there. */
export type SandboxOperation =
  /** Empties it; name, title and roles stay. */
  | { readonly kind: "reset"; readonly sandbox: string; readonly confirmed?: boolean }
  /** Removes it with everything in it. */
  | { readonly kind: "delete"; readonly sandbox: string; readonly confirmed?: boolean }
  /** Copies configuration into another sandbox: all of it, or what `only` names. Copied dataflows start paused. */
  | {
      readonly kind: "copy";
      readonly from: string;
      readonly to: string;
      readonly only?: readonly SandboxContent[];
    };

/** What an operation does, for stores to carry out. */
export type SandboxPlan =
  | {
      readonly kind: "reset" | "delete";
      readonly sandbox: string;
      readonly remove: readonly SandboxContent[];
    }
  | {
      readonly kind: "copy";
      readonly from: string;
      readonly to: string;
      readonly copy: readonly SandboxContent[];
      readonly pauseDataflows: true;
    };

/**
 * Admits an operation and says what it does. The default production sandbox is neither reset nor deleted; other
 * production sandboxes only when `confirmed`. Data and secrets are never copied.
 */
export function planSandboxOperation(
  existing: readonly Sandbox[],
  operation: SandboxOperation,
): Result<SandboxPlan, Issue> {
  const find = (name: string): Sandbox | undefined => existing.find((sandbox) => sandbox.name === name);
  if (operation.kind === "copy") return planCopy(operation, find);
  const { kind, sandbox: name, confirmed = false } = operation;
  const sandbox = find(name);
  if (!sandbox) return err(rule(`${kind} ${name}`, "there is no such sandbox"));
  if (sandbox.isDefault) return err(rule(`${kind} ${name}`, "the default production sandbox always stays"));
  if (sandbox.type === "production" && !confirmed) {
    return err(rule(`${kind} ${name}`, "a production sandbox needs a confirmation"));
  }
  return ok({ kind, sandbox: name, remove: SANDBOX_CONTENTS.map(({ what }) => what) });
}

function planCopy(
  { from, to, only }: Extract<SandboxOperation, { readonly kind: "copy" }>,
  find: (name: string) => Sandbox | undefined,
): Result<SandboxPlan, Issue> {
  if (!find(from) || !find(to)) return err(rule(`copy ${from} to ${to}`, "there is no such sandbox"));
  if (from === to) return err(rule(`copy ${from} to ${to}`, "the two are the same"));
  const configuration = SANDBOX_CONTENTS.filter(({ kind }) => kind === "configuration").map(
    ({ what }) => what,
  );
  const refused = only?.find((what) => !configuration.some((known) => known === what));
  if (refused !== undefined) return err(rule(`copy ${refused}`, "only configuration is copied"));
  const copy = configuration.filter((what) => only === undefined || only.includes(what));
  return ok({ kind: "copy", from, to, copy, pauseDataflows: true });
}

function badName(came: unknown): Issue {
  return wrong(
    "sandbox.name",
    "name",
    "lower-case letters, digits and hyphens, a letter first, at most 63",
    came,
  );
}

function rule(what: string, why: string): Issue {
  return {
    code: "sandbox.rule",
    expected: "a permitted operation",
    came: what,
    message: `${what}: ${why}. Choose another sandbox.`,
  };
}

function wrong(code: string, field: string, expected: string, came: unknown): Issue {
  const message = `${field}: expected ${expected}, got ${describe(came)}. Correct it and try again.`;
  return { code, path: [field], expected, came: describe(came), message };
}

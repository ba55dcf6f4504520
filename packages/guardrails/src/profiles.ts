import { describe, err, isObject, type Issue, ok, type Result } from "@tessera/xdm";
import { format } from "./check-limit.ts";
import type { Limit } from "./limit.ts";
import { ADOBE_LIMITS, ALL_LIMITS, isLimitId, type LimitId, type Limits, limitsById } from "./limits.ts";

/** `adobe`: the documented values. `tessera`: what this engine holds instead. */
export type LimitProfile = "adobe" | "tessera";

/** Other values for some limits. */
export type LimitOverrides = { readonly [id in LimitId]?: number };

/** One limit that the `tessera` profile sets otherwise than documented, and why. */
export interface TesseraValue {
  readonly id: LimitId;
  readonly value: number;
  readonly because: string;
}

/**
 * Where this engine differs from the documented values. Only what follows from how it is built stands here; every
 * other limit keeps its documented value.
 */
export const TESSERA_VALUES: readonly TesseraValue[] = [
  {
    id: "profile.event-size",
    value: 65_536,
    because:
      "An event may be as large as one edge request, so that what the edge accepts never fails on the hub.",
  },
  {
    id: "merge-policy.policies",
    value: 20,
    because: "A merge policy is a view derived when it is asked for; nothing is stored per policy.",
  },
  {
    id: "segmentation.compositions",
    value: 100,
    because: "A composition is evaluated like a batch audience.",
  },
  {
    id: "destinations.destinations",
    value: 1_000,
    because: "A destination without a dataflow costs one row.",
  },
  {
    id: "identity.batch-bad-records",
    value: 100,
    because: "Bad records go to quarantine one by one; the good ones of the batch live.",
  },
  {
    id: "governance.sandboxes",
    value: 75,
    because: "Sandboxes are a key before every row; the documented maximum is allowed from the start.",
  },
];

/**
 * The limits in force: a profile, with some values replaced. `overrides` is parsed, so that it may come from a
 * configuration file or an API. All mistakes are reported at once; with any, no set is given.
 */
export function limitsOf(profile: LimitProfile, overrides: unknown = {}): Result<Limits, readonly Issue[]> {
  if (profile !== "adobe" && profile !== "tessera") return err([unknownProfile(profile)]);
  if (!isObject(overrides)) return err([wrongShape([], "an object of limit ids and numbers", overrides)]);
  const issues: Issue[] = [];
  const values = new Map<string, number>();
  if (profile === "tessera") for (const { id, value } of TESSERA_VALUES) values.set(id, value);
  for (const [id, value] of Object.entries(overrides)) {
    if (value === undefined) continue;
    const issue = overrideIssue(id, value);
    if (issue) issues.push(issue);
    else values.set(id, value as number);
  }
  if (issues.length > 0) return err(issues);
  if (values.size === 0) return ok(ADOBE_LIMITS);
  return ok(
    limitsById(ALL_LIMITS.map((limit) => ({ ...limit, value: values.get(limit.id) ?? limit.value }))),
  );
}

function overrideIssue(id: string, value: unknown): Issue | undefined {
  if (!isLimitId(id)) {
    const message = `${shown(id)}: there is no such limit. Take an id from the table of limits.`;
    return { code: "limits.unknown", path: [id], message };
  }
  if (typeof value !== "number" || Number.isNaN(value)) return wrongShape([id], "a number", value);
  const limit = ADOBE_LIMITS[id];
  const { least, most } = limit.overridable;
  if ((least === undefined || value >= least) && (most === undefined || value <= most)) return undefined;
  const expected = `${permittedRange(limit)} ${limit.unit}`;
  return {
    code: "limits.override",
    path: [id],
    expected,
    came: format(value),
    message: `${id}: expected ${expected}, got ${format(value)}. Choose a value in this range or leave the override out.`,
  };
}

/** The values an override may take, in words: `1 to 75`, `at least 0`. */
export function permittedRange({ overridable: { least, most } }: Limit): string {
  if (least === undefined) return most === undefined ? "any number" : `at most ${format(most)}`;
  return most === undefined ? `at least ${format(least)}` : `${format(least)} to ${format(most)}`;
}

function wrongShape(path: readonly string[], expected: string, came: unknown): Issue {
  const message = `${path.join(".") || "overrides"}: expected ${expected}, got ${describe(came)}. Correct the configuration.`;
  return { code: "limits.shape", path, expected, came: describe(came), message };
}

function unknownProfile(profile: unknown): Issue {
  const message = `Expected the profile adobe or tessera, got ${describe(profile)}. Choose one of the two and add overrides.`;
  return { code: "limits.profile", expected: "adobe or tessera", came: describe(profile), message };
}

function shown(id: string): string {
  return id.length > 64 ? `${id.slice(0, 64)}…` : id;
}

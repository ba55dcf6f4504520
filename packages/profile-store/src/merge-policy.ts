import { describe, err, isObject, type Issue, ok, type Result } from "@tessera/xdm";

/** How conflicting attributes of fragments are settled. */
export type AttributeMerge =
  | { readonly type: "timestampOrdered" }
  | { readonly type: "dataSetPrecedence"; readonly order: readonly string[] };

/**
 * A merge policy: which identities belong to the view (`none`: the asked identity alone; `pdg`: the private device
 * graph) and whose attributes win. Exactly one policy of a sandbox is active on edge; exactly one is the default.
 */
export interface MergePolicy {
  readonly id: string;
  readonly name: string;
  readonly identityGraph: "none" | "pdg";
  readonly attributeMerge: AttributeMerge;
  readonly isDefault: boolean;
  readonly isActiveOnEdge: boolean;
  readonly version: number;
}

/** The policy a new sandbox starts with: time-ordered over the whole graph, default and active on edge. */
export const DEFAULT_MERGE_POLICY: MergePolicy = {
  id: "default",
  name: "Default timebased",
  identityGraph: "pdg",
  attributeMerge: { type: "timestampOrdered" },
  isDefault: true,
  isActiveOnEdge: true,
  version: 1,
};

/** At most this many merge policies a sandbox, as documented (guardrail of the profile store, hard). */
const MERGE_POLICY_MAX = 5;

/** Reads a merge policy in the shape `{ name, identityGraph: {type}, attributeMerge, default, isActiveOnEdge }`. */
export function parseMergePolicy(input: unknown, id: string, version: number): Result<MergePolicy, Issue[]> {
  const issues: Issue[] = [];
  const expect = (holds: boolean, path: string, expected: string, came: unknown): void => {
    if (!holds) {
      issues.push({
        code: "mergePolicy.invalid",
        path: path.split("."),
        expected,
        came: describe(came),
        message: `${path}: expected ${expected}, got ${describe(came)}.`,
      });
    }
  };
  if (!isObject(input)) {
    expect(false, "mergePolicy", "an object", input);
    return err(issues);
  }
  const graph = isObject(input["identityGraph"]) ? input["identityGraph"]["type"] : "pdg";
  const merge = isObject(input["attributeMerge"]) ? input["attributeMerge"] : { type: "timestampOrdered" };
  const name = input["name"];
  expect(typeof name === "string" && name !== "", "name", "a non-empty string", name);
  expect(graph === "none" || graph === "pdg", "identityGraph.type", "none or pdg", graph);
  const type = merge["type"];
  const order = merge["order"];
  const isOrdered = type === "dataSetPrecedence";
  expect(
    type === "timestampOrdered" || isOrdered,
    "attributeMerge.type",
    "timestampOrdered or dataSetPrecedence",
    type,
  );
  const orderOk = Array.isArray(order) && order.length > 0 && order.every((item) => typeof item === "string");
  if (isOrdered) expect(orderOk, "attributeMerge.order", "a list of dataset ids, first wins", order);
  expect(
    graph !== "none" || input["isActiveOnEdge"] !== true,
    "isActiveOnEdge",
    "false with identityGraph none: continuous audiences follow whole persons",
    true,
  );
  if (issues.length > 0) return err(issues);
  return ok({
    id,
    name: name as string,
    identityGraph: graph as "none" | "pdg",
    attributeMerge: isOrdered ? { type, order: order as string[] } : { type: "timestampOrdered" },
    isDefault: input["default"] === true,
    isActiveOnEdge: input["isActiveOnEdge"] === true,
    version,
  });
}

/**
 * The policies of a sandbox after `next` was saved: the former default or edge policy steps back when `next` takes
 * its place; what would leave the sandbox without a default or with more than `most` policies is refused.
 */
export function saveMergePolicy(
  policies: readonly MergePolicy[],
  next: MergePolicy,
  most: number = MERGE_POLICY_MAX,
): Result<readonly MergePolicy[], Issue> {
  const others = policies.filter((policy) => policy.id !== next.id);
  if (others.length + 1 > most) {
    return err({
      code: "mergePolicy.limit",
      message: `Expected at most ${most} merge policies in a sandbox, this would be one more. Edit or delete one instead.`,
    });
  }
  const stepped = others.map((policy) => ({
    ...policy,
    isDefault: policy.isDefault && !next.isDefault,
    isActiveOnEdge: policy.isActiveOnEdge && !next.isActiveOnEdge,
  }));
  const all = [...stepped, next].sort((a, b) => (a.id < b.id ? -1 : 1));
  for (const flag of ["isDefault", "isActiveOnEdge"] as const) {
    if (all.filter((policy) => policy[flag]).length !== 1) {
      return err({
        code: `mergePolicy.${flag}`,
        message: `Expected exactly one merge policy with ${flag}. Set it on another policy first; the flag moves by itself.`,
      });
    }
  }
  return ok(all);
}

/** The policies of a sandbox without one of them; the default one and the one that is active on edge stay. */
export function deleteMergePolicy(
  policies: readonly MergePolicy[],
  id: string,
): Result<readonly MergePolicy[], Issue> {
  const policy = policies.find((one) => one.id === id);
  if (policy === undefined)
    return err({ code: "notFound", message: "No such merge policy in this sandbox." });
  for (const flag of ["isDefault", "isActiveOnEdge"] as const) {
    if (policy[flag]) {
      const message = `${policy.name} is the one merge policy with ${flag}. Set it on another policy first.`;
      return err({ code: `mergePolicy.${flag}`, message });
    }
  }
  return ok(policies.filter((one) => one !== policy));
}

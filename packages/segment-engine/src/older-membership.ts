import { UPS } from "@tessera/xdm";
import { type Pql, positionOf, setPosition } from "./ast.ts";
import { audienceNamed } from "./audience-named.ts";
import { mapChildren, someNode } from "./pql/walk.ts";

/** The statuses that mean: is in the audience. */
const MEMBER: ReadonlySet<unknown> = new Set(["realized", "existing"]);

/**
 * A definition with the older way of asking for a membership, `segmentMembership.get("ups").get("id").status =
 * "realized"` (also `"existing"`, `in [...]`, `equals`), written as `inSegment("id")` where the audience is one of the
 * plan: its answer is worked out with the others instead of looked up where it was left.
 */
export function withReferences(pql: Pql, isOfPlan: (audienceId: string) => boolean): Pql {
  if (!someNode(pql, (node) => askedFor(node) !== undefined)) return pql;
  const visit = (node: Pql): Pql => {
    const id = askedFor(node);
    if (id === undefined || !isOfPlan(id)) return mapChildren(node, visit);
    const reference: Pql = {
      kind: "call",
      name: "inSegment",
      args: [{ kind: "literal", type: "String", value: id }],
    };
    const at = positionOf(node);
    if (at !== undefined) setPosition(reference, at);
    return reference;
  };
  return visit(pql);
}

/** The audience whose members a node asks for in the older way. */
function askedFor(node: Pql): string | undefined {
  if (node.kind === "compare" && node.op === "=") {
    if (isMember(node.right)) return statusOf(node.left);
    return isMember(node.left) ? statusOf(node.right) : undefined;
  }
  if (node.kind !== "call" || (node.name !== "in" && node.name !== "equals")) return undefined;
  const [subject, wanted] = node.args;
  if (subject === undefined || wanted === undefined) return undefined;
  const all =
    node.name === "in"
      ? wanted.kind === "list" && wanted.items.length > 0 && wanted.items.every(isMember)
      : isMember(wanted);
  return all ? statusOf(subject) : undefined;
}

function isMember(node: Pql): boolean {
  return node.kind === "literal" && MEMBER.has(node.value);
}

/** The audience of whose entry a node is the status. */
function statusOf(node: Pql): string | undefined {
  if (node.kind !== "field" || node.name !== "status") return undefined;
  const named = audienceNamed(node.object);
  return named?.namespace === UPS ? named.id : undefined;
}

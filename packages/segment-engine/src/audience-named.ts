import { UPS } from "@tessera/xdm";
import type { Pql } from "./ast.ts";

/** An audience as an expression names it; `id` is absent where only the origin is named. */
export interface NamedAudience {
  readonly namespace: string;
  readonly id?: string;
}

/**
 * The audience that one node names: `inSegment("id")`, `inSegment("id", "namespace")`, and the older forms that look
 * into the memberships themselves, `segmentMembership.get("namespace").get("id")` in any way of writing a field.
 */
export function audienceNamed(node: Pql): NamedAudience | undefined {
  if (node.kind === "call" && node.name === "inSegment") {
    const [id, namespace] = node.args.map((arg) => (arg.kind === "literal" ? String(arg.value) : undefined));
    return id === undefined ? undefined : { id, namespace: namespace ?? UPS };
  }
  const key = keyOf(node);
  const outer = key === undefined ? undefined : beneath(node);
  if (key === undefined || outer === undefined) return undefined;
  if (isMemberships(outer)) return { namespace: key };
  const namespace = keyOf(outer);
  const inner = namespace === undefined ? undefined : beneath(outer);
  if (namespace === undefined || inner === undefined || !isMemberships(inner)) return undefined;
  return { namespace, id: key };
}

/** The name of a field, or of a `get` of a written key. */
function keyOf(node: Pql): string | undefined {
  if (node.kind === "field") return node.name;
  if (node.kind !== "call" || node.name !== "get") return undefined;
  const key = node.args[1];
  return key?.kind === "literal" && typeof key.value === "string" ? key.value : undefined;
}

/** What a field or a `get` is of. */
function beneath(node: Pql): Pql | undefined {
  return node.kind === "field" ? node.object : node.kind === "call" ? node.args[0] : undefined;
}

function isMemberships(node: Pql): boolean {
  return node.kind === "field" && node.name === "segmentMembership" && PERSONS.has(node.object.kind);
}

/** What may stand for the person before `.segmentMembership`. */
const PERSONS: ReadonlySet<Pql["kind"]> = new Set(["context", "parameter", "variable"]);

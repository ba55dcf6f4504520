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
  if (node.kind !== "field" && (node.kind !== "call" || node.name !== "get")) return undefined;
  const outer = entryOf(node);
  if (outer === undefined) return undefined;
  if (isMemberships(outer.of)) return { namespace: outer.key };
  const inner = entryOf(outer.of);
  return inner !== undefined && isMemberships(inner.of) ? { namespace: inner.key, id: outer.key } : undefined;
}

/** A field, or a `get` of a written key. */
function entryOf(node: Pql): { readonly of: Pql; readonly key: string } | undefined {
  if (node.kind === "field") return { of: node.object, key: node.name };
  if (node.kind !== "call" || node.name !== "get") return undefined;
  const [of, key] = node.args;
  return of !== undefined && key?.kind === "literal" && typeof key.value === "string"
    ? { of, key: key.value }
    : undefined;
}

function isMemberships(node: Pql): boolean {
  return node.kind === "field" && node.name === "segmentMembership" && PERSONS.has(node.object.kind);
}

/** What may stand for the person before `.segmentMembership`. */
const PERSONS: ReadonlySet<Pql["kind"]> = new Set(["context", "parameter", "variable"]);

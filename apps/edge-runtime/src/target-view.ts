import type { JsonObject, JsonValue } from "@tessera/xdm";
import { valueAt } from "./attribute-path.ts";
import type { EdgeDestination } from "./snapshot.ts";
import type { TargetTold } from "./target-told.ts";

/** A connection to Target. */
export type TargetConnection = Extract<EdgeDestination, { readonly kind: "target" }>;

/** What Target is told of a person: the mapped audiences they are in, and the mapped attributes under their Target names. */
export interface TargetView {
  readonly memberships: ReadonlySet<string>;
  /** The same by the workspace of the connections that map them. */
  readonly byWorkspace: ReadonlyMap<string, ReadonlySet<string>>;
  /** Of every connection: attributes go to the default workspace, which all see. */
  readonly attributes: JsonObject;
  /** What was told by destination, for the delivery log. */
  readonly told: readonly TargetTold[];
}

/**
 * The part of a person that the given Target connections map: single values only. Without such a connection Target
 * knows nobody, and decides as for a stranger.
 */
export function targetView(
  connections: readonly TargetConnection[],
  person: { readonly members: ReadonlySet<string>; readonly attributes: JsonObject },
): TargetView {
  const memberships = new Set<string>();
  const byWorkspace = new Map<string, Set<string>>();
  const attributes: Record<string, JsonValue> = {};
  const told: TargetTold[] = [];
  for (const { id, workspace, audienceIds: mapped, attributes: mappings } of connections) {
    const audienceIds = mapped.filter((audience) => person.members.has(audience));
    const known = byWorkspace.get(workspace) ?? new Set<string>();
    byWorkspace.set(workspace, known);
    for (const audience of audienceIds) {
      memberships.add(audience);
      known.add(audience);
    }
    const own: Record<string, JsonValue> = {};
    for (const { source, target } of mappings) {
      const value = valueAt(person.attributes, source);
      if (value !== undefined && value !== null && typeof value !== "object") own[target] = value;
    }
    Object.assign(attributes, own);
    told.push({ destinationId: id, audienceIds, attributes: own });
  }
  return { memberships, byWorkspace, attributes, told };
}

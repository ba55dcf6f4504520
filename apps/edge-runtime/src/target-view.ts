import type { JsonObject, JsonValue } from "@tessera/xdm";
import { valueAt } from "./attribute-path.ts";
import type { EdgeDestination } from "./snapshot.ts";

/** What Target is told of a person: the mapped audiences they are in, and the mapped attributes under their Target names. */
export interface TargetView {
  readonly memberships: ReadonlySet<string>;
  readonly attributes: JsonObject;
}

/**
 * The part of a person that the given Target destinations map: single values only. Without such a destination Target
 * knows nobody, and decides as for a stranger.
 */
export function targetView(
  destinations: readonly EdgeDestination[],
  person: { readonly members: ReadonlySet<string>; readonly attributes: JsonObject },
): TargetView {
  const memberships = new Set<string>();
  const attributes: Record<string, JsonValue> = {};
  for (const destination of destinations) {
    if (destination.kind !== "target") continue;
    for (const id of destination.audienceIds) if (person.members.has(id)) memberships.add(id);
    for (const { source, target } of destination.attributes) {
      const value = valueAt(person.attributes, source);
      if (value !== undefined && value !== null && typeof value !== "object") attributes[target] = value;
    }
  }
  return { memberships, attributes };
}

import type { JsonObject, JsonValue } from "@tessera/xdm";
import { valueAt } from "./attribute-path.ts";
import type { EdgeDestination } from "./snapshot.ts";
import type { TargetTold } from "./target-told.ts";

/** What Target is told of a person: the mapped audiences they are in, and the mapped attributes under their Target names. */
export interface TargetView {
  readonly memberships: ReadonlySet<string>;
  readonly attributes: JsonObject;
  /** The same by destination, for the delivery log. */
  readonly told: readonly TargetTold[];
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
  const told: TargetTold[] = [];
  for (const destination of destinations) {
    if (destination.kind !== "target") continue;
    const audienceIds = destination.audienceIds.filter((id) => person.members.has(id));
    for (const id of audienceIds) memberships.add(id);
    const own: Record<string, JsonValue> = {};
    for (const { source, target } of destination.attributes) {
      const value = valueAt(person.attributes, source);
      if (value !== undefined && value !== null && typeof value !== "object") own[target] = value;
    }
    Object.assign(attributes, own);
    told.push({ destinationId: destination.id, audienceIds, attributes: own });
  }
  return { memberships, attributes, told };
}

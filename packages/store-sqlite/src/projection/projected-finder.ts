import type { PersonFinder, PersonProjection } from "@tessera/profile-store";
import { conditionText } from "@tessera/segment-engine";
import type { AudienceDefinition } from "@tessera/xdm";

/** An id that no audience has. */
const SOUGHT = "persons that are looked for";

/**
 * Finds persons by the columns of a projection: an attribute is indexed by being held in a column of its own, which costs
 * a few bytes a person. A question goes through the columns it asks for and reads no person; while the projection is at
 * something else it answers undefined.
 */
export function createProjectedFinder(projection: PersonProjection): PersonFinder {
  return {
    index: async (paths, { policy, onProgress }) => {
      if (paths.length === 0) return;
      const definitions = paths.map((path) =>
        definitionOf(path, conditionText({ kind: "in", path, values: [""] })),
      );
      const audienceIds = definitions.map(({ id }) => id);
      await projection.count({ definitions, audienceIds, policy, now: 0, onRefresh: onProgress });
    },
    // a column stays until the projection is filled anew; nobody is told of it meanwhile
    drop: async () => undefined,
    find: async ({ condition, policy, after, limit }) => {
      if (projection.isBusy()) return undefined;
      const definitions = [definitionOf(SOUGHT, conditionText(condition))];
      const found: string[] = [];
      for await (const { moved } of projection.parts({ definitions, audienceIds: [SOUGHT], policy, now: 0 }))
        for (const { personId } of moved) if (personId > after) found.push(personId);
      return found.sort().slice(0, limit);
    },
  };
}

function definitionOf(id: string, value: string): AudienceDefinition {
  return {
    id,
    name: id,
    expression: { type: "PQL", format: "pql/text", value },
    evaluation: "batch",
    version: 1,
    excludeOptOut: false,
  };
}

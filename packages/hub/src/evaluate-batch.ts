import type { MovedPerson } from "@tessera/profile-store";
import type { AudienceDefinition, MembershipChange } from "@tessera/xdm";
import { applyMemberships, type Found } from "./apply-memberships.ts";
import { policyOf } from "./audience-policy.ts";
import type { Ingestion } from "./ingest.ts";
import { evaluationViewsOf } from "./evaluation-view.ts";

/** What is known already of a person at a version: who is in an audience now and was not before, or the other way. */
type KnownMoves = ReadonlyMap<string, MovedPerson>;

/**
 * Evaluates batch audiences for some persons at this moment: entries and exits as a job finds them. Of `known` persons who
 * stand at the version given there nothing is read but their state.
 */
export async function evaluateBatchAudiences(
  personIds: readonly string[],
  audienceIds: ReadonlySet<string>,
  ingestion: Ingestion,
  known: KnownMoves = new Map(),
): Promise<readonly MembershipChange[]> {
  const { store, configuration, now } = ingestion;
  const { whole, computed, audiences } = configuration;
  const asked = whole.audiences.filter(({ id }) => audienceIds.has(id));
  const byPolicy = Map.groupBy(asked, (audience) => policyOf(audience, configuration));
  return applyMemberships(
    personIds,
    async (person) => {
      const move = known.get(person.personId);
      if (move?.version === person.version) return foundOf(move, asked);
      const members = new Set<string>();
      for (const [policy, under] of byPolicy) {
        for (const view of await evaluationViewsOf(store, person, { policy, computed, audiences }, now)) {
          const found = whole.evaluate(view, now).members;
          for (const { id } of under) if (found.has(id)) members.add(id);
        }
      }
      return asked.map(({ id, version }) => ({ audienceId: id, version, member: members.has(id) }));
    },
    ingestion,
  );
}

/** What is known of a person, for those of the audiences that it moves them in. */
function foundOf(
  { enters, leaves }: MovedPerson,
  audiences: readonly AudienceDefinition[],
): readonly Found[] {
  const moves = new Map([
    ...enters.map((id) => [id, true] as const),
    ...leaves.map((id) => [id, false] as const),
  ]);
  return audiences.flatMap(({ id, version }) => {
    const member = moves.get(id);
    return member === undefined ? [] : [{ audienceId: id, version, member }];
  });
}

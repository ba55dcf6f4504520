import type { MembershipChange } from "@tessera/xdm";
import { applyMemberships } from "./apply-memberships.ts";
import { policyOf } from "./audience-policy.ts";
import type { Ingestion } from "./ingest.ts";
import { evaluationViewOf } from "./profile-view.ts";

/** Evaluates batch audiences for some persons at this moment: entries and exits as a job finds them. */
export async function evaluateBatchAudiences(
  personIds: readonly string[],
  audienceIds: ReadonlySet<string>,
  ingestion: Ingestion,
): Promise<readonly MembershipChange[]> {
  const { store, configuration, now } = ingestion;
  const { whole, computed, audiences } = configuration;
  const asked = whole.audiences.filter(({ id }) => audienceIds.has(id));
  const byPolicy = Map.groupBy(asked, (audience) => policyOf(audience, configuration));
  return applyMemberships(
    personIds,
    async (person) => {
      const members = new Set<string>();
      for (const [policy, under] of byPolicy) {
        const view = await evaluationViewOf(store, person, { policy, computed, audiences }, now);
        const found = whole.evaluate(view, now).members;
        for (const { id } of under) if (found.has(id)) members.add(id);
      }
      return asked.map(({ id, version }) => ({ audienceId: id, version, member: members.has(id) }));
    },
    ingestion,
  );
}

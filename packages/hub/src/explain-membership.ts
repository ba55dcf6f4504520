import type { HubStore } from "@tessera/profile-store";
import type { Explanation } from "@tessera/segment-engine";
import { err, type Identity, type Issue, ok, parseInstant, type Result } from "@tessera/xdm";
import { policyOf } from "./audience-policy.ts";
import type { Ingestion } from "./ingest.ts";
import { personAsOf } from "./person-as-of.ts";
import { evaluationViewOf, personAt } from "./profile-view.ts";

/** Explanations of memberships. */
export interface MembershipExplanations {
  /** Why a person is in an audience or is not: now, or as of a past time (ISO 8601). */
  readonly explainMembership: (
    audienceId: string,
    identity: Identity,
    asOf?: string,
  ) => Promise<Result<Explanation, Issue>>;
}

/** The explaining side of a hub. */
export function createMembershipExplanations(options: {
  readonly store: HubStore;
  readonly begin: () => Ingestion;
}): MembershipExplanations {
  const { store, begin } = options;
  return {
    explainMembership: async (audienceId, identity, asOf) => {
      const ingestion = begin();
      const { configuration } = ingestion;
      const at = asOf === undefined ? ok(ingestion.now) : parseInstant(asOf);
      if (!at.ok) return at;
      const audience = configuration.audiences.get(audienceId);
      if (audience?.status !== "published") return err(missing("published audience"));
      const person =
        asOf === undefined
          ? await personAt(store, identity)
          : await personAsOf(store, identity, { ingestion, at: at.value });
      if (person === undefined) return err(missing("person"));
      const under = { policy: policyOf(audience, configuration), computed: configuration.computed };
      const view = await evaluationViewOf(store, person, under, at.value);
      return configuration.whole.explain(audienceId, view, at.value);
    },
  };
}

const missing = (what: string): Issue => ({
  code: "notFound",
  message: `No such ${what} in this sandbox.`,
});

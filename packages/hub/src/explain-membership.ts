import { normalIdentity } from "@tessera/identity-graph";
import type { HubStore, PersonState } from "@tessera/profile-store";
import {
  compileAudiences,
  type CompositionEnd,
  type ExplainedCondition,
  type Explanation,
  missingOf,
  partOf,
  type PersonView,
  valueAt,
} from "@tessera/segment-engine";
import {
  err,
  type Identity,
  identityKey,
  isMember,
  type Issue,
  ok,
  parseInstant,
  type Result,
  UPS,
} from "@tessera/xdm";
import { policyOf } from "./audience-policy.ts";
import type { Configuration, StoredAudience, StoredComposition } from "./configuration.ts";
import { composedOf } from "./evaluate-composition.ts";
import type { Ingestion } from "./ingest.ts";
import { personAsOf } from "./person-as-of.ts";
import { evaluationViewsOf } from "./evaluation-view.ts";
import { membershipsOf, personAt } from "./profile-view.ts";

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
    explainMembership: async (audienceId, named, asOf) => {
      const ingestion = begin();
      const { configuration } = ingestion;
      const identity = normalIdentity(named, configuration.registry);
      const at = asOf === undefined ? ok(ingestion.now) : parseInstant(asOf);
      if (!at.ok) return at;
      const audience = configuration.audiences.get(audienceId);
      if (audience?.status !== "published") return err(missing("published audience"));
      const person =
        asOf === undefined
          ? await personAt(store, identity)
          : await personAsOf(store, identity, { ingestion, at: at.value });
      if (person === undefined) return err(missing("person"));
      const under = { ...configuration, policy: policyOf(audience, configuration) };
      const views = await evaluationViewsOf(store, person, under, at.value);
      const plan = configuration.whole;
      // Without a graph the identity that is in the audience speaks for the person, else the one that was asked for.
      const asked = views[Math.max(0, person.identities.indexOf(identityKey(identity)))] ?? views[0];
      const inside = views.find((one) => plan.evaluate(one, at.value).members.has(audienceId));
      const view = (views.length > 1 ? inside : undefined) ?? asked;
      if (view === undefined) return err(missing("person"));
      const composition = configuration.compositions.get(audience.composition?.id ?? "");
      if (composition === undefined) return plan.explain(audienceId, view, at.value);
      return explainPart({ audience, composition, person, view, at: at.value }, configuration);
    },
  };
}

/** Why a person is in a part of a composition: whether they take part, and what becomes of them then. */
function explainPart(
  asked: {
    readonly audience: StoredAudience;
    readonly composition: StoredComposition;
    readonly person: PersonState;
    readonly view: PersonView;
    readonly at: number;
  },
  configuration: Configuration,
): Result<Explanation, Issue> {
  const { audience, composition, person, view, at } = asked;
  const plan = compileAudiences([...configuration.whole.audiences, audience]);
  if (!plan.ok) throw new Error("A composition that was saved compiles.");
  const takesPart = plan.value.explain(audience.id, view, at);
  if (!takesPart.ok) return takesPart;
  const held = membershipsOf(person, configuration)[UPS]?.[audience.id]?.status;
  const member = held !== undefined && isMember(held);
  const part = partOf(composition, composedOf(person, configuration));
  const { end } = composition;
  const chosen: ExplainedCondition = {
    kind: "test",
    text: `${TEXTS[end.kind]} of the composition ${composition.name}, as of its last evaluation`,
    holds: member,
    values: [
      { text: "part", value: part ?? null },
      ...(end.kind === "rank" || end.kind === "split-attribute"
        ? [{ text: end.path, value: valueAt(view.attributes, end.path) ?? null }]
        : []),
    ],
    events: [],
    conditions: [],
    ...(member
      ? {}
      : { missing: `to be in the part ${audience.composition?.part ?? ""} when it is evaluated` }),
  };
  const { because, refused } = takesPart.value;
  const found: Pick<Explanation, "member" | "refused" | "because"> = {
    member,
    refused,
    because: {
      kind: "all",
      text: because.text,
      holds: member && because.holds,
      values: [],
      events: [],
      conditions: [because, chosen],
    },
  };
  return ok({ ...takesPart.value, ...found, missing: missingOf(found) });
}

const TEXTS: Readonly<Record<CompositionEnd["kind"], string>> = {
  save: "all",
  "split-percent": "the sticky split by percentage",
  "split-attribute": "the split by attribute",
  rank: "the rank",
};

const missing = (what: string): Issue => ({
  code: "notFound",
  message: `No such ${what} in this sandbox.`,
});

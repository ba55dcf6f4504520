import type { Identity } from "@tessera/xdm";
import { consentDecision, type ConsentDecision, type ConsentUse } from "./consent.ts";
import { coreMarketingAction, type MarketingAction } from "./marketing-action.ts";
import type { PolicyStatus } from "./policy.ts";

/**
 * A consent policy: for these marketing actions, only persons who permit these uses. It filters persons at
 * activation, where a data usage policy forbids the dataflow.
 */
export interface ConsentPolicy {
  readonly id: string;
  readonly name: string;
  readonly status: PolicyStatus;
  readonly marketingActions: readonly MarketingAction[];
  /** All of them must be permitted. */
  readonly requires: readonly ConsentUse[];
  /** What an undecided or missing answer means; `permit` when absent. */
  readonly undecided?: "permit" | "refuse";
}

/** A dataflow as consent sees it. */
export interface ConsentedDataflow {
  readonly id: string;
  readonly marketingActions: readonly MarketingAction[];
}

/** Whether one person may go to a destination. A refusal names the policy and the answer. */
export type ActivationConsent =
  | { readonly permitted: true }
  | {
      readonly permitted: false;
      readonly policy: Pick<ConsentPolicy, "id" | "name">;
      readonly use: ConsentUse;
      readonly decision: ConsentDecision;
    };

/** What activation asks about one person. */
export interface ActivationQuestion {
  readonly consents: unknown;
  readonly marketingActions: readonly MarketingAction[];
  readonly policies: readonly ConsentPolicy[];
  /** The identity the message goes to. */
  readonly identity?: Identity;
}

/** Asks every enabled consent policy of the destination's marketing actions; the first refusal decides. */
export function activationConsent(question: ActivationQuestion): ActivationConsent {
  const { consents, marketingActions, policies, identity } = question;
  for (const policy of policies) {
    if (policy.status !== "ENABLED") continue;
    if (!policy.marketingActions.some((action) => marketingActions.includes(action))) continue;
    for (const use of policy.requires) {
      const decision = consentDecision(consents, {
        ...use,
        ...(identity === undefined ? {} : { identity }),
        undecided: policy.undecided ?? "permit",
      });
      if (!decision.permitted) {
        return { permitted: false, policy: { id: policy.id, name: policy.name }, use, decision };
      }
    }
  }
  return { permitted: true };
}

/**
 * One consent policy for each core marketing action that needs a consent, such as `marketing.email` for Email
 * Targeting. Disabled, like every shipped policy; `undecided` chooses opt-out (`permit`) or opt-in (`refuse`).
 */
export function coreConsentPolicies(
  actions: readonly MarketingAction[],
  undecided: "permit" | "refuse" = "permit",
): readonly ConsentPolicy[] {
  return actions.flatMap((reference) => {
    const action = coreMarketingAction(reference);
    if (!action?.needs) return [];
    return [
      {
        id: `coreconsent_${action.name}`,
        name: `Consent for ${action.title}`,
        status: "DISABLED" as const,
        marketingActions: [reference],
        requires: [action.needs],
        undecided,
      },
    ];
  });
}

/** Dataflows that a change of consents closes to a person, and those that it opens again. */
export interface ConsentEffect {
  readonly exits: readonly string[];
  readonly entries: readonly string[];
}

/**
 * Which dataflows a person leaves when consents change: those permitted before and not any more. Each is to be sent
 * an exit at once. `identityOf` gives the identity a dataflow sends to, where answers per identity matter.
 */
export function consentEffect(
  before: unknown,
  after: unknown,
  {
    dataflows,
    policies,
    identityOf,
  }: {
    readonly dataflows: readonly ConsentedDataflow[];
    readonly policies: readonly ConsentPolicy[];
    readonly identityOf?: (dataflowId: string) => Identity | undefined;
  },
): ConsentEffect {
  const exits: string[] = [];
  const entries: string[] = [];
  for (const { id, marketingActions } of dataflows) {
    const identity = identityOf?.(id);
    const asked = { marketingActions, policies, ...(identity === undefined ? {} : { identity }) };
    const was = activationConsent({ ...asked, consents: before }).permitted;
    const is = activationConsent({ ...asked, consents: after }).permitted;
    if (was && !is) exits.push(id);
    if (!was && is) entries.push(id);
  }
  return { exits, entries };
}

import { type FieldLabels, parsePolicy } from "@tessera/governance";
import { Arg, Ctx, ID, Mutation, Query, Resolver } from "type-graphql";
import type { GatewayContext } from "../context.ts";
import { demand, failure, valueOf } from "../failure.ts";
import { JsonObjectScalar } from "../scalars.ts";
import {
  ConsentPolicyType,
  consentPolicyOf,
  EnabledPolicies,
  GovernanceReview,
  LabelledField,
  policyOf,
  PolicyType,
  reviewOf,
  SavedPolicy,
} from "./governance.type.ts";

const STATUSES = ["DRAFT", "ENABLED", "DISABLED"] as const;
const UNDECIDED = ["permit", "refuse"] as const;
const ON_VIOLATION = ["refuse", "report", "pause"] as const;

@Resolver()
export class GovernanceResolver {
  @Query(() => [LabelledField], {
    description:
      "Labelled fields: hidden from roles that do not hold all their labels. Permission: View Data Usage Policies.",
  })
  async labelledFields(@Ctx() context: GatewayContext): Promise<LabelledField[]> {
    demand(context, "view-policies");
    return labelledFields(await context.sandbox.hub.governance.fieldLabels());
  }

  @Mutation(() => [LabelledField], {
    description:
      "Sets the labels of a field; an empty list removes them. Refused when an active dataflow would violate a policy. Permission: Apply Data Usage Labels.",
  })
  async labelField(
    @Arg("path", () => String, { description: "Dotted path, such as person.name." }) path: string,
    @Arg("labels", () => [String], { description: "Labels such as core/C2; an empty list removes them." })
    labels: string[],
    @Ctx() context: GatewayContext,
  ): Promise<LabelledField[]> {
    demand(context, "apply-labels");
    const saved = valueOf(await context.sandbox.hub.governance.labelField(path, labels));
    await context.sandbox.labels.reload();
    context.gateway.audit(context, { action: "field.label", subject: path });
    return labelledFields(saved.value);
  }

  @Query(() => [PolicyType], {
    description: "Data usage policies, the core ones first. Permission: View Data Usage Policies.",
  })
  async dataUsagePolicies(@Ctx() context: GatewayContext): Promise<PolicyType[]> {
    demand(context, "view-policies");
    return (await context.sandbox.hub.governance.policies()).map(policyOf);
  }

  @Query(() => GovernanceReview, {
    description:
      "What saving a policy would mean for dataflows that are there, without saving it. Permission: View Data Usage Policies.",
  })
  async reviewDataUsagePolicy(
    @Arg("policy", () => JsonObjectScalar, { description: "The policy, as for saveDataUsagePolicy." })
    policy: object,
    @Ctx() context: GatewayContext,
  ): Promise<GovernanceReview> {
    demand(context, "view-policies");
    const parsed = valueOf(parsePolicy(policy));
    const { governance } = context.sandbox.hub;
    return reviewOf(await governance.reviewChange({ kind: "policy", policy: parsed }));
  }

  @Mutation(() => SavedPolicy, {
    description:
      "Saves a policy {id, name, status, marketingActionRefs, deny}; of a core policy only the status changes. Permission: Manage Data Usage Policies.",
  })
  async saveDataUsagePolicy(
    @Arg("policy", () => JsonObjectScalar, { description: "The policy." }) policy: object,
    @Ctx() context: GatewayContext,
  ): Promise<SavedPolicy> {
    demand(context, "manage-policies");
    const { value, decision } = valueOf(await context.sandbox.hub.governance.savePolicy(policy));
    context.gateway.audit(context, { action: "policy.save", subject: value.id });
    return { policy: policyOf(value), ...reviewOf(decision) };
  }

  @Mutation(() => EnabledPolicies, {
    description:
      "The one switch: enables the core policies, all or those named, and the consent policies. Permission: Manage Data Usage Policies.",
  })
  async enableCorePolicies(
    @Arg("ids", () => [ID], { nullable: true, description: "Which core policies; all without it." }) ids:
      | string[]
      | undefined,
    @Ctx() context: GatewayContext,
  ): Promise<EnabledPolicies> {
    demand(context, "manage-policies");
    const { value, decision } = valueOf(
      await context.sandbox.hub.governance.enableCorePolicies(ids ?? undefined),
    );
    context.gateway.audit(context, { action: "policy.enableCore", subject: (ids ?? ["all"]).join(",") });
    return { policies: value.map(policyOf), ...reviewOf(decision) };
  }

  @Query(() => [ConsentPolicyType], {
    description: "Which consents which marketing actions ask for. Permission: View Data Usage Policies.",
  })
  async consentPolicies(@Ctx() context: GatewayContext): Promise<ConsentPolicyType[]> {
    demand(context, "view-policies");
    return (await context.sandbox.hub.governance.consentPolicies()).map(consentPolicyOf);
  }

  @Mutation(() => ConsentPolicyType, {
    description:
      "Enables or disables a consent policy; undecided says what no answer means: permit or refuse. Permission: Manage Data Usage Policies.",
  })
  async setConsentPolicy(
    @Arg("id", () => ID, { description: "The consent policy." }) id: string,
    @Arg("status", () => String, { description: "DRAFT, ENABLED or DISABLED." }) status: string,
    @Arg("undecided", () => String, {
      nullable: true,
      description: "What no answer means: permit or refuse; as it was without it.",
    })
    undecided: string | null | undefined,
    @Ctx() context: GatewayContext,
  ): Promise<ConsentPolicyType> {
    demand(context, "manage-policies");
    const saved = await context.sandbox.hub.governance.setConsentPolicy(
      id,
      oneOf("status", STATUSES, status),
      typeof undecided === "string" ? oneOf("undecided", UNDECIDED, undecided) : undefined,
    );
    context.gateway.audit(context, { action: "consentPolicy.set", subject: id });
    return consentPolicyOf(valueOf(saved));
  }

  @Query(() => String, {
    description:
      "What becomes of dataflows that a change makes violate a policy: refuse (the change), report or pause. Permission: View Data Usage Policies.",
  })
  onPolicyViolation(@Ctx() context: GatewayContext): Promise<string> {
    demand(context, "view-policies");
    return context.sandbox.hub.governance.onViolation();
  }

  @Mutation(() => String, {
    description:
      "Chooses refuse, report or pause for dataflows that a change makes violate a policy. Permission: Manage Data Usage Policies.",
  })
  async setOnPolicyViolation(
    @Arg("choice", () => String, { description: "refuse, report or pause." }) choice: string,
    @Ctx() context: GatewayContext,
  ): Promise<string> {
    demand(context, "manage-policies");
    const wanted = oneOf("choice", ON_VIOLATION, choice);
    const set = valueOf(await context.sandbox.hub.governance.setOnViolation(wanted));
    context.gateway.audit(context, { action: "policy.onViolation", subject: set });
    return set;
  }
}

function labelledFields(labels: FieldLabels): LabelledField[] {
  return Object.entries(labels).map(([path, held]) => ({ path, labels: held }));
}

function oneOf<const T extends string>(name: string, values: readonly T[], value: string): T {
  const found = values.find((known) => known === value);
  if (found !== undefined) return found;
  throw failure("BAD_USER_INPUT", `${name}: expected ${values.join(", ")}.`);
}

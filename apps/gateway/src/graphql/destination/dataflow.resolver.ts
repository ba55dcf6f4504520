import {
  type Dataflow,
  type DataflowVerdict,
  type EvaluateExpression,
  explainActivation,
  type FieldMapping,
  type PersonView,
  previewMapping,
} from "@tessera/destinations";
import { activationConsent, CORE_MARKETING_ACTIONS } from "@tessera/governance";
import { idsOfPerson } from "@tessera/hub";
import { evaluateValue } from "@tessera/segment-engine";
import { formatInstant, type Identity, identityKey, type Issue } from "@tessera/xdm";
import { Arg, Args, Ctx, ID, Mutation, Query, Resolver } from "type-graphql";
import { issueOf } from "../audience/audience.mapper.ts";
import type { GatewayContext } from "../context.ts";
import { demand, failure, valueOf } from "../failure.ts";
import { demandMappedFields } from "../hidden-fields.ts";
import { IdentityInput } from "../identity/identity.type.ts";
import { inOrder, type Order, pageOf } from "../page.ts";
import { JsonObjectScalar } from "../scalars.ts";
import { checkDataflow } from "./check-dataflow.ts";
import { createdDataflow, editedDataflow } from "./dataflow-input.ts";
import {
  ActivationExplanationType,
  CreateDataflowInput,
  DataflowCheckType,
  DeliveryBacklog,
  DeliveryLineConnection,
  DeliveryLogArgs,
  MappingPreviewType,
  UpdateDataflowInput,
} from "./dataflow.type.ts";
import { dataflowOf, mappingOf } from "./destination.mapper.ts";
import { DataflowType } from "./destination.type.ts";

/** Lines of the log that are kept of one person. */
const LINES_MAX = 500;
const LINES: Order<{ readonly at: string; readonly itemId: string }> = {
  list: "deliveryLog",
  placeOf: ({ at, itemId }) => [at, itemId],
  descending: true,
};

@Resolver()
export class DataflowResolver {
  @Query(() => DataflowCheckType, {
    description:
      "Checks a dataflow as it would stand, without saving it: mapping, identities, schedule, limits, data usage policies and rules of its kind, all at once. Permission: View Destinations.",
  })
  async checkDataflow(
    @Arg("input", () => UpdateDataflowInput, { description: "The dataflow as it is to stand." })
    input: UpdateDataflowInput,
    @Ctx() context: GatewayContext,
  ): Promise<DataflowCheckType> {
    demand(context, "view-destinations");
    const { live, dataflow } = find(context, input.id);
    return checkOf(await checkDataflow(editedDataflow(dataflow, input, context), live, context));
  }

  @Query(() => DataflowCheckType, {
    description:
      "Checks a dataflow that is yet to be made, like checkDataflow. Permission: View Destinations.",
  })
  async checkNewDataflow(
    @Arg("input", () => CreateDataflowInput, { description: "The dataflow as it is to be." })
    input: CreateDataflowInput,
    @Ctx() context: GatewayContext,
  ): Promise<DataflowCheckType> {
    demand(context, "view-destinations");
    const live = liveOf(context, input.destinationId);
    return checkOf(await checkDataflow(createdDataflow(input, live, context), live, context));
  }

  @Mutation(() => DataflowType, {
    description:
      "Makes a dataflow with its audiences, mapping and schedules at once, beside those that the destination has; no file is written before its time. Refused with every violation at once; members that qualified before are told. Permission: Activate Destinations.",
  })
  async createDataflow(
    @Arg("input", () => CreateDataflowInput, { description: "The dataflow as it is to be." })
    input: CreateDataflowInput,
    @Ctx() context: GatewayContext,
  ): Promise<DataflowType> {
    demand(context, "activate-destinations");
    const live = liveOf(context, input.destinationId);
    const { id: _unnamed, ...wanted } = createdDataflow(input, live, context);
    demandMappedFields(context, wanted.mapping);
    const { violations } = await checkDataflow({ ...wanted, id: "" }, live, context);
    if (violations.length > 0) valueOf({ ok: false, error: violations });
    const saved = valueOf(await context.sandbox.hub.createDataflow(wanted));
    context.gateway.audit(context, { action: "dataflow.create", subject: saved.id });
    return dataflowOf(saved);
  }

  @Mutation(() => DataflowType, {
    description:
      "Edits a dataflow: audiences, mapping, schedule, name, on or off. Refused with every violation at once; members of audiences that come or go are told. Permission: Activate Destinations.",
  })
  async updateDataflow(
    @Arg("input", () => UpdateDataflowInput, { description: "The dataflow as it is to stand." })
    input: UpdateDataflowInput,
    @Ctx() context: GatewayContext,
  ): Promise<DataflowType> {
    demand(context, "activate-destinations");
    const { live, dataflow } = find(context, input.id);
    const next = editedDataflow(dataflow, input, context);
    if (input.mapping) demandMappedFields(context, next.mapping);
    const { violations } = await checkDataflow(next, live, context);
    if (violations.length > 0) valueOf({ ok: false, error: violations });
    const saved = valueOf(await context.sandbox.hub.saveDataflow(next));
    context.gateway.audit(context, { action: "dataflow.update", subject: saved.id });
    return dataflowOf(saved);
  }

  @Mutation(() => DeliveryBacklog, {
    description:
      "Holds back what a destination is to be told; it waits in order until it is resumed. Permission: Activate Destinations.",
  })
  async pauseDestination(
    @Arg("id", () => ID, { description: "The destination." }) id: string,
    @Arg("reason", () => String, { defaultValue: "paused by hand", description: "For people." })
    reason: string,
    @Ctx() context: GatewayContext,
  ): Promise<DeliveryBacklog> {
    demand(context, "activate-destinations");
    liveOf(context, id);
    const { gateway, sandbox } = context;
    const { store } = gateway.delivery(sandbox.name);
    await store.setPause(id, { at: formatInstant(gateway.clock()), reason: reason.slice(0, 500) });
    gateway.audit(context, { action: "destination.pause", subject: id });
    return backlogOf(context, id);
  }

  @Mutation(() => DeliveryBacklog, {
    description: "Tells a paused destination what waited, in order. Permission: Activate Destinations.",
  })
  async resumeDestination(
    @Arg("id", () => ID, { description: "The destination." }) id: string,
    @Ctx() context: GatewayContext,
  ): Promise<DeliveryBacklog> {
    demand(context, "activate-destinations");
    liveOf(context, id);
    const { gateway, sandbox } = context;
    await gateway.delivery(sandbox.name).store.setPause(id, undefined);
    gateway.audit(context, { action: "destination.resume", subject: id });
    return backlogOf(context, id);
  }

  @Query(() => DeliveryBacklog, {
    description: "How much waits at a streaming destination. Permission: View Destinations.",
  })
  deliveryBacklog(
    @Arg("destinationId", () => ID, { description: "The destination." }) id: string,
    @Ctx() context: GatewayContext,
  ): Promise<DeliveryBacklog> {
    demand(context, "view-destinations");
    liveOf(context, id);
    return backlogOf(context, id);
  }

  @Query(() => DeliveryLineConnection, {
    description:
      "What destinations were told of a person, and when; of one destination with destinationId. Permission: View Profiles.",
  })
  async deliveryLog(
    @Args(() => DeliveryLogArgs) { identity, destinationId, first, after }: DeliveryLogArgs,
    @Ctx() context: GatewayContext,
  ): Promise<DeliveryLineConnection> {
    demand(context, "view-profiles");
    const { gateway, sandbox } = context;
    gateway.audit(context, { action: "deliveryLog.view", person: identityKey(identity) });
    const person = await sandbox.hub.profile({ ...identity });
    const lines =
      person === undefined
        ? []
        : await gateway.delivery(sandbox.name).store.deliveries({
            personIds: idsOfPerson(person.personId, person.identities),
            limit: LINES_MAX,
            ...(destinationId && { destinationId }),
          });
    return pageOf(inOrder(lines, LINES), LINES, { first, after });
  }

  @Query(() => [MappingPreviewType], {
    description:
      "What a mapping gives for one person, line by line, transformed as it would leave, and what a destination has against it. Permission: View Profiles.",
  })
  async previewMapping(
    @Arg("mapping", () => [JsonObjectScalar], { description: "As for activateAudiences." }) mapping: object[],
    @Arg("identity", () => IdentityInput, { description: "Any identity of the person." })
    identity: IdentityInput,
    @Arg("destinationId", () => ID, { nullable: true, description: "Checked for this destination." })
    destinationId: string | undefined,
    @Ctx() context: GatewayContext,
  ): Promise<readonly MappingPreviewType[]> {
    demand(context, "view-profiles");
    context.gateway.audit(context, { action: "profile.view", person: identityKey(identity) });
    const person = await personOf(context, identity);
    const lines = valueOf(mappingOf(mapping));
    const issues = destinationId ? await mappingIssues(lines, destinationId, context) : [];
    return previewMapping(lines, person, evaluateAt(context)).map((preview, line) => ({
      ...preview,
      issues: issues.filter(({ path = [] }) => path[1] === line).map(issueOf),
    }));
  }

  @Query(() => ActivationExplanationType, {
    description:
      "Why a person is, or is not, told to a destination by a dataflow: by the rules of activation itself. Permission: View Profiles.",
  })
  async explainActivation(
    @Arg("dataflowId", () => ID, { description: "The dataflow." }) dataflowId: string,
    @Arg("identity", () => IdentityInput, { description: "Any identity of the person." })
    identity: IdentityInput,
    @Ctx() context: GatewayContext,
  ): Promise<ActivationExplanationType> {
    demand(context, "view-profiles");
    const { live, dataflow } = find(context, dataflowId);
    context.gateway.audit(context, { action: "activation.explain", person: identityKey(identity) });
    const person = await personOf(context, identity);
    const at = formatInstant(context.gateway.clock());
    const active = { dataflow, destination: live.configured };
    const { audiences, obstacles } = explainActivation(person, active, at, evaluateAt(context));
    return { audienceIds: audiences.map(({ id }) => id), obstacles };
  }
}

type Live =
  ReturnType<GatewayContext["sandbox"]["hub"]["destinations"]> extends ReadonlyMap<string, infer D>
    ? D
    : never;

function find({ sandbox }: GatewayContext, id: string): { readonly live: Live; readonly dataflow: Dataflow } {
  for (const live of sandbox.hub.destinations().values()) {
    const dataflow = live.dataflows.find((flow) => flow.id === id);
    if (dataflow !== undefined) return { live, dataflow };
  }
  throw failure("NOT_FOUND", "No such dataflow in this sandbox.");
}

function liveOf({ sandbox }: GatewayContext, id: string): Live {
  const live = sandbox.hub.destinations().get(id);
  if (live === undefined) throw failure("NOT_FOUND", "No such destination in this sandbox.");
  return live;
}

function checkOf({ violations, warnings, limits }: DataflowVerdict): DataflowCheckType {
  return {
    valid: violations.length === 0,
    violations: violations.map(issueOf),
    warnings: warnings.map(issueOf),
    limits: limits.map(({ limit, kind, value, message, whatToDo }) => ({
      limit: limit.id,
      kind,
      value,
      message,
      whatToDo,
    })),
  };
}

/** What a destination has against the lines of a mapping; `path[1]` is the line. */
async function mappingIssues(
  mapping: readonly FieldMapping[],
  destinationId: string,
  context: GatewayContext,
): Promise<readonly Issue[]> {
  demand(context, "view-destinations");
  const live = liveOf(context, destinationId);
  const { name } = live.stored;
  const dataflow: Dataflow = { id: "", destinationId, name, audiences: [], mapping, enabled: true };
  const { violations, warnings } = await checkDataflow(dataflow, live, context);
  return [...violations, ...warnings].filter(({ path = [] }) => path[0] === "mapping" && path.length > 1);
}

async function personOf({ sandbox, principal }: GatewayContext, identity: Identity): Promise<PersonView> {
  const view = await sandbox.hub.profile({ ...identity });
  if (view === undefined) throw failure("NOT_FOUND", "No such person in this sandbox.");
  const { personId, identities, segmentMembership: memberships } = view;
  const policies = await sandbox.hub.governance.consentPolicies();
  const { consents } = view.attributes;
  const refused = CORE_MARKETING_ACTIONS.flatMap(({ name }) => {
    const marketingActions = [`core/${name}`];
    return activationConsent({ consents, marketingActions, policies }).permitted
      ? []
      : [name, `core/${name}`];
  });
  return {
    personId,
    identities,
    memberships,
    attributes: sandbox.labels.visibleTo(principal, view.attributes),
    ...(refused.length > 0 && { refusedActions: refused }),
  };
}

function evaluateAt({ gateway }: GatewayContext): EvaluateExpression {
  return (expression, attributes) => {
    const answer = evaluateValue(expression, attributes, { now: formatInstant(gateway.clock()) });
    return answer.ok && answer.value !== null ? answer.value : undefined;
  };
}

async function backlogOf({ gateway, sandbox }: GatewayContext, id: string): Promise<DeliveryBacklog> {
  const { store, metrics } = gateway.delivery(sandbox.name);
  const [backlog, pause] = await Promise.all([
    store.backlog(id, formatInstant(gateway.clock())),
    store.pauseOf(id),
  ]);
  const counts = metrics().find(({ destinationId }) => destinationId === id);
  return { ...backlog, pausedAt: pause?.at, pauseReason: pause?.reason, circuit: counts?.circuit, counts };
}

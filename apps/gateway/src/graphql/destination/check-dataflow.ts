import { type Dataflow, type DataflowVerdict, validateDataflow } from "@tessera/destinations";
import { checkAudience } from "@tessera/hub";
import { type IdentityType, type Issue, type JsonSchema, UPS } from "@tessera/xdm";
import { hoursOfExports } from "../../delivery/hours-of-exports.ts";
import type { Sandbox } from "../../sandbox.ts";
import type { GatewayContext } from "../context.ts";
import { valueOf } from "../failure.ts";
import { checkCampaignRules } from "./check-campaign.ts";
import { checkTargetRules } from "./check-target.ts";

/** Where data may come without a schema, profiles may hold any field beside those that schemas name. */
const OPEN: JsonSchema = { type: "object", additionalProperties: true };

/** When nothing is said, a file is written when it is asked for. */
const ON_DEMAND = { mode: "full", when: "after-evaluation" } as const;

type Live = ReturnType<Sandbox["hub"]["destinations"]> extends ReadonlyMap<string, infer D> ? D : never;

/**
 * Everything that keeps a dataflow from being saved, all at once: mapping, identities, schedule, limits, data usage
 * policies and the destination's own rules. The hub asks the policies once more when it saves.
 */
export async function checkDataflow(
  dataflow: Dataflow,
  live: Live,
  { sandbox, gateway }: Pick<GatewayContext, "sandbox" | "gateway">,
): Promise<DataflowVerdict> {
  const { hub } = sandbox;
  const { configured } = live;
  const configuration = hub.configuration();
  const namespaces: Record<string, IdentityType> = {};
  for (const { code, type } of configuration.registry.namespaces.values()) namespaces[code] = type;
  const unregistered: Issue[] = [];
  dataflow.mapping.forEach(({ source }, index) => {
    if (source.kind !== "identity" || namespaces[source.namespace] !== undefined) return;
    // As identities come in: what nobody registered is taken as a cookie.
    namespaces[source.namespace] = "COOKIE";
    unregistered.push(unregisteredNamespace(index));
  });
  const [refused, rules, hour] = await Promise.all([
    hub.reviewDataflow(dataflow),
    checkTargetRules(dataflow, live, { sandbox, gateway }),
    hoursOfExports(dataflow, sandbox, gateway.clock()),
  ]);
  const published = [...configuration.audiences.values()].filter(({ status }) => status === "published");
  const checked: Dataflow =
    configured.kind === "batch-file"
      ? { ...dataflow, audiences: dataflow.audiences.map((one) => ({ schedule: ON_DEMAND, ...one })) }
      : dataflow;
  // Where any field may come, none is known to be a list.
  const { person } = configuration.schemas;
  const campaign = checkCampaignRules(
    dataflow,
    live,
    person?.additionalProperties === true ? undefined : person,
  );
  const verdict = validateDataflow(checked, {
    destination: configured,
    schema: profileSchema(configuration.schemas.person),
    namespaces,
    audiences: { ups: new Set(published.map(({ id }) => id)) },
    limits: configuration.limits,
    counts: { ...countsBeside(dataflow, hub), audiencesInSameHour: hour?.others ?? 0 },
    audiencesInHour: hour?.own ?? 0,
    newDestination: false,
    governance: () => [...refused, ...rules, ...campaign.violations],
    checkExpression: (expression) => checkAudience(expression, configuration).issues,
  });
  return { ...verdict, warnings: [...verdict.warnings, ...campaign.warnings, ...unregistered] };
}

function unregisteredNamespace(index: number): Issue {
  const path = ["mapping", index, "source"];
  const message = `${path.join(".")}: the namespace is registered nowhere and taken as a cookie. Register it, unless that is meant.`;
  return { code: "mapping.namespace", path, message };
}

/** The schema that paths are looked up in: strict where every dataset of persons has one, else open below every object. */
function profileSchema(person: JsonSchema | undefined): JsonSchema {
  if (person === undefined) return OPEN;
  return person.additionalProperties === true ? opened(person) : person;
}

function opened(schema: JsonSchema): JsonSchema {
  const { properties } = schema;
  if (properties === undefined) return schema;
  const below = Object.entries(properties).map(([name, field]) => [name, opened(field)] as const);
  return { ...schema, properties: Object.fromEntries(below), additionalProperties: true };
}

/**
 * Checks what an activation would make of the destination's dataflow. Throws all violations at once; gives the warnings.
 * A destination that is not there is left to the hub.
 */
export async function checkActivation(
  context: Pick<GatewayContext, "sandbox" | "gateway">,
  input: Parameters<Sandbox["hub"]["activateAudiences"]>[0],
): Promise<readonly Issue[]> {
  const { sandbox } = context;
  const live = sandbox.hub.destinations().get(input.destinationId);
  const { audiences } = sandbox.hub.configuration();
  if (live === undefined || input.audienceIds.length === 0) return [];
  const [before] = live.dataflows;
  const kept = before?.audiences ?? [];
  const added = [...new Set(input.audienceIds)]
    .filter((id) => !kept.some((audience) => audience.id === id))
    .map((id) => ({ namespace: UPS, id, name: audiences.get(id)?.name ?? id }));
  const dataflow: Dataflow = {
    id: before?.id ?? "",
    destinationId: input.destinationId,
    name: input.name ?? before?.name ?? live.stored.name,
    audiences: [...kept, ...added],
    mapping: input.mapping ?? before?.mapping ?? [],
    enabled: true,
  };
  const { violations, warnings } = await checkDataflow(dataflow, live, context);
  if (violations.length > 0) valueOf({ ok: false, error: violations });
  return warnings;
}

/** What the other dataflows of the sandbox use. */
function countsBeside(
  { id }: Dataflow,
  hub: Sandbox["hub"],
): Omit<Parameters<typeof validateDataflow>[1]["counts"], "audiencesInSameHour"> {
  const destinations = [...hub.destinations().values()];
  const others = destinations.flatMap(({ configured, dataflows }) =>
    dataflows.filter((flow) => flow.id !== id).map((flow) => ({ flow, configured })),
  );
  const onEdge = others.filter(({ configured }) => configured.kind === "profile-request");
  const campaign = others.filter(({ configured }) => configured.capabilities.limits === "campaign");
  const attributes = onEdge.flatMap(({ flow }) =>
    flow.mapping.filter(({ source }) => source.kind === "attribute" || source.kind === "pql"),
  );
  return {
    destinations: destinations.length,
    personalizationDestinations: destinations.filter(
      ({ configured }) =>
        configured.kind === "profile-request" && configured.capabilities.limits === undefined,
    ).length,
    personalizationAttributes: attributes.length,
    campaignAudiences: campaign.reduce((sum, { flow }) => sum + flow.audiences.length, 0),
  };
}

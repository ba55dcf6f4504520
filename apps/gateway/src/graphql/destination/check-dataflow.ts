import { type Dataflow, type DataflowVerdict, validateDataflow } from "@tessera/destinations";
import { checkAudience } from "@tessera/hub";
import { type IdentityType, type Issue, type JsonSchema, UPS } from "@tessera/xdm";
import type { Sandbox } from "../../sandbox.ts";
import { valueOf } from "../failure.ts";

/** Profiles may hold any field, whatever schemas say: every path is one of the profile, and none is known to be a list. */
const OPEN: { type: "object"; properties: Record<string, JsonSchema>; additionalProperties?: JsonSchema } = {
  type: "object",
  properties: {},
};
OPEN.additionalProperties = OPEN;

/** When nothing is said, a file is written when it is asked for. */
const ON_DEMAND = { mode: "full", when: "after-evaluation" } as const;

type Live = ReturnType<Sandbox["hub"]["destinations"]> extends ReadonlyMap<string, infer D> ? D : never;

/**
 * Everything that keeps a dataflow from being saved, apart from data usage policies, which the hub asks when it saves;
 * and the limits it touches.
 */
export function checkDataflow(dataflow: Dataflow, { configured }: Live, { hub }: Sandbox): DataflowVerdict {
  const configuration = hub.configuration();
  const namespaces: Record<string, IdentityType> = {};
  for (const { code, type } of configuration.registry.namespaces.values()) namespaces[code] = type;
  for (const { source } of dataflow.mapping)
    if (source.kind === "identity") namespaces[source.namespace] ??= "COOKIE";
  const published = [...configuration.audiences.values()].filter(({ status }) => status === "published");
  const checked: Dataflow =
    configured.kind === "batch-file"
      ? { ...dataflow, audiences: dataflow.audiences.map((one) => ({ schedule: ON_DEMAND, ...one })) }
      : dataflow;
  return validateDataflow(checked, {
    destination: configured,
    schema: OPEN,
    namespaces,
    audiences: { ups: new Set(published.map(({ id }) => id)) },
    limits: configuration.limits,
    counts: countsBeside(dataflow, hub),
    newDestination: false,
    governance: () => [],
    checkExpression: (expression) => checkAudience(expression, configuration).issues,
  });
}

/**
 * Checks what an activation would make of the destination's dataflow. Throws all violations at once; gives the warnings.
 * Destinations and audiences that are not there are left to the hub.
 */
export function checkActivation(
  sandbox: Sandbox,
  input: Parameters<Sandbox["hub"]["activateAudiences"]>[0],
): readonly Issue[] {
  const live = sandbox.hub.destinations().get(input.destinationId);
  const { audiences } = sandbox.hub.configuration();
  const published = input.audienceIds.every((id) => audiences.get(id)?.status === "published");
  if (live === undefined || !published || input.audienceIds.length === 0) return [];
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
  const { violations, warnings } = checkDataflow(dataflow, live, sandbox);
  if (violations.length > 0) valueOf({ ok: false, error: violations });
  return warnings;
}

/** What the other dataflows of the sandbox use. */
function countsBeside(
  { id }: Dataflow,
  hub: Sandbox["hub"],
): Parameters<typeof validateDataflow>[1]["counts"] {
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
      ({ configured }) => configured.capabilities.limits === "personalization",
    ).length,
    personalizationAttributes: attributes.length,
    campaignAudiences: campaign.reduce((sum, { flow }) => sum + flow.audiences.length, 0),
    audiencesInSameHour: 0,
  };
}

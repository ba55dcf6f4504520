import type { Dataflow } from "@tessera/destinations";
import {
  checkConnection,
  checkTargetDataflow,
  readActivities,
  targetConnection,
} from "@tessera/destinations-target";
import { isObject, type Issue, type JsonObject } from "@tessera/xdm";
import { externalAudienceIds } from "../../external-audience.ts";
import type { Sandbox } from "../../sandbox.ts";
import type { GatewayContext } from "../context.ts";

/** What keeps a connection to Target from being made, besides its settings; nothing for other types. */
export async function checkTargetConnection(
  { type, settings }: { readonly type: string; readonly settings: JsonObject },
  { gateway, sandbox }: GatewayContext,
): Promise<readonly Issue[]> {
  const parsed = type === targetConnection.slug ? targetConnection.parseSettings(settings) : undefined;
  if (parsed?.ok !== true) return [];
  const { datastreamId } = parsed.value;
  const { datastreams } = await sandbox.hub.edgeDefinitions();
  const found = datastreams.find((one) => isObject(one) && one["id"] === datastreamId);
  const connections = [...sandbox.hub.destinations().values()].filter(
    ({ configured }) => configured.slug === targetConnection.slug,
  );
  const { defaultSandbox, organisation, targetSandboxes } = gateway.config;
  const { name } = sandbox;
  const kind = gateway.access.sandboxes().find((one) => one.name === name)?.type ?? "development";
  return checkConnection(parsed.value, {
    orgId: organisation,
    sandbox: { name, kind, isDefault: name === defaultSandbox },
    sandboxRule: targetSandboxes,
    ...(isObject(found) && { datastream: { id: datastreamId, ...servicesOf(found["services"]) } }),
    takenDatastreams: connections.map(({ stored }) => String(stored.settings["datastreamId"])),
  });
}

/** What Target's own rules have against a dataflow; nothing for other destinations. */
export async function checkTargetRules(
  dataflow: Dataflow,
  live: { readonly configured: { readonly slug: string }; readonly dataflows: readonly Dataflow[] },
  { hub, store }: Sandbox,
): Promise<readonly Issue[]> {
  if (live.configured.slug !== targetConnection.slug) return [];
  const { audiences, policies, policy } = hub.configuration();
  const external = await externalAudienceIds(store);
  const known = [...audiences.values()].map(({ id, mergePolicyId = policy.id }) => {
    const activeOnEdge = policies.find((one) => one.id === mergePolicyId)?.isActiveOnEdge === true;
    return [id, { origin: external.has(id) ? "upload" : "ups", activeOnEdge }] as const;
  });
  const saved = live.dataflows.find(({ id }) => id === dataflow.id);
  return checkTargetDataflow(dataflow, {
    audiences: Object.fromEntries(known),
    ...(saved && { saved }),
    activities: readActivities(await hub.edgeDocuments("activity")).activities,
  });
}

function servicesOf(services: unknown): {
  readonly target: boolean;
  readonly platform: boolean;
  readonly personalizationDestinations: boolean;
} {
  const { target, platform } = isObject(services) ? services : {};
  const isOn = (service: unknown): service is Record<string, unknown> =>
    isObject(service) && service["enabled"] !== false;
  return {
    target: isOn(target),
    platform: isOn(platform),
    personalizationDestinations: isOn(platform) && platform["personalizationDestinations"] === true,
  };
}

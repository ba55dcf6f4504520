import type { Dataflow } from "@tessera/destinations";
import {
  type Activity,
  checkActivityAudiences,
  checkConnection,
  checkRemoval,
  checkTargetDataflow,
  readActivities,
  targetConnection,
  type TargetSettings,
  workspaceOf,
} from "@tessera/destinations-target";
import { formatInstant, isObject, type Issue, type JsonObject } from "@tessera/xdm";
import { externalAudienceIds } from "../../external-audience.ts";
import type { Sandbox } from "../../sandbox.ts";
import type { GatewayContext } from "../context.ts";

type Live = ReturnType<Sandbox["hub"]["destinations"]> extends ReadonlyMap<string, infer D> ? D : never;

/** The settings of a connection to Target; `undefined` for other destinations. */
export function targetSettingsOf(live: {
  readonly configured: { readonly slug: string };
  readonly stored: { readonly settings: JsonObject };
}): TargetSettings | undefined {
  if (live.configured.slug !== targetConnection.slug) return undefined;
  const parsed = targetConnection.parseSettings(live.stored.settings);
  return parsed.ok ? parsed.value : undefined;
}

/** The activities of a sandbox, those that are wrong left out. */
export async function activitiesOf({ hub }: Pick<Sandbox, "hub">): Promise<readonly Activity[]> {
  return readActivities(await hub.edgeDocuments("activity")).activities;
}

/** What keeps a connection to Target from being made or edited, besides its settings; nothing for other types. */
export async function checkTargetConnection(
  { id, type, settings }: { readonly id?: string; readonly type: string; readonly settings: JsonObject },
  { gateway, sandbox }: GatewayContext,
): Promise<readonly Issue[]> {
  const parsed = type === targetConnection.slug ? targetConnection.parseSettings(settings) : undefined;
  if (parsed?.ok !== true) return [];
  const { datastreamId } = parsed.value;
  const found = await datastreamOf(sandbox, datastreamId);
  const connections = [...sandbox.hub.destinations().values()].filter(
    ({ configured, stored }) => configured.slug === targetConnection.slug && stored.id !== id,
  );
  const { defaultSandbox, organisation, targetSandboxes } = gateway.config;
  const { name } = sandbox;
  const kind = gateway.access.sandboxes().find((one) => one.name === name)?.type ?? "development";
  return checkConnection(parsed.value, {
    orgId: organisation,
    sandbox: { name, kind, isDefault: name === defaultSandbox },
    sandboxRule: targetSandboxes,
    ...(found && { datastream: { id: datastreamId, ...found } }),
    takenDatastreams: connections.map(({ stored }) => String(stored.settings["datastreamId"])),
  });
}

/** What Target's own rules have against a dataflow; nothing for other destinations. */
export async function checkTargetRules(
  dataflow: Dataflow,
  live: Pick<Live, "configured" | "stored" | "dataflows">,
  { sandbox, gateway }: Pick<GatewayContext, "sandbox" | "gateway">,
): Promise<readonly Issue[]> {
  const settings = targetSettingsOf(live);
  if (settings === undefined) return [];
  const { hub, store } = sandbox;
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
    activities: await activitiesOf(sandbox),
    workspace: settings.workspace,
    now: formatInstant(gateway.clock()),
  });
}

/**
 * What stands against taking a destination's audiences from Target, all of them: live activities of its workspace use
 * them. Nothing for other destinations.
 */
export async function checkTargetRemoval(
  live: Live,
  sandbox: Sandbox,
  dataflows: readonly Dataflow[] = live.dataflows,
): Promise<readonly Issue[]> {
  const settings = targetSettingsOf(live);
  if (settings === undefined) return [];
  const activities = await activitiesOf(sandbox);
  const mapped = new Set(
    dataflows.filter(({ enabled }) => enabled).flatMap(({ audiences }) => audiences.map(({ id }) => id)),
  );
  return [...mapped].flatMap((id) => checkRemoval(id, activities, settings.workspace));
}

/** What stands against taking an audience out of force: live activities of any workspace use it. */
export async function checkAudienceUse(id: string, sandbox: Sandbox): Promise<readonly Issue[]> {
  const activities = await activitiesOf(sandbox);
  const workspaces = new Set(activities.map(workspaceOf));
  return [...workspaces].flatMap((workspace) => checkRemoval(id, activities, workspace));
}

/** What keeps an activity from going live: audiences that no connection of its workspace maps. */
export function checkActivity(activity: Activity, { sandbox, gateway }: GatewayContext): readonly Issue[] {
  const now = formatInstant(gateway.clock());
  const mapped = new Map<string, Set<string>>();
  for (const live of sandbox.hub.destinations().values()) {
    const settings = targetSettingsOf(live);
    if (settings === undefined) continue;
    const known = mapped.get(settings.workspace) ?? new Set<string>();
    mapped.set(settings.workspace, known);
    for (const dataflow of live.dataflows) {
      if (!dataflow.enabled) continue;
      // One whose time is still to come is mapped; one whose time is over is not.
      const over = new Set(dataflow.audiences.filter(({ endsAt }) => endsAt !== undefined && endsAt <= now));
      for (const audience of dataflow.audiences) if (!over.has(audience)) known.add(audience.id);
    }
  }
  return checkActivityAudiences(activity, mapped);
}

/** The services of a datastream that edges serve; `undefined` when there is none of this id. */
export async function datastreamOf(
  { hub }: Pick<Sandbox, "hub">,
  id: string,
): Promise<ReturnType<typeof servicesOf> | undefined> {
  const { datastreams } = await hub.edgeDefinitions();
  const found = datastreams.find((one) => isObject(one) && one["id"] === id);
  return isObject(found) ? servicesOf(found["services"]) : undefined;
}

function servicesOf(services: unknown): {
  readonly target: boolean;
  readonly platform: boolean;
  readonly personalizationDestinations: boolean;
  readonly edgeSegmentation: boolean;
} {
  const { target, platform } = isObject(services) ? services : {};
  const isOn = (service: unknown): service is Record<string, unknown> =>
    isObject(service) && service["enabled"] !== false;
  const has = (name: string): boolean => isOn(platform) && platform[name] === true;
  return {
    target: isOn(target),
    platform: isOn(platform),
    personalizationDestinations: has("personalizationDestinations"),
    edgeSegmentation: has("edgeSegmentation"),
  };
}

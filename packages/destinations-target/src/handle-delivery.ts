import { findLimit } from "@tessera/guardrails";
import type { Identity, JsonObject, JsonValue } from "@tessera/xdm";
import { type Location, type Offer } from "./activity.ts";
import { type ActivityIndex, decide, type Decision, type Visitor } from "./decide.ts";
import {
  type DeliveryIds,
  type DeliveryNotification,
  type DeliveryRefusal,
  type LocationRequest,
  parseDeliveryRequest,
} from "./delivery-request.ts";
import type { TargetClient } from "./mode.ts";
import { DEFAULT_WORKSPACE } from "./workspace.ts";

/** What a profile lookup gives: mapped memberships and attributes. */
export interface DeliveryProfile {
  readonly memberships: Visitor["memberships"];
  /** What each workspace knows of them, where connections are divided by workspace; all know all without it. */
  readonly byWorkspace?: ReadonlyMap<string, Visitor["memberships"]>;
  readonly attributes: JsonObject;
}

/** Surroundings of a delivery call. */
export interface DeliveryContext {
  /** The client code of this Target. */
  readonly client: string;
  readonly orgId: string;
  readonly activities: ActivityIndex;
  /**
   * The edge profile of the first identity that has one; `undefined` when none is known. Asked with the ECID, and with
   * authenticated customer ids (namespace = integration code) beside it, and with the workspaces that are served.
   */
  readonly profileLookup: (
    identities: readonly Identity[],
    workspaces: readonly string[],
  ) => Promise<DeliveryProfile | undefined>;
  /** ISO 8601 in UTC with milliseconds. */
  readonly now: string;
  readonly newId: () => string;
  /** The workspaces that a call of this property is served from; the default one without it. */
  readonly workspacesOf?: (property: string | undefined) => readonly string[];
  /** What calls. at.js knows the ECID alone: customer ids that it sends count for nothing. A server-side SDK without it. */
  readonly caller?: TargetClient;
  /** Query parameters of the call. */
  readonly query: { readonly imsOrgId?: string; readonly client?: string; readonly sessionId?: string };
  /** Size of the body in bytes, where known. */
  readonly bodyBytes?: number;
  /** Requests of the same session in progress, this one not counted. */
  readonly inProgress?: number;
}

/** The answer, and what happened: what was shown by `execute` and what notifications told. */
export interface DeliveryAnswer {
  readonly status: number;
  readonly body: JsonObject;
  readonly shown: readonly Decision[];
  readonly notifications: readonly DeliveryNotification[];
}

/** Printable ASCII without the characters that the API refuses in a session id. */
const SESSION_ID = /^[!-~]{1,128}$/;
const REFUSED_IN_SESSION_ID = /[ ?/({})]/;

/**
 * Answers `POST /rest/v1/delivery` as Target does: `execute`, `prefetch` and `notifications`, the documented limits with
 * their statuses. The answer never names an edge host, and the visitor id it gives carries no edge suffix: either
 * would send real clients to Adobe's hosts.
 */
export async function handleDelivery(body: unknown, context: DeliveryContext): Promise<DeliveryAnswer> {
  const refusal = refusalOfCall(context);
  if (refusal) return refused(refusal);
  const parsed = parseDeliveryRequest(body);
  if (!parsed.ok) return refused(parsed.error);
  const request = parsed.value;
  const tntId = request.ids.tntId?.split(".")[0] || context.newId();
  const served = context.workspacesOf?.(request.property) ?? [DEFAULT_WORKSPACE];
  const profile = await lookup(request.ids, context, served);
  const visitorId =
    request.ids.marketingCloudVisitorId ?? (request.ids.tntId ? tntId : (request.ids.thirdPartyId ?? tntId));
  const workspaces = new Map(
    served.map((workspace) => [
      workspace,
      (profile?.byWorkspace ? profile.byWorkspace.get(workspace) : profile?.memberships) ?? {},
    ]),
  );
  const decideFor = (locations: readonly Location[]): readonly Decision[] =>
    decide(context.activities, {
      client: context.client,
      visitor: { visitorId, memberships: profile?.memberships ?? {}, attributes: profile?.attributes ?? {} },
      locations,
      now: context.now,
      workspaces,
      ...(request.property !== undefined && { property: request.property }),
    });
  const executed = request.execute && decideFor(locationsOf(request.execute, context.activities));
  const prefetched = request.prefetch && decideFor(locationsOf(request.prefetch, context.activities));
  return {
    status: 200,
    body: {
      status: 200,
      requestId: request.requestId ?? context.newId(),
      client: context.client,
      id: { ...request.id, tntId },
      ...(request.execute && executed && { execute: executeBody(request.execute, executed) }),
      ...(request.prefetch && prefetched && { prefetch: prefetchBody(request.prefetch, prefetched) }),
      ...(request.notifications.length > 0 && {
        notifications: request.notifications.map(({ id }) => ({ id })),
      }),
    },
    shown: executed ?? [],
    notifications: request.notifications,
  };
}

function refusalOfCall({
  query,
  orgId,
  client,
  bodyBytes = 0,
  inProgress = 0,
}: DeliveryContext): DeliveryRefusal | undefined {
  if (bodyBytes > findLimit("target.request-size").value)
    return { status: 413, message: "Request body is too large" };
  if (inProgress >= findLimit("target.concurrent-requests").value) {
    return { status: 420, message: "Too many concurrent requests for this session" };
  }
  if (query.imsOrgId === undefined && query.client === undefined) {
    return { status: 400, message: "Either imsOrgId or client is required" };
  }
  if (query.imsOrgId !== undefined && query.imsOrgId !== orgId)
    return { status: 400, message: "Unknown imsOrgId" };
  if (query.imsOrgId === undefined && query.client !== client)
    return { status: 400, message: "Unknown client" };
  const { sessionId = "" } = query;
  if (!SESSION_ID.test(sessionId) || REFUSED_IN_SESSION_ID.test(sessionId)) {
    return {
      status: 400,
      message: "sessionId must have 1 to 128 printable characters, none of: space ? / ( { } )",
    };
  }
  return undefined;
}

function refused({ status, message }: DeliveryRefusal): DeliveryAnswer {
  return { status, body: { status, message }, shown: [], notifications: [] };
}

/** Customer ids count beside an ECID alone, and only when authenticated; those of at.js never. */
async function lookup(
  ids: DeliveryIds,
  { profileLookup, caller = "server" }: DeliveryContext,
  workspaces: readonly string[],
): Promise<DeliveryProfile | undefined> {
  if (ids.marketingCloudVisitorId === undefined) return undefined;
  const customers = ids.customerIds.filter(({ authenticated }) => authenticated && caller !== "at.js");
  const identities = customers.map(({ integrationCode, id }) => ({ namespace: integrationCode, id }));
  return profileLookup([{ namespace: "ECID", id: ids.marketingCloudVisitorId }, ...identities], workspaces);
}

function locationsOf(request: LocationRequest, { views }: ActivityIndex): readonly Location[] {
  const all = request.views.some(({ name }) => name === undefined);
  const wanted = all
    ? views
    : [...new Set(request.views.flatMap(({ name }) => (name === undefined ? [] : [name])))];
  const names = new Set(request.mboxes.map(({ name }) => name));
  return [
    ...(request.pageLoad ? [{ kind: "page-load" } as const] : []),
    ...[...names].map((name): Location => ({ kind: "mbox", name })),
    ...wanted.map((name): Location => ({ kind: "view", name })),
  ];
}

function executeBody(request: LocationRequest, decisions: readonly Decision[]): JsonObject {
  const page = decisions.filter(({ location }) => location.kind === "page-load");
  return {
    ...(request.pageLoad && {
      pageLoad: { options: page.flatMap((d) => optionsOf(d, false)), ...metricsOf(page) },
    }),
    ...(request.mboxes.length > 0 && { mboxes: mboxesOf(request, decisions, false) }),
  };
}

function prefetchBody(request: LocationRequest, decisions: readonly Decision[]): JsonObject {
  const page = decisions.filter(({ location }) => location.kind === "page-load");
  const views = new Map<string, Decision[]>();
  for (const decision of decisions) {
    if (decision.location.kind !== "view") continue;
    const list = views.get(decision.location.name);
    if (list) list.push(decision);
    else views.set(decision.location.name, [decision]);
  }
  const keys = new Map(request.views.map(({ name, key }) => [name, key]));
  return {
    ...(request.pageLoad && {
      pageLoad: { options: page.flatMap((d) => optionsOf(d, true)), ...metricsOf(page) },
    }),
    ...(request.mboxes.length > 0 && { mboxes: mboxesOf(request, decisions, true) }),
    ...(request.views.length > 0 && {
      views: [...views].map(([name, found]): JsonObject => {
        const key = keys.get(name);
        return {
          name,
          ...(key !== undefined && { key }),
          options: found.flatMap((d) => optionsOf(d, true)),
          ...metricsOf(found),
          state: stateOf(found),
        };
      }),
    }),
  };
}

function mboxesOf(
  request: LocationRequest,
  decisions: readonly Decision[],
  kept: boolean,
): readonly JsonObject[] {
  const byName = new Map(
    decisions.flatMap((d) => (d.location.kind === "mbox" ? [[d.location.name, d] as const] : [])),
  );
  return request.mboxes.map(({ index, name }): JsonObject => {
    const decision = byName.get(name);
    if (!decision) return { index, name };
    const found = [decision];
    return {
      index,
      name,
      options: optionsOf(decision, kept),
      ...metricsOf(found),
      ...(kept && { state: stateOf(found) }),
    };
  });
}

/** `kept`: shown later, so the client needs the token of the display to report. */
function optionsOf(decision: Decision, kept: boolean): readonly JsonObject[] {
  const { activity, experience, offer, eventToken } = decision;
  const content = contentOf(offer);
  if (!content && !kept) return [];
  return [
    {
      ...(content ?? { type: "html", content: "" }),
      ...(kept && { eventToken }),
      responseTokens: {
        "activity.id": String(activity.id),
        "activity.name": activity.name,
        "experience.id": String(experience.id),
        "experience.name": experience.name,
      },
    },
  ];
}

function contentOf(offer: Offer): { readonly type: string; readonly content: JsonValue } | undefined {
  switch (offer.kind) {
    case "html":
    case "json":
      return { type: offer.kind, content: offer.content };
    case "redirect":
      return { type: "redirect", content: offer.url };
    case "actions":
      return { type: "actions", content: offer.actions.map((action): JsonObject => ({ ...action })) };
    case "default":
      return undefined;
  }
}

function metricsOf(decisions: readonly Decision[]): JsonObject {
  const metrics = decisions.flatMap(({ clicks }) =>
    clicks.map(({ selector, eventToken }) => ({ type: "click", selector, eventToken })),
  );
  return metrics.length > 0 ? { metrics } : {};
}

/** What a client gives back in notifications; our tokens carry all that is needed. */
function stateOf(decisions: readonly Decision[]): string {
  return btoa(decisions.map(({ activity, experience }) => `${activity.id}:${experience.id}`).join(","));
}

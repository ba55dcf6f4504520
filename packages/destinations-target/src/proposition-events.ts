import type { JsonObject } from "@tessera/xdm";
import { locationKey } from "./activity.ts";
import { eventToken, type EventTokenContent } from "./event-token.ts";
import type { DeliveryAnswer } from "./handle-delivery.ts";

const TYPES = {
  display: { eventType: "decisioning.propositionDisplay", count: "display" },
  click: { eventType: "decisioning.propositionInteract", count: "interact" },
} as const;
const ECID = /^\d{38}$/;

/**
 * What a delivery call showed (`execute`) and what its notifications told, as XDM experience events like those the Web
 * SDK sends: one for all that was shown, and one a notification with tokens of ours. `now` is ISO 8601 in UTC. The event
 * belongs to the ECID, else to Target's own visitor id. The same call sent again gives the same `_id`s.
 */
export function propositionEvents(answer: DeliveryAnswer, now: string): readonly JsonObject[] {
  const { id, requestId } = answer.body as { readonly id?: JsonObject; readonly requestId?: string };
  const identityMap = identityMapOf(id);
  if (identityMap === undefined || requestId === undefined) return [];
  const event = (
    _id: string,
    timestamp: string,
    told: { readonly type: keyof typeof TYPES; readonly of: readonly EventTokenContent[] },
  ): JsonObject => {
    const { eventType, count } = TYPES[told.type];
    const decisioning = {
      propositionEventType: { [count]: 1 },
      propositions: told.of.map(propositionOf),
    };
    return { _id, timestamp, eventType, identityMap, _experience: { decisioning } };
  };
  const shown = answer.shown.map(({ activity, experience, location }) => ({
    activityId: activity.id,
    experienceId: experience.id,
    location: locationKey(location),
    event: "display" as const,
  }));
  const told = answer.notifications.filter(({ events }) => events.length > 0);
  return [
    ...(shown.length === 0 ? [] : [event(`${requestId}-shown`, now, { type: "display", of: shown })]),
    ...told.map(({ id: own, at, type, events }) => event(`${requestId}-${own}`, at, { type, of: events })),
  ];
}

function identityMapOf(id: JsonObject | undefined): JsonObject | undefined {
  const { marketingCloudVisitorId: ecid, tntId } = id ?? {};
  if (typeof ecid === "string" && ECID.test(ecid)) return { ECID: [{ id: ecid, primary: true }] };
  return typeof tntId === "string" ? { TNTID: [{ id: tntId, primary: true }] } : undefined;
}

function propositionOf(of: EventTokenContent): JsonObject {
  const [activityId, experienceId] = [String(of.activityId), String(of.experienceId)];
  return {
    id: `AT:${btoa(JSON.stringify({ activityId, experienceId }))}`,
    scope: of.location === "page-load" ? "__view__" : of.location.slice(of.location.indexOf(":") + 1),
    scopeDetails: {
      decisionProvider: "TGT",
      activity: { id: activityId },
      experience: { id: experienceId },
      characteristics: { eventToken: eventToken(of) },
    },
  };
}

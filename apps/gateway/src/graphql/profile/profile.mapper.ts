import type { ProfileView } from "@tessera/hub";
import type { StoredEvent } from "@tessera/profile-store";
import { formatInstant, identityOfKey, isObject, type JsonObject } from "@tessera/xdm";
import { type Order, pageOf } from "../page.ts";
import type { Membership, Profile, ProfileEvent, ProfileEventConnection } from "./profile.type.ts";

/** A person as the API tells them; of `hidden` fields not even the provenance is told. */
export function profileOf(
  view: ProfileView,
  hidden: readonly string[],
  asOf?: Date,
): Profile & { readonly asOf?: Date } {
  const { personId, version, identities, attributes, segmentMembership, eventCount } = view;
  const { consents } = attributes;
  return {
    personId,
    version,
    identities,
    attributes,
    provenance: Object.fromEntries(
      Object.entries(view.provenance)
        .filter(([path]) => !hidden.some((field) => path === field || path.startsWith(`${field}.`)))
        .map(([path, { datasetId, owner, at }]) => [
          path,
          { datasetId, identity: identityOfKey(owner), at: formatInstant(at) },
        ]),
    ),
    segmentMembership,
    memberships: membershipsOf(segmentMembership),
    consents: isObject(consents) ? consents : undefined,
    eventCount,
    userActivityRegions: view.userActivityRegions,
    mergePolicyId: view.mergePolicyId,
    ...(asOf && { asOf }),
  };
}

function membershipsOf(map: ProfileView["segmentMembership"]): readonly Membership[] {
  return Object.entries(map).flatMap(([namespace, entries]) =>
    Object.entries(entries).map(([audienceId, { status, lastQualificationTime }]) => ({
      audienceId,
      namespace,
      status,
      at: lastQualificationTime,
    })),
  );
}

/** Which events of a person are wanted. Times are milliseconds. */
export interface EventPage {
  readonly first: number;
  readonly after?: string;
  readonly eventTypes?: readonly string[];
  readonly from?: number;
  readonly to?: number;
  /** What of an event may be seen. */
  readonly visible: (body: JsonObject) => JsonObject;
}

const EVENTS: Order<StoredEvent> = { list: "events", placeOf: ({ at, id }) => [at, id], descending: true };

/** A page of events, newest first. `events` are in (time, id) order. */
export function eventPage(events: readonly StoredEvent[], page: EventPage): ProfileEventConnection {
  const { first, after, eventTypes, from = -Infinity, to = Infinity, visible } = page;
  const wanted = eventTypes === undefined ? undefined : new Set(eventTypes);
  const matching = events
    .filter(({ at, body }) => at >= from && at < to && (wanted?.has(String(body?.["eventType"])) ?? true))
    .toReversed();
  const { edges: found, ...paged } = pageOf(matching, EVENTS, { first, after });
  const edges = found.map(({ cursor, node }) => ({ cursor, node: eventOf(node, visible) }));
  return { ...paged, edges, nodes: edges.map(({ node }) => node) };
}

function eventOf(
  { id, datasetId, at, body: whole }: StoredEvent,
  visible: EventPage["visible"],
): ProfileEvent {
  const body = whole === undefined ? undefined : visible(whole);
  const eventType = body?.["eventType"];
  return {
    id,
    datasetId,
    timestamp: formatInstant(at),
    eventType: typeof eventType === "string" ? eventType : undefined,
    body,
  };
}

import type { ProfileView } from "@tessera/hub";
import type { StoredEvent } from "@tessera/profile-store";
import { formatInstant, identityOfKey, isObject } from "@tessera/xdm";
import type { Membership, Profile, ProfileEvent, ProfileEventConnection } from "./profile.type.ts";

/** A person as the API tells them. */
export function profileOf(view: ProfileView): Profile {
  const { personId, version, identities, attributes, segmentMembership, eventCount } = view;
  const { consents } = attributes;
  return {
    personId,
    version,
    identities,
    attributes,
    provenance: Object.fromEntries(
      Object.entries(view.provenance).map(([path, { datasetId, owner, at }]) => [
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
}

/** A page of events, newest first. `events` are in (time, id) order. */
export function eventPage(events: readonly StoredEvent[], page: EventPage): ProfileEventConnection {
  const { first, after, eventTypes, from = -Infinity, to = Infinity } = page;
  const wanted = eventTypes === undefined ? undefined : new Set(eventTypes);
  const matching = events
    .filter(({ at, body }) => at >= from && at < to && (wanted?.has(String(body?.["eventType"])) ?? true))
    .toReversed();
  const start = after === undefined ? 0 : matching.findIndex((event) => cursorOf(event) === after) + 1;
  const nodes = matching.slice(start, start + first);
  const edges = nodes.map((event) => ({ cursor: cursorOf(event), node: eventOf(event) }));
  return {
    edges,
    nodes: edges.map(({ node }) => node),
    pageInfo: { hasNextPage: start + first < matching.length, endCursor: edges.at(-1)?.cursor },
    totalCount: matching.length,
  };
}

function cursorOf({ at, id }: StoredEvent): string {
  return Buffer.from(`${at}\n${id}`).toString("base64url");
}

function eventOf({ id, datasetId, at, body }: StoredEvent): ProfileEvent {
  const eventType = body?.["eventType"];
  return {
    id,
    datasetId,
    timestamp: formatInstant(at),
    eventType: typeof eventType === "string" ? eventType : undefined,
    body,
  };
}

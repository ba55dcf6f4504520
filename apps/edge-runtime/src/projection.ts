import { findLimit } from "@tessera/guardrails";
import {
  err,
  type Identity,
  identityKey,
  identityOfKey,
  isObject,
  type JsonObject,
  ok,
  parseInstant,
  parseJson,
  type Result,
  type SegmentMembershipEntry,
  type SegmentMembershipMap,
  UPS,
} from "@tessera/xdm";
import type { EdgeProfile, LookupState } from "./edge-profile.ts";
import type { HubPerson } from "./hub-link.ts";

/** Reads a person as the hub sends it, in a lookup's answer or in a projection. `freshAt` stands under `at` there. */
export function parseHubPerson(input: unknown): Result<HubPerson, string> {
  if (!isObject(input)) return err("expected an object");
  const { personId, version, identities } = input;
  if (typeof personId !== "string" || personId === "") return err("personId: expected a non-empty string");
  if (typeof version !== "number" || !Number.isFinite(version)) return err("version: expected a number");
  const time = input["freshAt"] ?? input["at"];
  if (!parseInstant(time).ok) return err("freshAt: expected an ISO 8601 date-time");
  const attributes = parseJson(input["attributes"] ?? {});
  const memberships = parseJson(input["segmentMembership"] ?? {});
  if ("badPath" in attributes || !isObject(attributes.value)) return err("attributes: expected an object");
  if ("badPath" in memberships || !isObject(memberships.value))
    return err("segmentMembership: expected an object");
  return ok({
    personId,
    version,
    identities: parseIdentities(identities),
    attributes: attributes.value as JsonObject,
    segmentMembership: parseMemberships(memberships.value),
    freshAt: String(time),
  });
}

function parseIdentities(input: unknown): readonly Identity[] {
  if (!Array.isArray(input)) return [];
  return (input as unknown[]).flatMap((item) =>
    isObject(item) && typeof item["namespace"] === "string" && typeof item["id"] === "string"
      ? [{ namespace: item["namespace"], id: item["id"] }]
      : [],
  );
}

function parseMemberships(input: Record<string, unknown>): SegmentMembershipMap {
  const map: Record<string, Record<string, SegmentMembershipEntry>> = {};
  for (const [namespace, entries] of Object.entries(input)) {
    if (!isObject(entries)) continue;
    const kept: Record<string, SegmentMembershipEntry> = {};
    for (const [id, entry] of Object.entries(entries)) {
      if (!isObject(entry) || typeof entry["lastQualificationTime"] !== "string") continue;
      const { status, lastQualificationTime, validUntil, version } = entry;
      if (status !== "realized" && status !== "existing" && status !== "exited") continue;
      kept[id] = {
        status,
        lastQualificationTime,
        ...(typeof validUntil === "string" ? { validUntil } : {}),
        ...(typeof version === "string" || typeof version === "number" ? { version: String(version) } : {}),
      };
    }
    map[namespace] = kept;
  }
  return map;
}

/** How long the edge goes on asking what became of identities that were brought together, in milliseconds. */
export const JOIN_MS = 10_000;

/**
 * The profile with the hub's word taken in; `undefined` when the held word is as new or newer (same person, version
 * not higher). For each audience the later change counts: what the edge decided after the hub looked stays. When the
 * identity now belongs to another person, nothing decided for the former one stays.
 */
export function applyHubPerson(
  held: EdgeProfile,
  person: HubPerson,
  lookup: LookupState,
): EdgeProfile | undefined {
  const { hub } = held;
  const samePerson = hub === undefined || hub.personId === person.personId;
  if (hub !== undefined && samePerson && person.version <= hub.version) return undefined;
  if (!samePerson && person.freshAt < hub.freshAt) return undefined;
  const { own: _stale, ...rest } = held;
  const identities = samePerson
    ? mergeIdentities(person.identities, held.identities)
    : mergeIdentities(person.identities, [identityOfKey(held.key)]);
  return {
    ...rest,
    hub: {
      personId: person.personId,
      version: person.version,
      attributes: person.attributes,
      segmentMembership: person.segmentMembership,
      freshAt: person.freshAt,
    },
    identities,
    lookup: isJoinOpen(held, person, lookup.at) ? held.lookup : lookup,
    memberships: samePerson ? mergeMemberships(held, person) : { ...person.segmentMembership[UPS] },
  };
}

/** Whether the hub's word does not hold yet what was brought together on this edge a moment ago. */
function isJoinOpen({ lookup, identities }: EdgeProfile, person: HubPerson, now: number): boolean {
  if (lookup.outcome !== "joined" || now - lookup.at >= JOIN_MS) return false;
  const known = new Set(person.identities.map(identityKey));
  return identities.some((identity) => !known.has(identityKey(identity)));
}

function mergeMemberships(held: EdgeProfile, person: HubPerson): EdgeProfile["memberships"] {
  const said = person.segmentMembership[UPS] ?? {};
  const saidBefore = held.hub?.segmentMembership[UPS] ?? {};
  const memberships: Record<string, SegmentMembershipEntry> = {};
  for (const id in held.memberships) {
    const own = held.memberships[id];
    if (own !== undefined && (Object.hasOwn(said, id) || !Object.hasOwn(saidBefore, id)))
      memberships[id] = own;
  }
  for (const id in said) {
    const entry = said[id];
    const own = memberships[id];
    if (entry === undefined) continue;
    if (own === undefined || entry.lastQualificationTime >= own.lastQualificationTime)
      memberships[id] = entry;
  }
  return memberships;
}

const MAX_IDENTITIES = findLimit("identity.graph-identities").value;

/** Both lists, each identity once, at most as many as a person can have. */
export function mergeIdentities(first: readonly Identity[], more: readonly Identity[]): readonly Identity[] {
  const added = more.filter(
    ({ namespace, id }) => !first.some((held) => held.id === id && held.namespace === namespace),
  );
  return added.length === 0 ? first : [...first, ...added].slice(0, MAX_IDENTITIES);
}

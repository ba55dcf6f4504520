import {
  canonicalJson,
  digest,
  formatInstant,
  type Identity,
  identityOfKey,
  type JsonObject,
  type JsonValue,
  type SegmentMembershipMap,
  type AudienceDefinition,
} from "@tessera/xdm";
import { activeAt } from "@tessera/destinations";
import { normalIdentity } from "@tessera/identity-graph";
import { mergeAttributes, type HubStore, type PersonState } from "@tessera/profile-store";
import type { Configuration } from "./configuration.ts";
import type { LiveDestination } from "./destination-lifecycle.ts";
import { membershipsOf, personAt } from "./profile-view.ts";

/** All the definitions an edge works by, in one version. */
export interface EdgeDefinitions {
  /** Changes whenever anything in it does. */
  readonly version: string;
  readonly organisation: string;
  readonly sandbox: string;
  readonly datastreams: readonly JsonValue[];
  readonly audiences: readonly AudienceDefinition[];
  readonly destinations: readonly JsonObject[];
  readonly activities: readonly JsonValue[];
  /** What Audience Manager's endpoints work by: data sources, traits, segments, destinations; `{}` before it was set. */
  readonly audienceManager: JsonObject;
  readonly linking: JsonObject;
}

/** A person as an edge keeps them. */
export interface EdgeProjection {
  readonly personId: string;
  readonly version: number;
  readonly identities: readonly Identity[];
  readonly attributes: JsonObject;
  readonly segmentMembership: SegmentMembershipMap;
  /** ISO 8601: the moment this holds for. */
  readonly at: string;
}

/** What edge definitions are made from. */
export interface EdgeSources {
  readonly store: HubStore;
  readonly configuration: Configuration;
  readonly destinations: ReadonlyMap<string, LiveDestination>;
  readonly organisation: string;
  readonly sandbox: string;
  /** Milliseconds: audiences whose time it is not are left out. */
  readonly now: number;
}

/** The datastream a sandbox has before any was configured: all services on, for every page. */
const OPEN_DATASTREAM: JsonObject = {
  id: "default",
  name: "Default datastream",
  services: {
    platform: { eventDatasets: ["web"], edgeSegmentation: true, personalizationDestinations: true },
    target: { enabled: true },
    audienceManager: { cookieDestinations: true, urlDestinations: true },
  },
};

/** Gathers what the edges of a sandbox work by. */
export async function edgeDefinitions(sources: EdgeSources): Promise<EdgeDefinitions> {
  const { store, configuration, destinations, organisation, sandbox } = sources;
  const [datastreams, activities, audienceManager] = await Promise.all([
    store.documents("datastream"),
    store.documents("activity"),
    store.document("audienceManager", "current"),
  ]);
  const definitions: Omit<EdgeDefinitions, "version"> = {
    organisation,
    sandbox,
    datastreams: datastreams.length === 0 ? [OPEN_DATASTREAM] : datastreams.map(({ body }) => body),
    audiences: [...configuration.audiences.values()]
      .filter(({ status, evaluation }) => status === "published" && evaluation === "edge")
      // Edges hold profiles under one policy only: an audience of another one is not evaluated there.
      .filter(
        ({ mergePolicyId = configuration.edgePolicy.id }) => mergePolicyId === configuration.edgePolicy.id,
      )
      .map(({ id, name, expression, evaluation, version, mergePolicyId, excludeOptOut }) => ({
        id,
        name,
        expression,
        evaluation,
        version,
        ...(mergePolicyId === undefined ? {} : { mergePolicyId }),
        ...(excludeOptOut === undefined ? {} : { excludeOptOut }),
      })),
    destinations: [...destinations.values()]
      .filter(({ configured }) => configured.kind === "profile-request")
      .map((destination) => edgeDestination(destination, formatInstant(sources.now))),
    activities: activities.map(({ body }) => body),
    audienceManager: withoutId(audienceManager?.body ?? {}),
    linking: {
      namespaces: configuration.ruleSettings.namespaces.map(({ namespace, priority }) => ({
        namespace,
        priority,
      })),
    },
  };
  return { version: digest(canonicalJson(definitions as unknown as JsonValue)), ...definitions };
}

function withoutId({ id: _id, ...rest }: JsonObject): JsonObject {
  return rest;
}

/** The person an identity belongs to, as an edge keeps them. */
export async function edgeLookup(
  store: HubStore,
  identity: Identity,
  { configuration, now }: { readonly configuration: Configuration; readonly now: number },
): Promise<EdgeProjection | undefined> {
  const person = await personAt(store, normalIdentity(identity, configuration.registry));
  return person === undefined ? undefined : edgeProjection(person, configuration, now);
}

/** What an edge keeps of a person, under the merge policy that is active on edge. */
export function edgeProjection(
  person: PersonState,
  configuration: Configuration,
  now: number,
): EdgeProjection {
  return {
    personId: person.personId,
    version: person.version,
    identities: person.identities.map(identityOfKey),
    attributes: mergeAttributes(person.fragments, configuration.edgePolicy),
    segmentMembership: membershipsOf(person, configuration),
    at: formatInstant(now),
  };
}

/** What the page is to do for the members of a cookie or URL destination. */
function pushOf(slug: string, settings: JsonObject): JsonObject {
  const { cookieName, domain = "", ttlDays = 30, url, hideReferrer = true, ttlMinutes = 1440 } = settings;
  if (slug === "cookie" && cookieName !== undefined) return { cookie: { name: cookieName, domain, ttlDays } };
  return slug === "url" && url !== undefined ? { url: { url, hideReferrer, ttlMinutes } } : {};
}

function edgeDestination({ stored, configured, dataflows }: LiveDestination, now: string): JsonObject {
  const { integrationAlias, datastreamId, workspace } = stored.settings;
  const mapped = dataflows.filter(({ enabled }) => enabled).map((dataflow) => activeAt(dataflow, now));
  return {
    id: stored.id,
    kind: configured.slug.includes("target") ? "target" : configured.slug,
    name: stored.name,
    ...(typeof integrationAlias === "string" ? { alias: integrationAlias } : {}),
    ...(typeof datastreamId === "string" ? { datastreamId } : {}),
    ...(typeof workspace === "string" ? { workspace } : {}),
    ...pushOf(configured.slug, stored.settings),
    audienceIds: [...new Set(mapped.flatMap(({ audiences }) => audiences.map(({ id }) => id)))],
    attributes: mapped.flatMap(({ mapping }) =>
      mapping.flatMap(({ source, target }) =>
        source.kind === "attribute" ? [{ source: source.path, target }] : [],
      ),
    ),
  };
}

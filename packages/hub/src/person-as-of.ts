import type { HubStore, PersonState } from "@tessera/profile-store";
import { type Identity, identityKey } from "@tessera/xdm";
import type { Ingestion } from "./ingest.ts";
import { loadCluster, observationOfTruth } from "./load-cluster.ts";
import { rederive } from "./rederive.ts";

/**
 * A person as they stood at a past moment (ms): from the events, records and decisions up to then, under today's
 * definitions. Undefined when nothing was known of the identity yet.
 */
export async function personAsOf(
  store: HubStore,
  identity: Identity,
  { ingestion, at }: { readonly ingestion: Ingestion; readonly at: number },
): Promise<PersonState | undefined> {
  const key = identityKey(identity);
  const cluster = await loadCluster({ store, keys: [key], decisions: ingestion.configuration.decisions });
  const events = cluster.events.filter((event) => event.at <= at);
  const records = cluster.records.filter((record) => record.at <= at);
  const observations = [...events, ...records].map(observationOfTruth);
  if (!observations.some(({ identities }) => identities.some((one) => identityKey(one) === key)))
    return undefined;
  const { configuration } = ingestion;
  const past: Ingestion = {
    ...ingestion,
    activate: () => [],
    now: at,
    configuration: { ...configuration, decisions: configuration.decisions.filter(({ t }) => t <= at) },
  };
  const commit = rederive({ ...cluster, persons: new Map(), events, records, observations }, past);
  for (const write of commit.persons) {
    if (write.kind === "put" && write.person.identities.includes(key)) return write.person;
  }
  return undefined;
}

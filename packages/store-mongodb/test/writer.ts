// A process that adds to shared persons, one event at a time, until it has added as many as it was told.
import { writeSync } from "node:fs";
import type { HubCommit, PersonState } from "@tessera/profile-store";
import { MongoStoreError, openMongoStore } from "../src/index.ts";

const [, , uri = "", database = "", name = "", count = "0", persons = "3"] = process.argv;
const store = await openMongoStore({ uri, database });

function commitOf(person: PersonState | undefined, owner: string, id: string): HubCommit {
  const version = (person?.version ?? 0) + 1;
  return {
    persons: [
      {
        kind: "put",
        fragmentsChanged: true,
        person: {
          personId: owner,
          version,
          identities: [owner],
          graph: {},
          fragments: [{ datasetId: "crm", owner, body: { version }, at: version }],
          memberships: [],
          eventCount: version,
          evaluatedAt: version,
        },
      },
    ],
    events: [{ id, datasetId: "web", owner, identities: [owner], at: version, ingestedAt: version }],
    records: [],
    memberships: [
      {
        personId: owner,
        namespace: "ups",
        audienceId: id,
        from: "none",
        to: "realized",
        at: "x",
        version: 1,
      },
    ],
    outbox: [{ id, destinationId: "d", personId: owner, at: version, body: {} }],
    quarantine: [],
    documents: [],
    counters: { events: 1 },
  };
}

/** False where the same may be tried again: what a killed process left open is in the way for up to a minute. */
async function committed(commit: HubCommit): Promise<boolean> {
  try {
    return (await store.commit(commit)).ok;
  } catch (error) {
    if (error instanceof MongoStoreError && error.retryable) return false;
    throw error;
  }
}

for (let done = 0; done < Number(count);) {
  const owner = `P:${done % Number(persons)}`;
  const id = `${name} ${done}`;
  const seen = await store.load([owner], [id]);
  // An unknown outcome of an earlier try may have been a success: then the event is there.
  const stored = seen.knownEvents.has(id);
  const ok = stored || (await committed(commitOf(seen.persons.get(owner), owner, id)));
  if (!ok) continue;
  done += 1;
  writeSync(1, `${id}\n`);
}
await store.close();

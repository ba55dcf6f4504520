// A process that writes until it is killed. Each line it prints is a batch that the store acknowledged.
import { writeSync } from "node:fs";
import type { HubCommit, HubStore, PersonState } from "@tessera/profile-store";
import { openSqliteStore } from "../src/index.ts";

const EVENTS = 20;

/** Batch `batch` of one writer: a person's next version, and something of every other kind that goes with it. */
function batchOf(writer: string, person: PersonState | undefined): HubCommit {
  const batch = (person?.version ?? 0) + 1;
  const owner = `W:${writer}`;
  const at = batch * 1000;
  return {
    persons: [
      {
        kind: "put",
        fragmentsChanged: true,
        person: {
          personId: writer,
          version: batch,
          identities: batch % 2 === 0 ? [`V:${writer}`, owner] : [owner],
          graph: { batch },
          fragments: [{ datasetId: "crm", owner, body: { batch }, at }],
          memberships: [
            { namespace: "ups", audienceId: `a${batch % 7}`, status: "realized", at, version: 1 },
          ],
          eventState: Uint8Array.of(batch % 256),
          eventCount: batch * EVENTS,
          evaluatedAt: at,
        },
      },
    ],
    events: Array.from({ length: EVENTS }, (_, index) => ({
      id: `${writer} ${batch} ${index}`,
      datasetId: "web",
      owner,
      identities: [owner],
      at: at + index,
      ingestedAt: at,
      body: {
        _id: `${writer} ${batch} ${index}`,
        timestamp: new Date(at).toISOString(),
        text: "x".repeat(200),
      },
    })),
    records: [
      {
        id: `${batch}`,
        datasetId: "crm",
        owner,
        identities: [owner],
        operation: "upsert",
        body: {},
        at,
        ordinal: 0,
      },
    ],
    memberships: [
      {
        personId: writer,
        namespace: "ups",
        audienceId: `a${batch % 7}`,
        from: "none",
        to: "realized",
        at: new Date(at).toISOString(),
        version: 1,
      },
    ],
    outbox: [{ id: `${writer} ${batch}`, destinationId: writer, personId: writer, at, body: { batch } }],
    quarantine: [],
    documents: [],
    counters: { [writer]: 1 },
  };
}

async function write(store: HubStore, writer: string): Promise<void> {
  for (;;) {
    const person = (await store.load([`W:${writer}`], [])).persons.get(writer);
    const result = await store.commit(batchOf(writer, person));
    if (!result.ok) throw new Error(`Refused: ${JSON.stringify(result.error)}`);
    writeSync(1, `${writer} ${(person?.version ?? 0) + 1}\n`);
  }
}

const store = openSqliteStore({ path: process.argv[2] ?? "", recentEvents: 300 });
await Promise.all(["w1", "w2", "w3", "w4"].map((writer) => write(store, writer)));

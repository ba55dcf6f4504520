// The persons of batch.ts, kept in a folder so that a later run finds them: a store, and a DuckDB file of the same.
import { appendFileSync, existsSync, mkdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DuckDBInstance } from "@duckdb/node-api";
import type { StoredItem } from "@tessera/profile-store";
import { openSqliteStore } from "@tessera/store-sqlite";
import type { ExperienceEvent, IdentityKey, JsonObject } from "@tessera/xdm";
import { columnOf } from "./batch-sql.ts";
import { DOMAINS, NOW, NUMBERS, type Profile, profiles } from "./workload.ts";

const PAGE = 1_000;
const PATHS = [...Object.keys(DOMAINS), ...Object.keys(NUMBERS), "person.email"];

/** Where the data lie. */
export interface BatchData {
  readonly store: string;
  readonly duckdb: string;
}

/** Makes the data of so many persons, or finds them. */
export async function batchData(persons: number): Promise<BatchData> {
  const folder = join(tmpdir(), `tessera-bench-batch-${persons}`);
  const data = { store: join(folder, "store.db"), duckdb: join(folder, "duck.db") };
  const done = join(folder, "done");
  if (existsSync(done)) return data;
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  const csv = { profile: join(folder, "profile.csv"), event: join(folder, "event.csv") };
  const store = openSqliteStore({ path: data.store, synchronous: "normal" });
  for (let first = 1; first <= persons; first += PAGE) {
    const page = profiles(Math.min(PAGE, persons - first + 1), { seed: 1_000 + first });
    await store.importItems(page.flatMap((profile, index) => itemsOf(profile, first + index)));
    appendFileSync(csv.profile, page.map((profile, index) => profileLine(profile, first + index)).join(""));
    appendFileSync(csv.event, page.map((profile, index) => eventLines(profile, first + index)).join(""));
  }
  await store.close();
  await loadDuckDb(data.duckdb, csv);
  for (const file of Object.values(csv)) rmSync(file);
  writeFileSync(done, "");
  return data;
}

/** A person as ingestion leaves them, with all events. */
function itemsOf({ attributes, events }: Profile, number: number): readonly StoredItem[] {
  const owner = `CRMID:${number}` as IdentityKey;
  const stored = events.map((event): StoredItem => {
    const { ts, ...body } = event;
    const id = `${number}-${event._id}`;
    return {
      kind: "event",
      event: {
        id,
        datasetId: "web",
        owner,
        identities: [owner],
        at: ts,
        ingestedAt: NOW,
        body: { ...body, _id: id } as unknown as ExperienceEvent,
      },
    };
  });
  return [
    ...stored,
    {
      kind: "person",
      person: {
        personId: `person-${number}`,
        version: 1,
        identities: [owner],
        graph: {},
        fragments: [{ datasetId: "crm", owner, body: attributes as unknown as JsonObject, at: 1 }],
        memberships: [],
        eventCount: events.length,
        evaluatedAt: 0,
      },
    },
  ];
}

function profileLine({ attributes }: Profile, number: number): string {
  const cells = PATHS.map((path) => {
    const [group = "", name = ""] = path.split(".");
    return String(attributes[group]?.[name]);
  });
  return `${number},${cells.join(",")}\n`;
}

function eventLines({ events }: Profile, number: number): string {
  return events
    .map(({ ts, eventType, category, price }) => `${number},${ts},${eventType},${category},${price}\n`)
    .join("");
}

async function loadDuckDb(
  path: string,
  csv: { readonly profile: string; readonly event: string },
): Promise<void> {
  const instance = await DuckDBInstance.create(path, { threads: "2" });
  const connection = await instance.connect();
  const columns = [
    ...Object.keys(DOMAINS).map((name) => `'${columnOf(name)}': 'VARCHAR'`),
    ...Object.keys(NUMBERS).map((name) => `'${columnOf(name)}': 'INTEGER'`),
    "'person_email': 'VARCHAR'",
  ].join(", ");
  await connection.run(
    `CREATE TABLE profile AS SELECT * FROM read_csv('${csv.profile}', header = false, columns = {'person': 'INTEGER', ${columns}})`,
  );
  await connection.run(
    `CREATE TABLE event AS SELECT * FROM read_csv('${csv.event}', header = false,
       columns = {'person': 'INTEGER', 'ts': 'BIGINT', 'type': 'VARCHAR', 'category': 'VARCHAR', 'price': 'DOUBLE'}) ORDER BY person, ts`,
  );
  await connection.run("CHECKPOINT");
  connection.closeSync();
  instance.closeSync();
}

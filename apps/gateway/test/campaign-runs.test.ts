import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { RunDocuments } from "@tessera/destinations-campaign";
import { runDocumentCases } from "@tessera/destinations-campaign/conformance";
import { createMemoryStore, emptyCommit, type HubStore } from "@tessera/profile-store";
import { openMongoStore } from "@tessera/store-mongodb";
import { openSqliteStore } from "@tessera/store-sqlite";
import { MongoClient } from "mongodb";
import { afterAll, describe, expect, it } from "vitest";

/** The documents of a hub's store keep Campaign's runs, as they keep everything else of a sandbox. */
function runDocumentsOf(store: HubStore): RunDocuments {
  const kind = "campaignRun";
  return {
    read: (id) => store.document(kind, id),
    write: async (id, body, expectedVersion) =>
      (await store.commit({ ...emptyCommit, documents: [{ kind, id, body, expectedVersion }] })).ok,
  };
}

const folder = mkdtempSync(join(tmpdir(), "tessera-runs-"));
const opened: HubStore[] = [];
const uri = process.env["MONGODB_URI"];
let places = 0;
const database = `campaign_runs_${process.pid}`;

/** Ways to make an empty place; each gives what opens it, every time as another process would. */
const STORES: Readonly<Record<string, () => Promise<() => Promise<HubStore>>>> = {
  memory: () => {
    const store = createMemoryStore();
    return Promise.resolve(() => Promise.resolve(store));
  },
  SQLite: () => {
    const path = join(folder, `${(places += 1)}.db`);
    return Promise.resolve(() => Promise.resolve(openSqliteStore({ path })));
  },
  ...(uri !== undefined && {
    MongoDB: () => {
      const sandbox = `s${(places += 1)}`;
      return Promise.resolve(() => openMongoStore({ uri, database, sandbox }));
    },
  }),
};

afterAll(async () => {
  await Promise.all(opened.map((store) => store.close()));
  rmSync(folder, { recursive: true, force: true });
  if (uri === undefined) return;
  const client = await new MongoClient(uri).connect();
  const { databases } = await client.db().admin().listDatabases({ nameOnly: true });
  for (const { name } of databases) if (name.startsWith(database)) await client.db(name).dropDatabase();
  await client.close();
});

it.skipIf(uri !== undefined)("Campaign's runs in MongoDB need MongoDB", ({ skip }) =>
  skip(process.env["MONGODB_ABSENT"] ?? "MONGODB_URI is not set"),
);

describe.each(Object.entries(STORES))("Campaign's runs in %s", (_, makePlace) => {
  /** Opening is asynchronous, a process is not: three are opened ahead, and taken in turns. */
  const cases = runDocumentCases(async () => {
    const open = await makePlace();
    const stores = await Promise.all([open(), open(), open()]);
    opened.push(...stores);
    let turn = 0;
    return () => {
      const store = stores[(turn += 1) % stores.length];
      if (store === undefined) throw new Error("no store");
      return runDocumentsOf(store);
    };
  });
  for (const { name, run } of cases) it(name, run, 30_000);
});

it("outlive the process: what one wrote, one that opens the file later reads", async () => {
  const path = join(folder, "restart.db");
  const before = openSqliteStore({ path });
  await runDocumentsOf(before).write("f/a", { lastSlot: "2026-02-01T06:00:00.000Z" }, 0);
  await before.close();
  const after = openSqliteStore({ path });
  opened.push(after);
  expect(await runDocumentsOf(after).read("f/a")).toMatchObject({
    version: 1,
    body: { lastSlot: "2026-02-01T06:00:00.000Z" },
  });
});

import { readFileSync } from "node:fs";
import type { HubCommit, PersonWrite, StoredEvent } from "@tessera/profile-store";
import { MongoClient } from "mongodb";
import { expect, test } from "vitest";
import { dropMongoStore, MONGO_STORE_ERRORS, openMongoStore } from "../src/index.ts";
import { withMongo } from "./deployment.ts";

const NOTHING: HubCommit = {
  persons: [],
  events: [],
  records: [],
  memberships: [],
  outbox: [],
  quarantine: [],
  documents: [],
  counters: {},
};

test("an unreachable deployment is a failure that can be tried again", async () => {
  const opening = openMongoStore({
    uri: "mongodb://127.0.0.1:1/?replicaSet=rs0",
    database: "x",
    clientOptions: { serverSelectionTimeoutMS: 100 },
  });
  await expect(opening).rejects.toMatchObject({ code: "mongodb.unavailable", retryable: true });
});

test("a sandbox that cannot be part of a database name is refused", async () => {
  const opening = openMongoStore({ uri: "mongodb://127.0.0.1:1", database: "x", sandbox: "a/b" });
  await expect(opening).rejects.toMatchObject({ code: "mongodb.sandbox" });
});

test("the README lists every error code with its meaning", () => {
  const readme = readFileSync(new URL("../README.md", import.meta.url), "utf8");
  for (const [code, { meaning, retryable }] of Object.entries(MONGO_STORE_ERRORS)) {
    expect(readme).toContain(`| \`${code}\` | ${meaning} | ${retryable ? "yes" : "no"} |`);
  }
});

test("the README names the shard keys that are set", () => {
  const readme = readFileSync(new URL("../README.md", import.meta.url), "utf8");
  const script = readFileSync(new URL("../deploy/shard-collections.js", import.meta.url), "utf8");
  const keys = [...script.matchAll(/^ {2}(\w+): \{ (.+) \},$/gm)];
  expect(keys.map(([, collection]) => collection)).toHaveLength(7);
  for (const [, collection, key] of keys)
    expect(readme).toMatch(new RegExp(`^\\| \`${collection}\` \\|.*\\| \`\\{${key}\\}\` \\|`, "m"));
});

withMongo("opening", ({ uri, fresh, open }) => {
  test("sandboxes share nothing", async () => {
    const database = fresh();
    const dev = await open({ database, sandbox: "dev" });
    const prod = await open({ database, sandbox: "prod" });
    await dev.commit({ ...NOTHING, counters: { n: 1 } });
    expect([await dev.counters(), await prod.counters()]).toEqual([{ n: 1 }, {}]);
    await Promise.all([dev.close(), prod.close()]);
  });

  test("a dropped sandbox is empty, and the others stay", async () => {
    const database = fresh();
    for (const sandbox of ["dev", "prod"]) {
      const store = await open({ database, sandbox });
      await store.commit({ ...NOTHING, counters: { n: 1 } });
      await store.close();
    }
    await dropMongoStore({ uri, database, sandbox: "dev" });
    const [dev, prod] = [await open({ database, sandbox: "dev" }), await open({ database, sandbox: "prod" })];
    expect([await dev.counters(), await prod.counters()]).toEqual([{}, { n: 1 }]);
    await Promise.all([dev.close(), prod.close()]);
  });

  test("opening twice changes nothing, and a newer schema is refused", async () => {
    const database = fresh();
    const first = await open({ database });
    await first.commit({ ...NOTHING, counters: { n: 1 } });
    await first.close();
    const second = await open({ database });
    expect(await second.counters()).toEqual({ n: 1 });
    await second.close();
    const client = await new MongoClient(uri).connect();
    const values = client.db(database).collection<{ _id: string; value: number }>("values");
    await values.updateOne({ _id: "schema" }, { $set: { value: 99 } });
    await client.close();
    await expect(open({ database })).rejects.toMatchObject({ code: "mongodb.newer" });
  });

  test("a batch of 500 events on 350 persons is a handful of calls, the first time and later", async () => {
    const calls: string[] = [];
    const store = await open({
      clientOptions: {
        mongodbLogComponentSeverities: { command: "debug" },
        mongodbLogPath: {
          write: (log) => {
            if (log["message"] === "Command started") calls.push(String(log["commandName"]));
          },
        },
      },
    });
    const owners = Array.from({ length: 350 }, (_, index) => `A:${index}`);
    for (const version of [1, 2]) {
      calls.length = 0;
      const events = Array.from({ length: 500 }, (_, index) =>
        eventOf(`e${version}-${index}`, owners[index % 350] ?? ""),
      );
      const seen = await store.load(
        owners,
        events.map((event) => event.id),
      );
      expect(seen.persons.size).toBe(version === 1 ? 0 : 350);
      expect(calls.length).toBeLessThanOrEqual(4);
      const persons = owners.map((owner) => put(owner, version));
      expect(await store.commit({ ...NOTHING, persons, events, counters: { n: 1 } })).toEqual({ ok: true });
      expect(calls.length).toBeLessThanOrEqual(version === 1 ? 12 : 9);
    }
    await store.close();
  });
});

function eventOf(id: string, owner: string): StoredEvent {
  return { id, datasetId: "web", owner, identities: [owner], at: 1, ingestedAt: 1 };
}

function put(owner: string, version: number): PersonWrite {
  return {
    kind: "put",
    fragmentsChanged: version === 1,
    person: {
      personId: owner,
      version,
      identities: [owner],
      graph: {},
      fragments: [{ datasetId: "crm", owner, body: { a: 1 }, at: 0 }],
      memberships: [],
      eventCount: version,
      evaluatedAt: 0,
    },
  };
}

import type { CommitResult, HubCommit } from "../hub-store.ts";
import { expectSame, expectThat } from "./expect.ts";
import {
  accepted,
  changeOf,
  commitOf,
  entryOf,
  eventOf,
  fullPerson,
  NOON,
  personOf,
  put,
  recordOf,
} from "./samples.ts";
import type { HubStoreCase } from "./hub-store-case.ts";

const EMPTY = { events: 0, records: 0, persons: 0, identities: 0 };

/** Everything at once, so that a refusal has something of each kind to hold back. */
function fullCommit(): HubCommit {
  return commitOf({
    persons: [put(fullPerson("p1", ["CRMID:1", "ECID:1"])), put(personOf("p2", ["ECID:2"]))],
    events: [eventOf("e1", "ECID:1"), eventOf("e2", "ECID:2")],
    records: [recordOf("CRMID:1", { points: 7 })],
    memberships: [changeOf("p1", "a", "realized")],
    outbox: [entryOf("o1", "d1")],
    quarantine: [
      { id: "q1", datasetId: "web", kind: "event", code: "x", message: "m", at: NOON, body: { a: 1 } },
    ],
    documents: [{ kind: "audience", id: "a", expectedVersion: 0, body: { name: "A" } }],
    counters: { persons: 2, "audience:a": 1 },
  });
}

/** Laws of `commit`: all or nothing, and guarded. */
export const commitCases: readonly HubStoreCase[] = [
  {
    name: "a commit is there as a whole once it resolved",
    run: async (store) => {
      const commit = fullCommit();
      expectSame("commit", await store.commit(commit), { ok: true });
      const seen = await store.load(["CRMID:1", "ECID:2", "ECID:9"], ["e1", "e2", "e9"]);
      expectSame("persons of the identities", [...seen.personOf].sort(), [
        ["CRMID:1", "p1"],
        ["ECID:2", "p2"],
      ]);
      expectSame("known events", [...seen.knownEvents].sort(), ["e1", "e2"]);
      expectSame("person read back", seen.persons.get("p1"), fullPerson("p1", ["CRMID:1", "ECID:1"]));
      expectSame("events", await store.events(["ECID:1"]), [commit.events[0]]);
      expectSame("records", await store.records(["CRMID:1"]), commit.records);
      expectSame("membership log", await store.membershipLog("p1"), commit.memberships);
      expectSame("outbox", await store.outbox("d1", 0, 10), [
        { ...commit.outbox[0], sequence: (await store.outbox("d1", 0, 1))[0]?.sequence },
      ]);
      expectSame("quarantine", await store.quarantined(10), commit.quarantine);
      expectSame("document", await store.document("audience", "a"), {
        kind: "audience",
        id: "a",
        version: 1,
        body: { name: "A" },
      });
      expectSame("counters", await store.counters(), { "audience:a": 1, persons: 2 });
      expectSame("totals", await store.totals(), { events: 2, records: 1, persons: 1, identities: 3 });
    },
  },
  {
    name: "a commit with one conflicting person writes nothing of itself",
    run: async (store) => {
      await accepted(store, { persons: [put(personOf("p2", ["ECID:old"]))] });
      const result = await store.commit(fullCommit());
      expectSame("the refusal names the person", result, {
        ok: false,
        error: { code: "conflict", persons: ["p2"], events: [], documents: [] },
      });
      const seen = await store.load(["CRMID:1", "ECID:1", "ECID:2", "ECID:old"], ["e1", "e2"]);
      expectSame("identities after the refusal", [...seen.personOf], [["ECID:old", "p2"]]);
      expectSame("events after the refusal", seen.knownEvents.size, 0);
      expectSame("events of the owner", await store.events(["ECID:1", "ECID:2"]), []);
      expectSame("records", await store.records(["CRMID:1"]), []);
      expectSame("log", await store.membershipLog("p1"), []);
      expectSame("outbox", await store.outbox("d1", 0, 10), []);
      expectSame("quarantine", await store.quarantined(10), []);
      expectSame("document", await store.document("audience", "a"), undefined);
      expectSame("counters", await store.counters(), {});
      expectSame("totals", await store.totals(), { ...EMPTY, identities: 1 });
    },
  },
  {
    name: "a version guards every person, new, put and removed",
    run: async (store) => {
      const refused = async (what: string, persons: HubCommit["persons"]): Promise<void> => {
        const result = await store.commit(commitOf({ persons }));
        expectSame(what, result, {
          ok: false,
          error: { code: "conflict", persons: ["p1"], events: [], documents: [] },
        });
      };
      await refused("version 2 of a person that is not there", [
        put(personOf("p1", ["A:1"], { version: 2 })),
      ]);
      await refused("removing a person that is not there", [
        { kind: "remove", personId: "p1", expectedVersion: 1 },
      ]);
      await accepted(store, { persons: [put(personOf("p1", ["A:1"]))] });
      await refused("version 1 twice", [put(personOf("p1", ["A:1"]))]);
      await refused("a gap", [put(personOf("p1", ["A:1"], { version: 3 }))]);
      await accepted(store, { persons: [put(personOf("p1", ["A:1"], { version: 2 }))] });
      await refused("removing an old version", [{ kind: "remove", personId: "p1", expectedVersion: 1 }]);
      await accepted(store, { persons: [{ kind: "remove", personId: "p1", expectedVersion: 2 }] });
      await refused("going on after a removal", [put(personOf("p1", ["A:1"], { version: 3 }))]);
      await accepted(store, { persons: [put(personOf("p1", ["A:1"]))] });
    },
  },
  {
    name: "a version guards every document",
    run: async (store) => {
      const write = (expectedVersion: number, body?: { readonly n: number }): HubCommit =>
        commitOf({
          documents: [{ kind: "k", id: "x", expectedVersion, ...(body === undefined ? {} : { body }) }],
        });
      const conflict = {
        ok: false,
        error: { code: "conflict", persons: [], events: [], documents: ["x"] },
      };
      expectSame("editing what is not there", await store.commit(write(1, { n: 1 })), conflict);
      expectSame("first write", await store.commit(write(0, { n: 1 })), { ok: true });
      expectSame("first write again", await store.commit(write(0, { n: 2 })), conflict);
      expectSame("second version", await store.commit(write(1, { n: 2 })), { ok: true });
      expectSame("document", await store.document("k", "x"), {
        kind: "k",
        id: "x",
        version: 2,
        body: { n: 2 },
      });
      expectSame("deleting an old version", await store.commit(write(1)), conflict);
      expectSame("deleting", await store.commit(write(2)), { ok: true });
      expectSame("deleted", await store.document("k", "x"), undefined);
      expectSame("written anew", await store.commit(write(0, { n: 9 })), { ok: true });
      expectSame("version starts again", (await store.document("k", "x"))?.version, 1);
    },
  },
  {
    name: "an event id is stored once, whoever owns it",
    run: async (store) => {
      await accepted(store, { events: [eventOf("e1", "A:1")] });
      const again = commitOf({ events: [eventOf("e2", "A:1"), eventOf("e1", "B:1")], counters: { n: 1 } });
      expectSame("a known event id is a conflict", await store.commit(again), {
        ok: false,
        error: { code: "conflict", persons: [], events: ["e1"], documents: [] },
      });
      expectSame("nothing of the refused commit", await store.events(["A:1", "B:1"]), [eventOf("e1", "A:1")]);
      const twice = await store.commit(commitOf({ events: [eventOf("e3", "A:1"), eventOf("e3", "A:1", 5)] }));
      expectSame("an event id twice in one commit is a conflict", twice, {
        ok: false,
        error: { code: "conflict", persons: [], events: ["e3"], documents: [] },
      });
      expectSame("counters", await store.counters(), {});
      expectSame("totals", await store.totals(), { ...EMPTY, events: 1 });
    },
  },
  {
    name: "all conflicts of a commit are named together",
    run: async (store) => {
      await accepted(store, {
        persons: [put(personOf("p1", ["A:1"]))],
        events: [eventOf("e1", "A:1")],
        documents: [{ kind: "k", id: "x", expectedVersion: 0, body: {} }],
      });
      const result = await store.commit(
        commitOf({
          persons: [put(personOf("p9", ["A:9"])), put(personOf("p1", ["A:1"]))],
          events: [eventOf("e9", "A:1"), eventOf("e1", "A:1")],
          documents: [{ kind: "k", id: "x", expectedVersion: 0, body: {} }],
        }),
      );
      expectSame("refusal", result, {
        ok: false,
        error: { code: "conflict", persons: ["p1"], events: ["e1"], documents: ["x"] },
      });
    },
  },
  {
    name: "two writers on one person never lose an update",
    run: async (store) => {
      await accepted(store, { persons: [put(personOf("p1", ["A:1"]))] });
      let retries = 0;
      const writer = async (name: string): Promise<void> => {
        for (let round = 0; round < 10; round += 1) {
          for (;;) {
            const person = (await store.load(["A:1"], [])).persons.get("p1");
            if (person === undefined) throw new Error("the person vanished");
            const next = {
              ...person,
              version: person.version + 1,
              eventCount: person.eventCount + 1,
            };
            const result: CommitResult = await store.commit(
              commitOf({ persons: [put(next, false)], events: [eventOf(`${name}-${round}`, "A:1")] }),
            );
            if (result.ok) break;
            expectSame("the loser learns who changed", result.error.persons, ["p1"]);
            retries += 1;
            expectThat("two writers end", retries < 10_000);
          }
        }
      };
      await Promise.all(["a", "b", "c", "d"].map(writer));
      const [person] = await store.persons(["p1"]);
      expectSame("every update counted", [person?.eventCount, person?.version], [40, 41]);
      expectSame("every event kept", (await store.events(["A:1"])).length, 40);
    },
  },
  {
    name: "commits issued together are each all or nothing",
    run: async (store) => {
      const results = await Promise.all(
        Array.from({ length: 30 }, (_, index) =>
          store.commit(
            commitOf({
              persons: [put(personOf(`p${index % 10}`, [`A:${index % 10}`], { eventCount: 1 }))],
              events: [eventOf(`e${index}`, `A:${index % 10}`)],
              counters: { accepted: 1 },
            }),
          ),
        ),
      );
      expectSame("one of three wins for each person", results.filter((result) => result.ok).length, 10);
      expectSame("counters", await store.counters(), { accepted: 10 });
      expectSame("totals", await store.totals(), { events: 10, records: 0, persons: 10, identities: 10 });
      const owners = await store.owners("", 100);
      expectSame("events", (await store.events(owners)).length, 10);
    },
  },
  {
    name: "an identity belongs to one person: another cannot take it unless its holder lets go in the same commit",
    run: async (store) => {
      await accepted(store, { persons: [put(personOf("p1", ["A:1", "A:2"]))] });
      const conflict = await store.commit(commitOf({ persons: [put(personOf("p2", ["A:2", "A:3"]))] }));
      expectSame("taking an identity", conflict, {
        ok: false,
        error: { code: "conflict", persons: ["p2"], events: [], documents: [] },
      });
      await accepted(store, {
        persons: [put(personOf("p2", ["A:2", "A:3"])), put(personOf("p1", ["A:1"], { version: 2 }))],
      });
      expectSame("index", [...(await store.load(["A:1", "A:2", "A:3"], [])).personOf].sort(), [
        ["A:1", "p1"],
        ["A:2", "p2"],
        ["A:3", "p2"],
      ]);
      const racers = await Promise.all(
        ["p7", "p8", "p9"].map((id) => store.commit(commitOf({ persons: [put(personOf(id, ["B:1"]))] }))),
      );
      expectSame("one of three newcomers gets it", racers.filter((result) => result.ok).length, 1);
    },
  },
];

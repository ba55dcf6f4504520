import { expectSame, expectThat } from "./expect.ts";
import {
  accepted,
  changeOf,
  entryOf,
  eventOf,
  fragmentOf,
  fullPerson,
  HOSTILE,
  NOON,
  personOf,
  put,
  recordOf,
} from "./samples.ts";
import type { HubStoreCase } from "./hub-store-case.ts";

/** Laws of persons: the identity index, successors, timers, scans and what is derived. */
export const personCases: readonly HubStoreCase[] = [
  {
    name: "a person is read as it was written, every field and every version",
    run: async (store) => {
      const first = fullPerson("p1", ["A:1", "B:1"]);
      await accepted(store, { persons: [put(first)] });
      expectSame("every field there", await store.persons(["p1"]), [first]);
      const { eventState: _state, nextChangeAt: _next, regions: _regions, ...rest } = first;
      const second = { ...rest, version: 2, memberships: [], eventCount: 0, evaluatedAt: -5 };
      await accepted(store, { persons: [put(second, false)] });
      const [read] = await store.persons(["p1"]);
      expectSame("optional fields gone, fragments kept", read, second);
      for (const field of ["eventState", "nextChangeAt", "regions"]) {
        expectThat(`${field} is absent, not undefined`, read !== undefined && !Object.hasOwn(read, field));
      }
      const third = {
        ...second,
        version: 3,
        fragments: [],
        graph: { deep: [{ a: null, b: [1.5, "x", true] }] },
      };
      await accepted(store, { persons: [put(third)] });
      expectSame("fragments gone", await store.persons(["p1"]), [third]);
    },
  },
  {
    name: "event state is bytes, of any length",
    run: async (store) => {
      const states = [0, 1, 255, 70_000].map((length) =>
        Uint8Array.from({ length }, (_, index) => (index * 31) % 256),
      );
      await accepted(store, {
        persons: states.map((eventState, index) =>
          put(personOf(`p${index}`, [`A:${index}`], { eventState })),
        ),
      });
      for (const [index, eventState] of states.entries()) {
        const [person] = await store.persons([`p${index}`]);
        expectSame(`state of ${eventState.length} bytes`, person?.eventState, eventState);
        expectThat("it is a Uint8Array", person?.eventState instanceof Uint8Array);
      }
    },
  },
  {
    name: "a fragment that is a record's body, and one that outlives it, read as written",
    run: async (store) => {
      const body = { name: "Ada", tags: ["x", "y"] };
      const record = recordOf("A:1", body);
      const fragment = { datasetId: "crm", owner: "A:1", body, at: record.at };
      const person = personOf("p1", ["A:1"], { fragments: [fragment] });
      await accepted(store, { persons: [put(person)], records: [record] });
      expectSame("shared body", (await store.persons(["p1"]))[0]?.fragments, [fragment]);
      const [read] = await store.persons(["p1"]);
      const other = fragmentOf("loyalty", "A:1", { tier: "gold" });
      const next = { ...person, version: 2, fragments: [...(read?.fragments ?? []), other] };
      await accepted(store, { persons: [put(next)] });
      expectSame("with a neighbour", (await store.persons(["p1"]))[0]?.fragments, [fragment, other]);
      const changed = { ...fragment, body: { ...body, name: "Eve" }, times: { name: NOON + 1 } };
      await accepted(store, {
        persons: [put({ ...person, version: 3, fragments: [changed] })],
        records: [recordOf("A:1", { name: "Eve" }, 1, { operation: "merge" })],
      });
      expectSame("changed", (await store.persons(["p1"]))[0]?.fragments, [changed]);
      expectSame("the truth stays", (await store.records(["A:1"]))[0], record);
    },
  },
  {
    name: "the identity index follows a merge, a split and a removal",
    run: async (store) => {
      const index = async (): Promise<unknown> =>
        [...(await store.load(["A:1", "A:2", "A:3"], [])).personOf].sort();
      await accepted(store, { persons: [put(personOf("p1", ["A:1"])), put(personOf("p2", ["A:2", "A:3"]))] });
      await accepted(store, {
        persons: [
          put(personOf("p1", ["A:1", "A:2", "A:3"], { version: 2 })),
          { kind: "remove", personId: "p2", expectedVersion: 1, successor: "p1" },
        ],
      });
      expectSame("merged", await index(), [
        ["A:1", "p1"],
        ["A:2", "p1"],
        ["A:3", "p1"],
      ]);
      await accepted(store, {
        persons: [put(personOf("p3", ["A:2"])), put(personOf("p1", ["A:1", "A:3"], { version: 3 }))],
      });
      expectSame("split", await index(), [
        ["A:1", "p1"],
        ["A:2", "p3"],
        ["A:3", "p1"],
      ]);
      await accepted(store, { persons: [put(personOf("p1", ["A:3"], { version: 4 }), false)] });
      expectSame("shrunk", await index(), [
        ["A:2", "p3"],
        ["A:3", "p1"],
      ]);
      await accepted(store, { persons: [{ kind: "remove", personId: "p1", expectedVersion: 4 }] });
      expectSame("removed", await index(), [["A:2", "p3"]]);
      expectSame("gone", await store.persons(["p1"]), []);
      expectSame("identities counted", (await store.totals()).identities, 1);
    },
  },
  {
    name: "a person that went into another is found there, over many steps",
    run: async (store) => {
      await accepted(store, {
        persons: [1, 2, 3].map((n) => put(personOf(`p${n}`, [`A:${n}`]))),
      });
      await accepted(store, {
        persons: [
          { kind: "remove", personId: "p1", expectedVersion: 1, successor: "p2" },
          put(personOf("p2", ["A:1", "A:2"], { version: 2 })),
        ],
      });
      await accepted(store, {
        persons: [
          { kind: "remove", personId: "p2", expectedVersion: 2, successor: "p3" },
          put(personOf("p3", ["A:1", "A:2", "A:3"], { version: 2 })),
        ],
      });
      const ids = async (asked: readonly string[]): Promise<readonly string[]> =>
        (await store.persons(asked)).map((person) => person.personId);
      expectSame("two steps, each person once", await ids(["p1", "p2", "p3", "nobody", "p1"]), ["p3"]);
      await accepted(store, {
        persons: [put(personOf("p1", ["A:1"])), put(personOf("p3", ["A:2", "A:3"], { version: 3 }))],
      });
      expectSame("back again", await ids(["p1"]), ["p1"]);
      expectSame("the other still leads on", await ids(["p2"]), ["p3"]);
      expectSame("in the order asked", await ids(["p3", "p1"]), ["p3", "p1"]);
    },
  },
  {
    name: "due persons come earliest first, and nextDue is the earliest of all",
    run: async (store) => {
      expectSame("nobody waits", [await store.nextDue(), await store.due(NOON, 9)], [undefined, []]);
      const waits = [30, 10, undefined, 20];
      const states = waits.map((wait, index) =>
        personOf(`p${index}`, [`A:${index}`], wait === undefined ? {} : { nextChangeAt: NOON + wait }),
      );
      await accepted(store, { persons: states.map((person) => put(person)) });
      expectSame("earliest", await store.nextDue(), NOON + 10);
      expectSame("none is due", await store.due(NOON + 9, 9), []);
      expectSame("the moment itself counts", await store.due(NOON + 20, 9), ["p1", "p3"]);
      expectSame("limit", await store.due(NOON + 99, 2), ["p1", "p3"]);
      const [, second] = states;
      if (second === undefined) throw new Error("sample lacks a person");
      const { nextChangeAt: _gone, ...settled } = second;
      await accepted(store, { persons: [put({ ...settled, version: 2 }, false)] });
      expectSame(
        "settled",
        [await store.nextDue(), await store.due(NOON + 99, 9)],
        [NOON + 20, ["p3", "p0"]],
      );
      await accepted(store, { persons: [{ kind: "remove", personId: "p3", expectedVersion: 1 }] });
      expectSame("removed", await store.nextDue(), NOON + 30);
    },
  },
  {
    name: "a scan pages through all persons in the order of their ids",
    run: async (store) => {
      const ids = ["b", "a", "B", "10", "9", "é", "\uffee", "😀", "a b", "aa"];
      await accepted(store, { persons: ids.map((id) => put(fullPerson(id, [`A:${id}`]))) });
      await accepted(store, {
        persons: [{ kind: "remove", personId: "aa", expectedVersion: 1, successor: "a" }],
      });
      const seen: string[] = [];
      for (let after = ""; ;) {
        const page = await store.scan(after, 3);
        if (page.length === 0) break;
        expectThat("a page is not longer than its limit", page.length <= 3);
        for (const person of page) {
          expectSame("whole persons", person, fullPerson(person.personId, [`A:${person.personId}`]));
        }
        seen.push(...page.map((person) => person.personId));
        after = seen.at(-1) ?? "";
      }
      expectSame("all, once, in code-unit order", seen, ids.filter((id) => id !== "aa").sort());
    },
  },
  {
    name: "the membership log keeps commit order and outlives its person",
    run: async (store) => {
      expectSame("nothing yet", await store.membershipLog("p1"), []);
      const first = [changeOf("p1", "a", "realized", 50), changeOf("p2", "a", "realized", 50)];
      const odd = { ...changeOf("p1", "a", "exited"), namespace: "AAM", at: "some day", version: 7 };
      await accepted(store, { persons: [put(personOf("p1", ["A:1"]))], memberships: first });
      await accepted(store, {
        persons: [{ kind: "remove", personId: "p1", expectedVersion: 1, successor: "p2" }],
        memberships: [changeOf("p1", "a", "exited", 10), odd],
      });
      expectSame("log", await store.membershipLog("p1"), [first[0], changeOf("p1", "a", "exited", 10), odd]);
      expectSame("the other's log", await store.membershipLog("p2"), [first[1]]);
    },
  },
  {
    name: "dropDerived forgets persons, memberships and counters, and keeps truth, documents and queues",
    run: async (store) => {
      await accepted(store, {
        persons: [put(fullPerson("p1", ["A:1"])), put(personOf("p2", ["A:2"]))],
        events: [eventOf("e1", "A:1")],
        records: [recordOf("A:2", { x: 1 })],
        memberships: [changeOf("p1", "a", "realized")],
        documents: [{ kind: "k", id: "x", expectedVersion: 0, body: { y: 1 } }],
        outbox: [entryOf("o1", "d1")],
        counters: { n: 5 },
      });
      await accepted(store, {
        persons: [
          { kind: "remove", personId: "p2", expectedVersion: 1, successor: "p1" },
          put(personOf("p1", ["A:1", "A:2"], { version: 2 })),
        ],
      });
      await store.dropDerived();
      const seen = await store.load(["A:1", "A:2"], ["e1"]);
      expectSame("persons", [seen.persons.size, seen.personOf.size], [0, 0]);
      expectSame("by id", await store.persons(["p1", "p2"]), []);
      expectSame("scan", await store.scan("", 9), []);
      expectSame("timers", [await store.nextDue(), await store.due(Infinity, 9)], [undefined, []]);
      expectSame("log and counters", [await store.membershipLog("p1"), await store.counters()], [[], {}]);
      expectSame("totals", await store.totals(), { events: 1, records: 1, persons: 0, identities: 0 });
      expectSame("known events", [...seen.knownEvents], ["e1"]);
      expectSame("events", await store.events(["A:1"]), [eventOf("e1", "A:1")]);
      expectSame("records", await store.records(["A:2"]), [recordOf("A:2", { x: 1 })]);
      expectSame("owners", await store.owners("", 9), ["A:1", "A:2"]);
      expectSame("document", (await store.document("k", "x"))?.body, { y: 1 });
      expectSame("outbox", (await store.outbox("d1", 0, 9)).length, 1);
      await accepted(store, { persons: [put(personOf("p1", ["A:1"]))] });
      expectSame("built anew; its old alias leads there", (await store.persons(["p2"]))[0]?.personId, "p1");
    },
  },
  {
    name: "hostile strings pass through persons and the identity index unchanged",
    run: async (store) => {
      const persons = HOSTILE.map((text, index) =>
        personOf(`${text}#${index}`, [`N:${text}#${index}`], {
          graph: { [text]: text },
          fragments: [
            { ...fragmentOf(text, `N:${text}`, { [text]: { [text]: [text] } }), times: { [text]: NOON } },
          ],
          memberships: [{ namespace: text, audienceId: text, status: "realized", at: NOON, version: 1 }],
          regions: { [text]: NOON },
        }),
      );
      await accepted(store, { persons: persons.map((person) => put(person)) });
      const keys = persons.flatMap((person) => person.identities);
      const seen = await store.load(keys, []);
      for (const person of persons) {
        expectSame("index", seen.personOf.get(person.identities[0] ?? ""), person.personId);
        expectSame("person", seen.persons.get(person.personId), person);
        expectSame("by id", await store.persons([person.personId]), [person]);
      }
      expectSame("identities", (await store.totals()).identities, HOSTILE.length);
    },
  },
];

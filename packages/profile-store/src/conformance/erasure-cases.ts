import type { StoredEvent } from "../hub-store.ts";
import { expectSame, expectThat } from "./expect.ts";
import {
  accepted,
  changeOf,
  commitOf,
  entryOf,
  eventOf,
  fullPerson,
  HOSTILE,
  NOON,
  personOf,
  put,
  recordOf,
} from "./samples.ts";
import type { HubStoreCase } from "./hub-store-case.ts";

const DAY = 86_400_000;

/** Laws of erasing and of the walk over events that are to expire. */
export const erasureCases: readonly HubStoreCase[] = [
  {
    name: "an erased person leaves no trace, and the others stay as they were",
    run: async (store) => {
      await accepted(store, {
        persons: [put(fullPerson("p0", ["A:0"])), put(personOf("p2", ["B:1"], { eventCount: 1 }))],
        events: [eventOf("e1", "A:1"), eventOf("e2", "A:2"), eventOf("e3", "B:1")],
        records: [recordOf("A:1", { x: 1 }), recordOf("B:1", { y: 1 })],
        memberships: [changeOf("p0", "a", "realized"), changeOf("p2", "a", "realized")],
        outbox: [entryOf("o1", "d1", "p1"), entryOf("o2", "d1", "p2")],
      });
      await accepted(store, {
        persons: [
          { kind: "remove", personId: "p0", expectedVersion: 1, successor: "p1" },
          put(fullPerson("p1", ["A:0", "A:1", "A:2"])),
        ],
        memberships: [changeOf("p1", "a", "realized")],
      });
      await accepted(store, {
        persons: [{ kind: "remove", personId: "p1", expectedVersion: 1 }],
        erase: { persons: ["p1"], owners: ["A:0", "A:1", "A:2"] },
        outbox: [entryOf("o3", "d1", "p1")],
      });
      expectSame("persons", await store.persons(["p0", "p1", "p2"]), [
        personOf("p2", ["B:1"], { eventCount: 1 }),
      ]);
      const seen = await store.load(["A:0", "A:1", "A:2", "B:1"], ["e1", "e2", "e3"]);
      expectSame("identities", [...seen.personOf], [["B:1", "p2"]]);
      expectSame("known events", [...seen.knownEvents], ["e3"]);
      expectSame("events", await store.events(["A:1", "A:2", "B:1"]), [eventOf("e3", "B:1")]);
      expectSame("records", await store.records(["A:1", "B:1"]), [recordOf("B:1", { y: 1 })]);
      expectSame("logs", [await store.membershipLog("p0"), await store.membershipLog("p1")], [[], []]);
      expectSame("another's log", await store.membershipLog("p2"), [changeOf("p2", "a", "realized")]);
      expectSame(
        "what waited is gone, what the commit itself says goes out",
        (await store.outbox("d1", 0, 9)).map(({ id }) => id),
        ["o2", "o3"],
      );
      expectSame("totals", await store.totals(), { events: 1, records: 1, persons: 1, identities: 1 });
      expectSame("owners", await store.owners("", 9), ["B:1"]);
      await accepted(store, {
        persons: [put(personOf("p1", ["A:1"], { eventCount: 1 }))],
        events: [eventOf("e1", "A:1", 7)],
      });
      expectSame("who comes back comes with nothing", await store.membershipLog("p1"), []);
      expectSame("and is somebody new", await store.events(["A:1", "A:2"]), [eventOf("e1", "A:1", 7)]);
    },
  },
  {
    name: "an event erased and added again in one commit is the new one",
    run: async (store) => {
      await accepted(store, { events: [eventOf("e1", "A:1"), eventOf("e2", "A:1", 5)] });
      const other = eventOf("e1", "A:1", 9, { identities: ["A:1", "B:1"] });
      await accepted(store, { erase: { events: ["e1", "never-was"] }, events: [other] });
      expectSame("events", await store.events(["A:1"]), [eventOf("e2", "A:1", 5), other]);
      expectSame("counted once", (await store.totals()).events, 2);
      const refused = await store.commit(
        commitOf({ erase: { events: ["e1"] }, events: [eventOf("e1", "A:1"), eventOf("e2", "A:1")] }),
      );
      expectSame("one of the others is known", refused, {
        ok: false,
        error: { code: "conflict", persons: [], events: ["e2"], documents: [] },
      });
      expectSame("nothing of it was erased", await store.events(["A:1"]), [eventOf("e2", "A:1", 5), other]);
      await accepted(store, { erase: { events: ["e1", "e2"] } });
      expectSame("gone", [await store.events(["A:1"]), await store.owners("", 9)], [[], []]);
    },
  },
  {
    name: "erased bodies leave the links",
    run: async (store) => {
      const event = eventOf("e1", "A:1", 0, { identities: ["A:1", "B:1"] });
      const record = recordOf("A:1", { x: 1 }, 0, { identities: ["A:1", "C:1"] });
      await accepted(store, {
        events: [event, eventOf("e2", "A:1", 1)],
        records: [record, recordOf("B:1", { y: 1 })],
      });
      await accepted(store, { erase: { eventBodies: ["e1", "never-was"], recordBodies: ["A:1", "X:9"] } });
      const { body: _body, ...links } = event;
      const [first, second] = await store.events(["A:1"]);
      expectSame("links of the event", first, links);
      expectThat("the body is absent, not undefined", first !== undefined && !Object.hasOwn(first, "body"));
      expectSame("the next event", second, eventOf("e2", "A:1", 1));
      expectSame("records", await store.records(["A:1", "B:1"]), [
        { ...record, operation: "delete", body: {} },
        recordOf("B:1", { y: 1 }),
      ]);
      expectSame("still known", [...(await store.load([], ["e1"])).knownEvents], ["e1"]);
      expectSame("totals", await store.totals(), { events: 2, records: 2, persons: 0, identities: 0 });
    },
  },
  {
    name: "records of an owner are replaced as a whole, and the events stay",
    run: async (store) => {
      await accepted(store, {
        events: [eventOf("e1", "A:1")],
        records: [recordOf("A:1", { x: 1 }), recordOf("A:1", { x: 2 }, 5), recordOf("B:1", { y: 1 })],
      });
      await accepted(store, {
        erase: { recordsOf: ["A:1", "B:1", "C:9"] },
        records: [recordOf("A:1", { x: 3 })],
      });
      expectSame("records", await store.records(["A:1", "B:1"]), [recordOf("A:1", { x: 3 })]);
      expectSame("events", await store.events(["A:1"]), [eventOf("e1", "A:1")]);
      expectSame("owners", await store.owners("", 9), ["A:1"]);
      expectSame("totals", await store.totals(), { events: 1, records: 1, persons: 0, identities: 0 });
    },
  },
  {
    name: "a refused commit erases nothing",
    run: async (store) => {
      await accepted(store, {
        persons: [put(personOf("p1", ["A:1"]))],
        events: [eventOf("e1", "A:1")],
        records: [recordOf("A:1", { x: 1 })],
        memberships: [changeOf("p1", "a", "realized")],
        outbox: [entryOf("o1", "d1")],
      });
      const refused = await store.commit(
        commitOf({
          persons: [{ kind: "remove", personId: "p1", expectedVersion: 7 }],
          erase: {
            persons: ["p1"],
            owners: ["A:1"],
            events: ["e1"],
            eventBodies: ["e1"],
            recordBodies: ["A:1"],
          },
        }),
      );
      expectSame("refusal", refused, {
        ok: false,
        error: { code: "conflict", persons: ["p1"], events: [], documents: [] },
      });
      expectSame("events", await store.events(["A:1"]), [eventOf("e1", "A:1")]);
      expectSame("records", await store.records(["A:1"]), [recordOf("A:1", { x: 1 })]);
      expectSame("log", (await store.membershipLog("p1")).length, 1);
      expectSame("outbox", (await store.outbox("d1", 0, 9)).length, 1);
      await accepted(store, { events: [eventOf("e2", "A:1")] });
      expectSame("events after", (await store.events(["A:1"])).length, 2);
    },
  },
  {
    name: "hostile strings are erased like any other",
    run: async (store) => {
      for (const [index, text] of HOSTILE.entries()) {
        const person = personOf(`${text}#${index}`, [`N:${text}`]);
        await accepted(store, { persons: [put(person)], events: [eventOf(`${text}!`, `N:${text}`)] });
      }
      for (const [index, text] of HOSTILE.entries()) {
        await accepted(store, {
          persons: [{ kind: "remove", personId: `${text}#${index}`, expectedVersion: 1 }],
          erase: { persons: [`${text}#${index}`], owners: [`N:${text}`] },
        });
      }
      expectSame("nothing is left", await store.totals(), {
        events: 0,
        records: 0,
        persons: 0,
        identities: 0,
      });
      expectSame("no owner", await store.owners("", 99), []);
      expectSame(
        "no event",
        (
          await store.load(
            [],
            HOSTILE.map((text) => `${text}!`),
          )
        ).knownEvents.size,
        0,
      );
    },
  },
  {
    name: "a walk in short steps finds each event older than the moment of its dataset, once",
    run: async (store) => {
      const events: readonly StoredEvent[] = Array.from({ length: 60 }, (_, index) =>
        eventOf(`e${index}`, `A:${index % 7}`, -index * DAY, {
          datasetId: ["web", "app", "pos"][index % 3] ?? "",
        }),
      );
      for (const event of events) await accepted(store, { events: [event] });
      await accepted(store, { erase: { eventBodies: ["e57"] } });
      const before = { web: NOON - 30 * DAY, app: NOON - 50 * DAY };
      const found: string[] = [];
      let after: string | undefined;
      for (let step = 0; ; step += 1) {
        expectThat("the walk ends", step < 200);
        const page = await store.expiring(before, { limit: 4, ...(after === undefined ? {} : { after }) });
        expectThat("a page is not longer than its limit", page.events.length <= 4);
        for (const { id, owner } of page.events) {
          expectSame(`owner of ${id}`, owner, events[Number(id.slice(1))]?.owner);
          found.push(id);
        }
        if (page.next === undefined) break;
        after = page.next;
      }
      const expected = events
        .filter(({ id, datasetId, at }) => id !== "e57" && at < (before[datasetId as "web"] ?? -Infinity))
        .map(({ id }) => id);
      expectSame("found", found.sort(), expected.sort());
    },
  },
];

import type { StoredEvent } from "../hub-store.ts";
import type { StoredRecord } from "../fragment.ts";
import { expectSame } from "./expect.ts";
import { accepted, eventOf, HOSTILE, NOON, personOf, put, recordOf } from "./samples.ts";
import type { HubStoreCase } from "./hub-store-case.ts";

const HEX = "0123456789abcdef0123456789abcdef";

/** Laws of the truth: events and records as they came, in their orders. */
export const truthCases: readonly HubStoreCase[] = [
  {
    name: "events come in (at, id) order over all owners, from a moment on",
    run: async (store) => {
      const events = [
        eventOf("b", "A:1", 10),
        eventOf("a", "A:2", 10),
        eventOf("z", "A:1", -5),
        eventOf("c", "A:2", 20),
        eventOf("other", "A:3", 10),
      ];
      await accepted(store, { events: events.slice(0, 3) });
      await accepted(store, { events: events.slice(3) });
      const ids = async (owners: readonly string[], from?: number): Promise<readonly string[]> =>
        (await store.events(owners, from)).map((event) => event.id);
      expectSame("all", await ids(["A:1", "A:2", "A:1", "A:none"]), ["z", "a", "b", "c"]);
      expectSame("from the moment itself", await ids(["A:2", "A:1"], NOON + 10), ["a", "b", "c"]);
      expectSame("later", await ids(["A:1", "A:2"], NOON + 11), ["c"]);
      expectSame("no owner", await ids([]), []);
    },
  },
  {
    name: "an event is read as it was written: ids of any form, times before 1970, with and without a body",
    run: async (store) => {
      const ids = [
        HEX,
        HEX.toUpperCase(),
        `${HEX}0`,
        HEX.slice(1),
        "3f2504e0-4f89-41d3-9a0c-0305e82c3301",
        "3F2504E0-4F89-41D3-9A0C-0305E82C3301",
        "1",
        "01",
        "x".repeat(256),
        `${"x".repeat(255)}y`,
      ];
      const events: StoredEvent[] = ids.map((id, index) => ({
        ...eventOf(id, "A:1", index, { identities: ["A:1", "B:1", "C:1"], at: (index - 3) * 1e12 }),
        ingestedAt: 5,
      }));
      const { body: _body, ...expired } = eventOf("expired", "A:1", 0, { at: 8e15 });
      events.push(expired);
      await accepted(store, { events });
      const seen = await store.load([], [...ids, "expired", "2"]);
      expectSame("known", [...seen.knownEvents].sort(), [...ids, "expired"].sort());
      const read = await store.events(["A:1"]);
      expectSame("events", read, events);
      expectSame(
        "no body stays no body",
        read.at(-1) !== undefined && Object.hasOwn(read.at(-1) ?? {}, "body"),
        false,
      );
      expectSame("a linked identity does not own them", await store.events(["B:1"]), []);
    },
  },
  {
    name: "records come in the order they take effect, over all owners",
    run: async (store) => {
      const records: readonly StoredRecord[] = [
        recordOf("A:1", { n: 3 }, 5, { ordinal: 2 }),
        recordOf("A:2", { n: 2 }, 5, { ordinal: 1, identities: ["A:1", "A:2"], operation: "merge" }),
        recordOf("A:1", {}, 9, { operation: "delete", datasetId: "loyalty" }),
        recordOf("A:1", { n: 1 }, 0, { ordinal: 7 }),
        recordOf("A:3", { n: 9 }),
        recordOf("A:2", { n: 4 }, 9, { id: "a record with the same moment and place" }),
      ];
      await accepted(store, { records });
      expectSame("in effect order", await store.records(["A:2", "A:1", "A:2"]), [
        records[3],
        records[1],
        records[0],
        records[5],
        records[2],
      ]);
      expectSame("totals", (await store.totals()).records, 6);
    },
  },
  {
    name: "owners page through all owners of events and records in key order",
    run: async (store) => {
      const keys = ["A:2", "B:1", "A:10", "a:1", "A:é", "A:\uffee", "A:😀"];
      await accepted(store, {
        events: [...keys.slice(0, 4), "A:2"].map((key, index) => eventOf(`e${index}`, key)),
        records: keys.slice(3).map((key) => recordOf(key, {})),
        persons: [put(personOf("p", ["A:only-a-person"]))],
      });
      const seen: string[] = [];
      for (let after = ""; ; after = seen.at(-1) ?? "") {
        const page = await store.owners(after, 2);
        if (page.length === 0) break;
        seen.push(...page);
      }
      expectSame("owners", seen, [...keys].sort());
    },
  },
  {
    name: "hostile strings pass through events and records unchanged",
    run: async (store) => {
      const events = HOSTILE.map((text, index) => {
        const owner = `N:${text}`;
        const id = `${text}#${index}`;
        const at = NOON + index;
        return {
          ...eventOf(id, owner, index, { datasetId: text, identities: [owner, `O:${text}`] }),
          body: { _id: id, timestamp: new Date(at).toISOString(), [text]: { [text]: [text, { a: text }] } },
        };
      });
      const records = HOSTILE.map((text) =>
        recordOf(`N:${text}`, { [text]: text }, 0, { datasetId: text, id: text }),
      );
      await accepted(store, { events, records });
      for (const [index, event] of events.entries()) {
        expectSame("event", await store.events([event.owner]), [event]);
        expectSame("record", await store.records([event.owner]), [records[index]]);
        expectSame("known", [...(await store.load([], [event.id])).knownEvents], [event.id]);
      }
      expectSame("owners", await store.owners("", 99), events.map((event) => event.owner).sort());
    },
  },
  {
    name: "large bodies and numbers of every size are read as written",
    run: async (store) => {
      const numbers = [0, -1, 1.5, -0.1, 2 ** 53 - 1, -(2 ** 53) + 1, 1e300, 5e-324, 2 ** 31, 1772323200000];
      const body = {
        numbers,
        long: "é😀".repeat(50_000),
        empty: {},
        list: [[], [{}], null, true, false, ""],
        wide: Object.fromEntries(Array.from({ length: 2000 }, (_, index) => [`field${index}`, index])),
      };
      const event = eventOf("big", "A:1");
      const big = {
        ...event,
        body: { ...event.body, ...body, _id: "big", timestamp: "2026-03-01T00:00:00.000Z" },
      };
      const person = personOf("p", ["A:1"], {
        graph: body,
        fragments: [{ datasetId: "crm", owner: "A:1", body, at: NOON }],
      });
      await accepted(store, { events: [big], records: [recordOf("A:1", body)], persons: [put(person)] });
      expectSame("event", await store.events(["A:1"]), [big]);
      expectSame("record", await store.records(["A:1"]), [recordOf("A:1", body)]);
      expectSame("person", await store.persons(["p"]), [person]);
    },
  },
  {
    name: "a large batch is one commit",
    run: async (store) => {
      const persons = Array.from({ length: 700 }, (_, index) =>
        personOf(`p${index}`, [`A:${index}`, `B:${index}`], { eventCount: 3, nextChangeAt: NOON + index }),
      );
      const events = Array.from({ length: 2000 }, (_, index) =>
        eventOf(`e${index}`, `A:${index % 700}`, index),
      );
      const keys = persons.flatMap((person) => person.identities);
      await accepted(store, { persons: persons.map((person) => put(person)), events });
      const seen = await store.load(keys, [...events.map((event) => event.id), "unknown"]);
      expectSame(
        "sizes",
        [seen.persons.size, seen.personOf.size, seen.knownEvents.size],
        [persons.length, keys.length, events.length],
      );
      for (const person of persons) {
        expectSame("each person", seen.persons.get(person.personId), person);
      }
      expectSame("all events", (await store.events(keys)).length, 2000);
      expectSame("totals", await store.totals(), {
        events: 2000,
        records: 0,
        persons: 700,
        identities: 1400,
      });
    },
  },
];

import { copyStore } from "../copy-store.ts";
import type { HubStore, StoredItem } from "../hub-store.ts";
import { createMemoryStore } from "../memory-store.ts";
import { expectSame, expectThat } from "./expect.ts";
import {
  accepted,
  changeOf,
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

/** Something of every kind, with ids that break careless stores. */
async function fill(store: HubStore): Promise<void> {
  await accepted(store, {
    persons: [
      put(fullPerson("p1", ["A:1", "A:2"])),
      put(personOf("p2", ["B:1"])),
      put(personOf("p3", ["B:2"])),
    ],
    events: Array.from({ length: 30 }, (_, index) => eventOf(`e${index}`, `A:${index % 3}`, index)),
    records: [recordOf("A:1", { x: 1 }), recordOf("A:1", { x: 2 }, 5), recordOf("B:1", { y: [1, null] })],
    memberships: [changeOf("p1", "a", "realized"), changeOf("p2", "a", "realized")],
    outbox: [entryOf("o9", "d1"), entryOf("o1", "d1"), entryOf("o5", "d2", "p2")],
    quarantine: [
      { id: "q1", datasetId: "web", kind: "event", code: "x", message: "m", at: NOON, body: { a: [1] } },
    ],
    documents: [{ kind: "k", id: "x", expectedVersion: 0, body: { n: 1 } }],
    counters: { members: 2, gone: 1 },
  });
  await accepted(store, {
    persons: [
      { kind: "remove", personId: "p3", expectedVersion: 1, successor: "p2" },
      put(personOf("p2", ["B:1", "B:2"], { version: 2 })),
    ],
    memberships: [changeOf("p1", "a", "exited", 3)],
    documents: [{ kind: "k", id: "x", expectedVersion: 1, body: { n: 2 } }],
    erase: { eventBodies: ["e3"] },
    counters: { gone: -1 },
  });
  for (const [index, text] of HOSTILE.entries()) {
    await accepted(store, {
      persons: [put(personOf(`${text}#${index}`, [`N:${text}`]))],
      events: [eventOf(`${text}!`, `N:${text}`)],
      documents: [{ kind: text, id: text, expectedVersion: 0, body: { [text]: text } }],
    });
  }
}

/** What a store answers to every question that does not depend on how it numbers things. */
async function answers(store: HubStore): Promise<unknown> {
  const owners = await store.owners("", 1000);
  return {
    persons: await store.scan("", 1000),
    alias: (await store.persons(["p3"]))[0]?.personId,
    owners,
    events: await store.events(owners),
    records: await store.records(owners),
    logs: [await store.membershipLog("p1"), await store.membershipLog("p2")],
    outbox: (await store.outbox("d1", 0, 99)).map(({ sequence: _sequence, ...entry }) => entry),
    quarantine: await store.quarantined(99),
    documents: [
      await store.documents("k"),
      ...(await Promise.all(HOSTILE.map((kind) => store.documents(kind)))),
    ],
    counters: await store.counters(),
    totals: await store.totals(),
    index: [...(await store.load(["A:1", "B:2", ...owners], [])).personOf].sort(),
    due: await store.due(NOON + 5000, 99),
  };
}

/** Laws of export and import. */
export const transferCases: readonly HubStoreCase[] = [
  {
    name: "what was exported and taken in elsewhere is the same store",
    run: async (store) => {
      await fill(store);
      const memory = createMemoryStore();
      const copied = await copyStore(store, memory, { limit: 7 });
      expectSame("answers of the copy", await answers(memory), await answers(store));
      expectSame("one page or many", await copyStore(store, createMemoryStore(), { limit: 100_000 }), copied);
    },
  },
  {
    name: "a store takes in another one, page by page, some of them twice",
    run: async (store) => {
      const memory = createMemoryStore();
      await fill(memory);
      const told: (string | undefined)[] = [];
      await copyStore(memory, store, { limit: 5, onPage: (_copied, next) => void told.push(next) });
      expectThat("several pages", told.length > 5 && told.at(-1) === undefined);
      expectSame("answers", await answers(store), await answers(memory));
      await copyStore(memory, store, { limit: 9, after: told[3] ?? "" });
      await copyStore(memory, store, { limit: 1000 });
      expectSame("answers after taking it in again", await answers(store), await answers(memory));
      await accepted(store, {
        persons: [put({ ...fullPerson("p1", ["A:1", "A:2"]), version: 2 }, false)],
        events: [eventOf("after", "A:1")],
        memberships: [changeOf("p1", "a", "realized", 9)],
        documents: [{ kind: "k", id: "x", expectedVersion: 2, body: {} }],
      });
      expectSame("it goes on from the versions of the other", (await store.membershipLog("p1")).length, 3);
    },
  },
  {
    name: "the pages of an export stay the same while nobody writes, from any page on",
    run: async (store) => {
      await fill(store);
      const walk = async (
        after?: string,
      ): Promise<readonly [string | undefined, readonly StoredItem[]][]> => {
        const pages: [string | undefined, readonly StoredItem[]][] = [];
        for (let at = after; ;) {
          const page = await store.exportItems({ limit: 6, ...(at === undefined ? {} : { after: at }) });
          pages.push([at, page.items]);
          if (page.next === undefined) return pages;
          at = page.next;
        }
      };
      const all = await walk();
      expectSame("again", await walk(), all);
      for (const [index, [after]] of all.entries()) {
        if (index % 4 === 3) expectSame(`from page ${index}`, await walk(after), all.slice(index));
      }
      expectThat(
        "pages are short",
        all.every(([, items]) => items.length <= 6),
      );
    },
  },
];

import type { QuarantinedItem } from "../hub-store.ts";
import { expectSame, expectThat } from "./expect.ts";
import { accepted, commitOf, entryOf, HOSTILE, NOON, personOf, put } from "./samples.ts";
import type { HubStoreCase } from "./hub-store-case.ts";

function itemOf(id: string, more: Partial<QuarantinedItem> = {}): QuarantinedItem {
  return {
    id,
    datasetId: "web",
    kind: "record",
    code: "event.timestamp",
    message: "timestamp: expected an instant",
    at: NOON,
    body: { raw: [1, null, "x"] },
    ...more,
  };
}

/** Laws of the outbox, the quarantine, documents and counters. */
export const queueCases: readonly HubStoreCase[] = [
  {
    name: "the outbox keeps commit order for each destination, above a sequence",
    run: async (store) => {
      await accepted(store, { outbox: [entryOf("c", "d1"), entryOf("x", "d2"), entryOf("a", "d1")] });
      await accepted(store, { outbox: [entryOf("b", "d1", "p9")] });
      const all = await store.outbox("d1", 0, 10);
      expectSame(
        "order",
        all.map((entry) => entry.id),
        ["c", "a", "b"],
      );
      expectSame("content", { ...all[2], sequence: 0 }, { ...entryOf("b", "d1", "p9"), sequence: 0 });
      const sequences = all.map((entry) => entry.sequence);
      expectThat(
        "sequences grow",
        sequences.every((n, index) => n > (sequences[index - 1] ?? 0)),
      );
      expectSame(
        "limit",
        (await store.outbox("d1", 0, 1)).map((entry) => entry.id),
        ["c"],
      );
      expectSame(
        "after",
        (await store.outbox("d1", sequences[0] ?? 0, 9)).map((entry) => entry.id),
        ["a", "b"],
      );
      expectSame(
        "another destination",
        (await store.outbox("d2", 0, 9)).map((entry) => entry.id),
        ["x"],
      );
      expectSame("no such destination", await store.outbox("d3", 0, 9), []);
    },
  },
  {
    name: "an outbox entry written twice is one entry, and delivered entries go",
    run: async (store) => {
      await accepted(store, { outbox: [entryOf("a", "d1"), entryOf("a", "d1"), entryOf("b", "d1")] });
      await accepted(store, { outbox: [{ ...entryOf("a", "d1"), at: NOON + 1 }], counters: { n: 1 } });
      const entries = await store.outbox("d1", 0, 9);
      expectSame(
        "once each, the first stays",
        entries.map(({ id, at }) => [id, at]),
        [
          ["a", NOON],
          ["b", NOON],
        ],
      );
      expectSame("the commit itself counts", await store.counters(), { n: 1 });
      await store.acknowledge(["a", "never-was"]);
      expectSame(
        "delivered",
        (await store.outbox("d1", 0, 9)).map((entry) => entry.id),
        ["b"],
      );
      await store.acknowledge(["b"]);
      await accepted(store, { outbox: [entryOf("c", "d1")] });
      const [next] = await store.outbox("d1", entries.at(-1)?.sequence ?? 0, 9);
      expectSame("sequences are never used again", next?.id, "c");
    },
  },
  {
    name: "an outbox entry of a refused commit is not there",
    run: async (store) => {
      await accepted(store, { persons: [put(personOf("p1", ["A:1"]))] });
      const [refused] = await Promise.all([
        store.commit(commitOf({ persons: [put(personOf("p1", ["A:1"]))], outbox: [entryOf("a", "d1")] })),
        store.commit(commitOf({ outbox: [entryOf("b", "d1")] })),
      ]);
      expectSame("refused", refused.ok, false);
      expectSame(
        "outbox",
        (await store.outbox("d1", 0, 9)).map((entry) => entry.id),
        ["b"],
      );
    },
  },
  {
    name: "quarantined items page by id until they are released",
    run: async (store) => {
      const items = ["q3", "q1", "q2"].map((id) => itemOf(id));
      await accepted(store, { quarantine: items });
      const ids = async (limit: number, after?: string): Promise<readonly string[]> =>
        (await store.quarantined(limit, after)).map((item) => item.id);
      expectSame("order", await ids(9), ["q1", "q2", "q3"]);
      expectSame("paged", [await ids(2), await ids(2, "q2")], [["q1", "q2"], ["q3"]]);
      await accepted(store, { quarantine: [itemOf("q1", { code: "later", body: "text", kind: "event" })] });
      expectSame(
        "written again",
        (await store.quarantined(1))[0],
        itemOf("q1", { code: "later", body: "text", kind: "event" }),
      );
      const kept = ["merge", "delete"] as const;
      for (const operation of kept) {
        const item = itemOf("q1", { operation, isRow: true });
        await accepted(store, { quarantine: [item] });
        expectSame(`what a ${operation} was`, (await store.quarantined(1))[0], item);
      }
      await store.releaseQuarantined(["q1", "q3", "q9"]);
      expectSame("released", await ids(9), ["q2"]);
      const bodies = [null, 0, "", [], { a: { b: null } }, false];
      await accepted(store, { quarantine: bodies.map((body, index) => itemOf(`r${index}`, { body })) });
      expectSame(
        "bodies of every kind",
        (await store.quarantined(9, "q9")).map((item) => item.body),
        bodies,
      );
    },
  },
  {
    name: "documents of a kind come in id order",
    run: async (store) => {
      const ids = ["b", "a", "B", "é", "\uffee", "😀"];
      await accepted(store, {
        documents: [
          ...ids.map((id) => ({
            kind: "audience",
            id,
            expectedVersion: 0,
            body: { id, list: [1, { x: null }] },
          })),
          { kind: "destination", id: "a", expectedVersion: 0, body: {} },
        ],
      });
      const documents = await store.documents("audience");
      expectSame(
        "order",
        documents.map((document) => document.id),
        [...ids].sort(),
      );
      expectSame("content", documents[0], {
        kind: "audience",
        id: "B",
        version: 1,
        body: { id: "B", list: [1, { x: null }] },
      });
      expectSame("another kind", await store.document("destination", "a"), {
        kind: "destination",
        id: "a",
        version: 1,
        body: {},
      });
      expectSame(
        "no such kind",
        [await store.documents("x"), await store.document("x", "a")],
        [[], undefined],
      );
    },
  },
  {
    name: "two editors of one document never lose an edit",
    run: async (store) => {
      const edit = async (): Promise<void> => {
        for (let done = 0; done < 5;) {
          const document = await store.document("k", "x");
          const count = Number(document?.body["count"] ?? 0) + 1;
          const result = await store.commit(
            commitOf({
              documents: [{ kind: "k", id: "x", expectedVersion: document?.version ?? 0, body: { count } }],
            }),
          );
          if (result.ok) done += 1;
        }
      };
      await Promise.all([edit(), edit(), edit()]);
      expectSame("every edit counted", (await store.document("k", "x"))?.body, { count: 15 });
    },
  },
  {
    name: "counters add up, and a counter at zero is not listed",
    run: async (store) => {
      await accepted(store, { counters: { b: 2, a: 1, zero: 0 } });
      await accepted(store, { counters: { b: -2, a: 4, "c d.e$": 1 } });
      expectSame("counters", await store.counters(), { a: 5, "c d.e$": 1 });
      await Promise.all(Array.from({ length: 20 }, () => store.commit(commitOf({ counters: { n: 1 } }))));
      expectSame("together", (await store.counters())["n"], 20);
    },
  },
  {
    name: "hostile strings pass through queues, documents and counters unchanged",
    run: async (store) => {
      const outbox = HOSTILE.map((text, index) => ({
        ...entryOf(`${text}#${index}`, text, text),
        body: { [text]: { [text]: text } },
      }));
      const quarantine = HOSTILE.map((text) =>
        itemOf(text, { datasetId: text, code: text, message: text, body: { [text]: [text] } }),
      );
      await accepted(store, {
        outbox,
        quarantine,
        documents: HOSTILE.map((text) => ({
          kind: text,
          id: text,
          expectedVersion: 0,
          body: { [text]: text },
        })),
        counters: Object.fromEntries(HOSTILE.map((text, index) => [text, index + 1])),
      });
      for (const [index, text] of HOSTILE.entries()) {
        const [entry] = await store.outbox(text, 0, 9);
        expectSame("outbox", { ...entry, sequence: 0 }, { ...outbox[index], sequence: 0 });
        expectSame("document", await store.document(text, text), {
          kind: text,
          id: text,
          version: 1,
          body: { [text]: text },
        });
        expectSame("documents", (await store.documents(text)).length, 1);
        expectSame("counter", (await store.counters())[text], index + 1);
      }
      const byId = [...quarantine].sort((a, b) => (a.id < b.id ? -1 : 1));
      expectSame("quarantine", await store.quarantined(99), byId);
      await store.acknowledge(outbox.map((entry) => entry.id));
      await store.releaseQuarantined(HOSTILE);
      expectSame("released", await store.quarantined(9), []);
      expectSame("delivered", await store.outbox(HOSTILE[0] ?? "", 0, 9), []);
    },
  },
  {
    name: "nothing asked is nothing answered",
    run: async (store) => {
      const seen = await store.load([], []);
      expectSame("load", [seen.persons.size, seen.personOf.size, seen.knownEvents.size], [0, 0, 0]);
      expectSame("persons", await store.persons([]), []);
      expectSame("records", await store.records([]), []);
      await store.acknowledge([]);
      await store.releaseQuarantined([]);
      expectSame("an empty commit", await store.commit(commitOf({})), { ok: true });
      expectSame("totals", await store.totals(), { events: 0, records: 0, persons: 0, identities: 0 });
      expectSame("owners", await store.owners("", 5), []);
    },
  },
];

import { DatabaseSync } from "node:sqlite";
import * as fc from "fast-check";
import { expect, test } from "vitest";
import { decodeBody, encodeBody } from "./body.ts";
import { decodeId, encodeId } from "./event-id.ts";
import { readGraph, writeGraph } from "./graph-bytes.ts";
import { Names } from "./names.ts";
import { PersonStateCodec } from "./person-state-row.ts";
import { RowReader, RowWriter } from "./row-bytes.ts";
import { migrate } from "./schema.ts";
import { fromStored, toStored } from "@tessera/profile-store";

const anyText = fc.string({
  unit: fc.integer({ min: 0, max: 0xffff }).map((unit) => String.fromCharCode(unit)),
});

test("stored text comes back, is well formed, and sorts by bytes as the text sorts by code units", () => {
  fc.assert(
    fc.property(anyText, anyText, (a, b) => {
      expect(fromStored(toStored(a))).toBe(a);
      expect(toStored(a).isWellFormed()).toBe(true);
      const bytes = Buffer.compare(Buffer.from(toStored(a)), Buffer.from(toStored(b)));
      expect(bytes).toBe(a < b ? -1 : a > b ? 1 : 0);
    }),
    { numRuns: 500 },
  );
});

test("ids come back, and different ids are kept differently", () => {
  const hex = fc.string({ unit: fc.constantFrom(..."0123456789abcdef"), minLength: 32, maxLength: 32 });
  const id = fc.oneof(
    anyText,
    hex,
    fc.uuid(),
    hex.map((text) => text.toUpperCase()),
  );
  const text = (stored: string | Uint8Array): string =>
    typeof stored === "string" ? `t${stored}` : `b${Buffer.from(stored).toString("hex")}`;
  fc.assert(
    fc.property(id, id, (a, b) => {
      expect(decodeId(encodeId(a))).toBe(a);
      expect(text(encodeId(a)) === text(encodeId(b))).toBe(a === b);
    }),
    { numRuns: 300 },
  );
});

test("rows of bytes come back in the order they were written", () => {
  const cell = fc.oneof(
    fc.record({ kind: fc.constant("varint" as const), value: fc.maxSafeNat() }),
    fc.record({ kind: fc.constant("number" as const), value: fc.double({ noNaN: true }) }),
    fc.record({ kind: fc.constant("number" as const), value: fc.maxSafeInteger() }),
    fc.record({ kind: fc.constant("text" as const), value: fc.string({ unit: "grapheme", maxLength: 200 }) }),
    fc.record({ kind: fc.constant("blob" as const), value: fc.uint8Array({ maxLength: 300 }) }),
  );
  const writer = new RowWriter();
  fc.assert(
    fc.property(fc.array(cell, { maxLength: 50 }), (cells) => {
      writer.begin();
      for (const { kind, value } of cells) {
        if (kind === "text") writer.text(value);
        else if (kind === "blob") writer.blob(value);
        else writer[kind](value);
      }
      const reader = new RowReader(Uint8Array.from(writer.done()));
      for (const { kind, value } of cells) expect(reader[kind]()).toEqual(value);
      expect(reader.atEnd).toBe(true);
    }),
    { numRuns: 200 },
  );
});

test("bodies come back, short and long", () => {
  for (const length of [0, 10, 4000, 5000, 200_000]) {
    const body = { text: "é😀x".repeat(length / 2), list: [1, null, { a: "\ud800" }] };
    expect(decodeBody(encodeBody(body))).toEqual(body);
    expect(typeof encodeBody(body)).toBe(length < 3000 ? "string" : "object");
  }
});

test("graphs come back as JSON has them, whatever they are made of", () => {
  const time = fc.integer({ min: 1_700_000_000_000, max: 1_800_000_000_000 });
  const hex = fc.string({ unit: fc.constantFrom(..."0123456789abcdef"), minLength: 32, maxLength: 32 });
  const key = fc.oneof(hex, fc.constantFrom("CRMID", "c1", "CRMID:c1", ":", "", "web"), anyText);
  const name = fc.oneof(
    fc.constantFrom("namespace", "id", "key", "firstSeen", "lastSeen", "a\nb", "a", "b", "t", "__proto__"),
    anyText,
  );
  const { graph } = fc.letrec<{ graph: unknown; value: unknown }>((tie) => ({
    value: fc.oneof({ maxDepth: 4 }, key, time, fc.jsonValue(), fc.constant(undefined), tie("graph")),
    graph: fc.oneof(
      fc.array(tie("value"), { maxLength: 4 }),
      fc.dictionary(name, tie("value"), { maxKeys: 4 }),
      fc.record({ namespace: key, id: key, key, firstSeen: time, lastSeen: time }),
      fc.record({ t: fc.oneof(time, fc.double()), key }),
    ),
  }));
  const row = new RowWriter();
  fc.assert(
    fc.property(graph, (value) => {
      row.begin();
      writeGraph(row, value as object);
      row.text("behind it");
      const reader = new RowReader(Uint8Array.from(row.done()));
      expect(JSON.stringify(readGraph(reader))).toBe(JSON.stringify(value));
      expect(reader.text()).toBe("behind it");
    }),
    { numRuns: 2_000 },
  );
});

test("a graph of many texts comes back, each of them said before or not", () => {
  const row = new RowWriter();
  const text = fc.integer({ min: 0, max: 80 }).map((number) => `é${number}`.slice(number % 2));
  fc.assert(
    fc.property(fc.array(text, { minLength: 20, maxLength: 200 }), (texts) => {
      row.begin();
      writeGraph(row, texts);
      expect(readGraph(new RowReader(Uint8Array.from(row.done())))).toEqual(texts);
    }),
    { numRuns: 200 },
  );
});

test("rows of earlier formats are read, and written anew in the present one", () => {
  const database = new DatabaseSync(":memory:");
  migrate(database);
  const codec = new PersonStateCodec(new Names(database));
  const graph = { identities: [{ namespace: "A", id: "1", key: "A:1" }], latest: null };
  const row = new RowWriter();
  const part = new RowWriter();
  for (const format of [1, 2, 3]) {
    row.begin();
    row.varint(format);
    row.varint(1);
    row.text("A:1");
    for (const number of [3, 1_769_904_000_000]) row.number(number);
    row.text('{"eu":5}');
    row.blob(Uint8Array.of(0));
    part.begin();
    writeGraph(part, graph);
    row.blob(format === 3 ? part.done() : Buffer.from(JSON.stringify(graph)));
    row.blob(Uint8Array.of(7, 8));
    const read = codec.decode(Uint8Array.from(row.done()));
    expect(read).toEqual({
      identities: ["A:1"],
      graph,
      memberships: [],
      eventState: Uint8Array.of(7, 8),
      eventCount: 3,
      evaluatedAt: 1_769_904_000_000,
      regions: { eu: 5 },
    });
    const anew = codec.encode({ ...read, personId: "p", version: 2, fragments: [] });
    expect(codec.decode(Uint8Array.from(anew))).toEqual(read);
    expect(anew.length).toBeLessThan(row.done().length);
  }
});

test("persons come back with their identities, be they those of the graph or not", () => {
  const database = new DatabaseSync(":memory:");
  migrate(database);
  const codec = new PersonStateCodec(new Names(database));
  const key = fc.oneof(fc.constantFrom("A:1", "B:2", "é:\ud800"), anyText);
  const identities = fc.array(key, { maxLength: 4 });
  const graphs = fc.oneof(
    identities.map((keys) => ({ identities: keys.map((one) => ({ key: one })) })),
    fc.jsonValue().map((value) => ({ identities: value })),
    fc.constant({ identities: undefined }),
  );
  fc.assert(
    fc.property(fc.boolean(), identities, graphs, fc.boolean(), (same, keys, graph, known) => {
      const person = {
        identities: same && Array.isArray(graph.identities) ? keysOf(graph.identities) : keys,
        graph,
        memberships: [],
        ...(known ? { eventState: Uint8Array.of(keys.length), regions: { eu: 1 } } : {}),
        eventCount: 2,
        evaluatedAt: -1,
      };
      const bytes = codec.encode({ ...person, personId: "p", version: 1, fragments: [] });
      const read = codec.decode(Uint8Array.from(bytes));
      expect(read).toEqual({ ...person, graph: JSON.parse(JSON.stringify(graph)) });
      expect(codec.identitiesOf(Uint8Array.from(bytes))).toEqual(person.identities);
    }),
    { numRuns: 500 },
  );
});

function keysOf(listed: readonly unknown[]): readonly string[] {
  return listed.map((one) => {
    const { key } = (one ?? {}) as { readonly key?: unknown };
    return typeof key === "string" ? key : "";
  });
}

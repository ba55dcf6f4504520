import { createMemoryStore } from "@tessera/profile-store";
import type { JsonObject } from "@tessera/xdm";
import { describe, expect, it } from "vitest";
import { createHub, type Hub } from "../src/hub.ts";
import { createCsvReader } from "../src/rows/csv-reader.ts";
import { mapRow, parseRowMapping, type RowMapping } from "../src/rows/row-mapping.ts";
import { UnreadableRow } from "../src/rows/unreadable-row.ts";

const NOW = Date.parse("2026-02-01T00:00:00Z");

describe("CSV", () => {
  const cases: readonly [string, string, readonly object[]][] = [
    [
      "plain",
      "a,b\n1,2\n3,4\n",
      [
        { a: "1", b: "2" },
        { a: "3", b: "4" },
      ],
    ],
    [
      "no break at the end, CRLF, byte order mark",
      "\ufeffa,b\r\n1,2\r\n3,4",
      [
        { a: "1", b: "2" },
        { a: "3", b: "4" },
      ],
    ],
    [
      "quotes",
      'a,b\n"1,""x""\n2",\n"",y\n',
      [
        { a: '1,"x"\n2', b: "" },
        { a: "", b: "y" },
      ],
    ],
    ["empty lines and uneven rows", "a,b\n\n1\n1,2,3\n", [{ a: "1" }, { a: "1", b: "2", "+1": "3" }]],
    [
      "breaks of the kind that is CR alone",
      'a,b\r1,2\r3,"4\r5"\r',
      [
        { a: "1", b: "2" },
        { a: "3", b: "4\r5" },
      ],
    ],
    ["a quote inside a bare field", 'a\n5" pipe\n', [{ a: '5" pipe' }]],
  ];
  it.each(cases)("%s", (_name, text, rows) => {
    for (const size of [1, 2, 5, 1000]) {
      const reader = createCsvReader();
      const found: object[] = [];
      for (let at = 0; at < text.length; at += size) found.push(...reader.read(text.slice(at, at + size)));
      expect([...found, ...reader.end()]).toEqual(rows);
    }
  });

  it("a file that ends within quotes ends with a row that cannot be read, and holds all that followed", () => {
    const reader = createCsvReader();
    const rows = [...reader.read('a,b\n1,2\n3,"4\n5,6\n'), ...reader.end()];
    expect(rows).toEqual([{ a: "1", b: "2" }, expect.any(UnreadableRow)]);
    expect(rows[1]).toMatchObject({ code: "csv.quote", text: '3,"4\n5,6\n' });
  });

  it("another separator, and names that are no ordinary fields", () => {
    const reader = createCsvReader({ separator: ";" });
    const [row] = [...reader.read("a;__proto__\n1;2"), ...reader.end()];
    expect(Object.keys(row ?? {})).toEqual(["a", "__proto__"]);
  });
});

const MAPPING: RowMapping = {
  fields: [
    { identity: "CRMID", from: "id", primary: true },
    { to: "person.name.firstName", from: "first" },
    { to: "loyalty.points", from: "points", as: "integer" },
    { to: "loyalty.joined", from: "joined", as: "time" },
    { to: "optIn", from: "opt", as: "boolean" },
    { to: "tags", from: "tags", as: "list" },
    { to: "extra", from: "extra", as: "json" },
    { to: "source", value: "file" },
  ],
};

describe("rows", () => {
  it("become records", () => {
    const row = {
      id: "ada",
      first: "Ada",
      points: "7",
      joined: "2026-01-01T00:00:00+01:00",
      opt: "yes",
      tags: "a; b",
      extra: "[1]",
    };
    expect(mapRow(row, MAPPING)).toEqual({
      ok: true,
      value: {
        person: { name: { firstName: "Ada" } },
        loyalty: { points: 7, joined: "2025-12-31T23:00:00.000Z" },
        optIn: true,
        tags: ["a", "b"],
        extra: [1],
        source: "file",
        identityMap: { CRMID: [{ id: "ada", primary: true }] },
      },
    });
    expect(mapRow({ first: "", points: null }, MAPPING)).toEqual({ ok: true, value: { source: "file" } });
  });

  const bad: readonly [string, object][] = [
    ["points", { points: "many" }],
    ["points", { points: "1.5" }],
    ["joined", { joined: "soon" }],
    ["opt", { opt: "perhaps" }],
    ["extra", { extra: "{" }],
    ["first", { first: { a: 1 } }],
  ];
  it.each(bad)("a cell that cannot be read refuses the row: %s", (column, row) => {
    expect(mapRow(row as Record<string, unknown>, MAPPING)).toMatchObject({
      ok: false,
      error: { code: "row.value", path: [column] },
    });
  });

  it("a mapping is checked as a whole", () => {
    expect(parseRowMapping(MAPPING)).toMatchObject({ ok: true });
    const input = {
      fields: [
        { to: "a..b", from: "x" },
        { to: "__proto__.x", from: "x" },
        { to: "a" },
        { to: "b", from: "c", as: "colour" },
      ],
    };
    expect(parseRowMapping(input)).toMatchObject({ ok: false, error: { length: 4 } });
    expect(parseRowMapping({}).ok).toBe(false);
  });
});

describe("rows that do not fit", () => {
  const misfits: readonly [string, Readonly<Record<string, string>>, string, string][] = [
    ["too many cells", { id: "ada", first: "A", "+1": "b", "+2": "" }, "row.cells", "got 1 more"],
    ["none of the columns", { "id;first": "ada;A" }, "row.columns", "the columns id, first"],
    ["no number", { id: "ada", points: "many" }, "row.value", "a whole number for loyalty.points"],
    ["no time", { id: "ada", joined: "31.12.2025" }, "row.value", "2026-01-31T12:00:00Z"],
  ];
  it.each(misfits)("%s", (_name, row, code, said) => {
    const mapped = mapRow(row, MAPPING);
    expect(mapped.ok ? undefined : mapped.error.code).toBe(code);
    const message = mapped.ok ? "" : mapped.error.message;
    expect(message).toContain(said);
    for (const cell of ["many", "31.12", "ada"]) expect(message).not.toContain(cell);
  });

  it("empty cells beyond the columns are none", () => {
    expect(mapRow({ id: "ada", "+1": "" }, MAPPING).ok).toBe(true);
  });
});

describe("an import", () => {
  const open = async (store = createMemoryStore()): Promise<Hub> =>
    createHub({ store, clock: () => NOW, newId: () => "id" });
  const row = (number: number): object => ({
    id: `p${number % 5}`,
    first: `N${number}`,
    points: number === 7 ? "many" : "1",
  });

  it("goes on where it was cut short, and sets bad rows aside with their reason until they are mended", async () => {
    const store = createMemoryStore();
    const rows = Array.from({ length: 30 }, (_, index) => row(index));
    const cut = function* (): Generator<object> {
      yield* rows.slice(0, 17);
      throw new Error("the process ended");
    };
    const about = {
      importId: "file-1",
      datasetId: "crm",
      kind: "profile" as const,
      mapping: MAPPING,
      batch: 4,
    };
    await expect((await open(store)).importRows({ ...about, rows: cut() })).rejects.toThrow("ended");
    const hub = await open(store);
    expect(await hub.importProgress("file-1")).toMatchObject({ rows: 16, done: false });
    const seen: number[] = [];
    const end = await hub.importRows({ ...about, rows, onProgress: (progress) => seen.push(progress.rows) });
    expect(end).toMatchObject({ rows: 30, accepted: 29, rejected: 1, done: true });
    expect(seen[0]).toBe(20);
    expect(await hub.importRows({ ...about, rows })).toEqual(end);
    const [bad] = await hub.quarantined(9);
    expect(bad).toMatchObject({ code: "row.value", body: { id: "p2", points: "many" } });
    const ids = [bad?.id ?? ""];
    const replay = hub.replayQuarantined;
    expect(await replay([...ids, "none"], { mappingOf: () => MAPPING })).toMatchObject({
      accepted: 0,
      rejected: [
        { index: 0, code: "row.value" },
        { index: 1, code: "notFound" },
      ],
    });
    expect(await replay(ids)).toMatchObject({ rejected: [{ code: "mapping.missing" }] });
    expect(await hub.quarantined(9)).toHaveLength(1);
    const fix = (item: { readonly body: unknown }) => ({ ...(item.body as object), points: "3" });
    expect(await hub.replayQuarantined(ids, { mappingOf: () => MAPPING, fix })).toMatchObject({
      accepted: 1,
    });
    expect(await hub.quarantined(9)).toEqual([]);
  });

  it("of another file than it began with is refused; one that grew goes on", async () => {
    const hub = await open();
    const about = { importId: "file", datasetId: "crm", kind: "profile" as const, mapping: MAPPING };
    const rows = [row(1), row(2), row(3)];
    expect(await hub.importRows({ ...about, rows: [] })).toMatchObject({ rows: 0, done: true });
    expect(await hub.importRows({ ...about, rows })).toMatchObject({ accepted: 3, done: true });
    const end = await hub.importProgress("file");
    const others: readonly object[] = [
      { rows: [row(1), row(2), row(4), row(5)] },
      { rows: [row(1)] },
      { rows, datasetId: "loyalty" },
      { rows, operation: "delete" },
    ];
    for (const other of others) {
      const told = await hub.importRows({ ...about, rows, ...other });
      expect(told).toMatchObject({ rows: 3, accepted: 3, refused: { code: "import.otherFile" } });
      expect(await hub.importProgress("file")).toEqual(end);
    }
    expect((await hub.totals()).records).toBe(3);
    expect(await hub.importRows({ ...about, rows: [...rows, row(4)] })).toMatchObject({
      rows: 4,
      accepted: 4,
    });
  });

  it("a row whose record is refused lies in quarantine as the row it was, for a mended mapping", async () => {
    const hub = await open();
    const wrong: RowMapping = {
      fields: [
        { identity: "CRMID", from: "customer" },
        { to: "person.name.firstName", from: "first" },
      ],
    };
    const about = { importId: "f", datasetId: "crm", kind: "profile" as const, mapping: wrong };
    const rows = [{ id: "ada", first: "Ada" }];
    expect(await hub.importRows({ ...about, rows })).toMatchObject({ rejected: 1 });
    const [item] = await hub.quarantined(9);
    expect(item).toMatchObject({ code: "identity.missing", isRow: true, body: rows[0] });
    const ids = [item?.id ?? ""];
    expect(await hub.replayQuarantined(ids, { mappingOf: () => wrong })).toMatchObject({
      rejected: [{ code: "identity.missing" }],
    });
    expect(await hub.quarantined(9)).toMatchObject([{ id: ids[0], isRow: true, body: rows[0] }]);
    expect(await hub.replayQuarantined(ids, { mappingOf: () => MAPPING })).toMatchObject({ accepted: 1 });
    expect(await hub.quarantined(9)).toEqual([]);
    expect(await hub.profile({ namespace: "CRMID", id: "ada" })).toMatchObject({
      attributes: { person: { name: { firstName: "Ada" } } },
    });
  });

  it("equal events without an id are as many after a crash as without one", async () => {
    const event = {
      timestamp: "2026-01-01T00:00:00Z",
      eventType: "view",
      identityMap: { CRMID: [{ id: "a" }] },
    };
    const rows = Array.from({ length: 10 }, () => event);
    const about = { importId: "f", datasetId: "web", kind: "event" as const, batch: 3 };
    const store = createMemoryStore();
    const cut = function* (): Generator<object> {
      yield* rows.slice(0, 7);
      throw new Error("the process ended");
    };
    await expect((await open(store)).importRows({ ...about, rows: cut() })).rejects.toThrow();
    const hub = await open(store);
    expect(await hub.importRows({ ...about, rows })).toMatchObject({ rows: 10, accepted: 10, duplicates: 0 });
    expect((await hub.totals()).events).toBe(10);
  });

  it("events that are refused again stay, those that are accepted go", async () => {
    const hub = await open();
    await hub.ingestEvents("web", [
      { _id: "1", timestamp: "never", identityMap: { CRMID: [{ id: "a" }] } },
      { _id: "2", timestamp: "never", identityMap: { CRMID: [{ id: "b" }] } },
    ]);
    const ids = (await hub.quarantined(9)).map(({ id }) => id);
    const fix = (item: { readonly body: unknown }) => {
      const body = item.body as { readonly _id: string };
      return { ...body, timestamp: body._id === "1" ? "2026-01-01T00:00:00Z" : "still not" };
    };
    expect(await hub.replayQuarantined(ids, { fix })).toMatchObject({ accepted: 1, rejected: [{}] });
    expect(await hub.quarantined(9)).toMatchObject([{ body: { timestamp: "still not" } }]);
  });

  it("rows that cannot be read lie in quarantine with all others, as many as they are", async () => {
    const hub = await open();
    const rows = [
      new UnreadableRow("json.syntax", "not JSON", '{"id":'),
      { id: "a", first: "Ada" },
      new UnreadableRow("item.tooLarge", "too large"),
      new UnreadableRow("item.tooLarge", "too large"),
    ];
    const about = { importId: "f", datasetId: "crm", kind: "profile" as const, mapping: MAPPING };
    expect(await hub.importRows({ ...about, rows })).toMatchObject({ rows: 4, accepted: 1, rejected: 3 });
    const lying = await hub.quarantined(9);
    expect(lying.map(({ body }) => JSON.stringify(body)).sort()).toEqual([
      JSON.stringify('{"id":'),
      '{"importId":"f","row":3}',
      '{"importId":"f","row":4}',
    ]);
    const broken = lying.find(({ code }) => code === "json.syntax")?.id ?? "";
    expect(await hub.replayQuarantined([broken], { mappingOf: () => MAPPING })).toMatchObject({
      rejected: [{ code: "json.syntax" }],
    });
    const fix = (): JsonObject => ({ id: "b", first: "Bea" });
    expect(await hub.replayQuarantined([broken], { mappingOf: () => MAPPING, fix })).toMatchObject({
      accepted: 1,
    });
    expect(await hub.profile({ namespace: "CRMID", id: "b" })).toMatchObject({
      attributes: { person: { name: { firstName: "Bea" } } },
    });
    expect(await hub.discardQuarantined(lying.map(({ id }) => id))).toBe(2);
    expect(await hub.quarantined(9)).toEqual([]);
  });

  it("a partial update or a deletion that was refused is sent again as what it was", async () => {
    const hub = await open();
    const record = (points: number): JsonObject => ({ loyalty: { points }, optIn: true });
    const whose = { identityMap: { CRMID: [{ id: "ada", primary: true }] } };
    await hub.ingestRecords("crm", [{ ...whose, ...record(1) }]);
    await hub.ingestRecords("crm", [{ loyalty: { points: 2 } }], "merge");
    const mend = ({ body }: { readonly body: unknown }): JsonObject => ({
      ...(body as JsonObject),
      ...whose,
    });
    const replay = async (): Promise<unknown> => {
      const ids = (await hub.quarantined(9)).map(({ id }) => id);
      await hub.replayQuarantined(ids, { fix: mend });
      return (await hub.profile({ namespace: "CRMID", id: "ada" }))?.attributes;
    };
    expect(await replay()).toEqual(record(2));
    await hub.ingestRecords("crm", [{}], "delete");
    expect(await replay()).toEqual({});
  });

  it("what lies too deep to be data lies in quarantine as its text", async () => {
    const hub = await open();
    const text = `{"identityMap":{"CRMID":[{"id":"a"}]},"x":${'{"y":'.repeat(70)}1${"}".repeat(70)}}`;
    const told = await hub.ingestRecords("crm", [JSON.parse(text)]);
    expect(told).toMatchObject({ accepted: 0, rejected: [{ code: "record.json" }] });
    expect(told.rejected[0]?.message).toContain(
      "x.y.y.y.y.y.y.y.…: expected JSON data nested at most 64 deep",
    );
    expect((await hub.quarantined(9)).map(({ body }) => body)).toEqual([text]);
  });

  it("a dataset takes only what is of its kind", async () => {
    const hub = await open();
    await hub.saveDataset({ id: "web", kind: "event" });
    const told = await hub.ingestRecords("web", [{ identityMap: { CRMID: [{ id: "ada" }] } }]);
    expect([told.accepted, told.rejected.map(({ code }) => code)]).toEqual([0, ["dataset.kind"]]);
    expect(await hub.quarantined(9)).toMatchObject([{ kind: "record", code: "dataset.kind" }]);
  });
});

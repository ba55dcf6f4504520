import { readFileSync } from "node:fs";
import { gunzipSync } from "node:zlib";
import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  idSyncFileName,
  idSyncLine,
  inboundFileName,
  type InboundFileSpec,
  inboundFolder,
  type InboundItem,
  inboundLines,
  type InboundRecord,
  type InboundCheckpoint,
  parseInboundLine,
  writeIdSyncFiles,
  writeInboundFiles,
} from "../index.ts";

const AT = "2026-01-31T12:00:00Z";
const spec: InboundFileSpec = { dataProviderId: 1234, mode: "sync", at: AT, gzip: false };
const golden = (name: string): string =>
  readFileSync(new URL(`../../fixtures/golden/${name}`, import.meta.url), "utf8");

/** An independent reader, written against the format and not against the writer: splits by hand, knows no issue. */
function readBack(text: string): { user: string; items: string[] }[] {
  expect(text.endsWith("\n")).toBe(true);
  return text
    .slice(0, -1)
    .split("\n")
    .map((line) => {
      expect(new TextEncoder().encode(line).length).toBeLessThanOrEqual(102_400);
      const fields = line.split("\t");
      expect(fields).toHaveLength(2);
      const items: string[] = [];
      let item = "";
      let quoted = false;
      for (const unit of fields[1] ?? "") {
        if (unit === '"') quoted = !quoted;
        if (unit === "," && !quoted) {
          items.push(item);
          item = "";
        } else item += unit;
      }
      return { user: fields[0] ?? "", items: [...items, item] };
    });
}

async function collect(chunks: AsyncIterable<Uint8Array>): Promise<Buffer> {
  const parts: Uint8Array[] = [];
  for await (const chunk of chunks) parts.push(chunk);
  return Buffer.concat(parts);
}

async function write(
  file: InboundFileSpec,
  records: readonly InboundRecord[],
  options?: Parameters<typeof writeInboundFiles>[2],
): Promise<{ name: string; bytes: Buffer; result: unknown }[]> {
  const files = [];
  for await (const part of writeInboundFiles(file, (skip) => records.slice(skip), options)) {
    const bytes = await collect(part.chunks);
    files.push({ name: part.name, bytes, result: part.result() });
  }
  return files;
}

const RECORDS: readonly InboundRecord[] = [
  {
    userId: "59767559181262060060278870901087098252",
    items: [
      { kind: "trait", sid: 24 },
      { kind: "trait", sid: 26 },
      { kind: "untrait", sid: 28 },
    ],
  },
  {
    userId: "12345678901234567890123456789012345678",
    items: [{ kind: "signal", key: "segID", value: "a-1, b-2" }],
  },
  {
    userId: "dpuuid-1",
    items: [
      { kind: "code", code: "52" },
      { kind: "trait", sid: 7 },
    ],
  },
];

describe("names", () => {
  it.each([
    [inboundFileName(spec), "ftp_dpm_1234_1769860800.sync"],
    [inboundFileName({ ...spec, mode: "overwrite" }), "ftp_dpm_1234_1769860800.overwrite"],
    [inboundFileName({ ...spec, gzip: true }, 2), "ftp_dpm_1234_1769860800.sync.2.gz"],
    [inboundFileName({ ...spec, targetDataSourceId: 20914 }, 1), "ftp_dpm_1234_20914_1769860800.sync.1"],
    [inboundFolder("acme", "2026-01-31T23:30:00-05:00"), "acme/date=2026-02-01/"],
    [
      idSyncFileName({
        prefix: "adobe_id",
        masterDataSourceId: 0,
        dataSourceIds: [12345],
        at: AT,
        gzip: false,
      }),
      "adobe_id_0_12345_1769860800.sync",
    ],
    [
      idSyncFileName(
        { prefix: "c2c_id", masterDataSourceId: 111, dataSourceIds: [222, 333], at: AT, gzip: true },
        3,
      ),
      "c2c_id_111_222_333_1769860800.sync.3.gz",
    ],
  ])("%s", (came, wanted) => expect(came).toBe(wanted));
});

describe("inbound files", () => {
  it("are written as the golden files", async () => {
    for (const mode of ["sync", "overwrite"] as const) {
      const [file] = await write({ ...spec, mode }, RECORDS);
      expect(file?.bytes.toString()).toBe(golden(`traits.${mode}`));
    }
    const [zipped] = await write({ ...spec, gzip: true }, RECORDS);
    expect(gunzipSync(zipped?.bytes ?? Buffer.alloc(0)).toString()).toBe(golden("traits.sync"));
  });

  it("are read back by an independent reader, and by our own", () => {
    const item: fc.Arbitrary<InboundItem> = fc.oneof(
      fc.record({ kind: fc.constant("trait" as const), sid: fc.nat() }),
      fc.record({ kind: fc.constant("untrait" as const), sid: fc.nat() }),
      fc.record({
        kind: fc.constant("signal" as const),
        key: fc.stringMatching(/^[a-z_]{1,8}$/),
        value: fc.string({ unit: "binary" }),
      }),
    );
    fc.assert(
      fc.property(
        fc.record({ userId: fc.string({ unit: "binary" }), items: fc.array(item, { maxLength: 8 }) }),
        (record) => {
          const lines = inboundLines(record);
          if (!lines.ok) return;
          const [line] = readBack(`${lines.value.join("\n")}\n`);
          expect(line?.user).toBe(record.userId);
          expect(line?.items).toHaveLength(record.items.length);
          const ours = parseInboundLine(lines.value[0] ?? "");
          expect(ours.ok && ours.value).toEqual(record);
        },
      ),
      { numRuns: 500 },
    );
  });

  it.each([
    ["a tab in the id", { userId: "a\tb", items: [{ kind: "trait", sid: 1 }] }, "aam.file.userId"],
    ["a line end in the id", { userId: "a\nb", items: [{ kind: "trait", sid: 1 }] }, "aam.file.userId"],
    ["a colon in the id", { userId: "a:b", items: [{ kind: "trait", sid: 1 }] }, "aam.file.userId"],
    ["an encoded colon", { userId: "a%3Ab", items: [{ kind: "trait", sid: 1 }] }, "aam.file.userId"],
    ["no id", { userId: "", items: [{ kind: "trait", sid: 1 }] }, "aam.file.userId"],
    ["no items", { userId: "a", items: [] }, "aam.file.empty"],
    ["half a trait", { userId: "a", items: [{ kind: "trait", sid: 1.5 }] }, "aam.file.item"],
    [
      "a quote in a value",
      { userId: "a", items: [{ kind: "signal", key: "k", value: 'x"y' }] },
      "aam.file.item",
    ],
    [
      "a line end in a value",
      { userId: "a", items: [{ kind: "signal", key: "k", value: "x\ny" }] },
      "aam.file.item",
    ],
    [
      "one item beyond a line",
      { userId: "a", items: [{ kind: "signal", key: "k", value: "x".repeat(102_400) }] },
      "aam.file.line",
    ],
  ] as [string, InboundRecord, string][])("refuse %s", (_, record, code) => {
    const lines = inboundLines(record);
    expect(!lines.ok && lines.error.code).toBe(code);
  });

  it("break long records into lines of at most 102,400 bytes, and refuse more than 200", () => {
    const traits = (count: number): InboundItem[] =>
      Array.from({ length: count }, (_, index) => ({ kind: "trait", sid: 1_000_000 + index }));
    const lines = inboundLines({ userId: "é".repeat(20), items: traits(20_000) });
    expect(lines.ok && lines.value.length).toBe(3);
    const back = readBack(lines.ok ? `${lines.value.join("\n")}\n` : "\n");
    expect(back.flatMap(({ items }) => items)).toHaveLength(20_000);
    const many = inboundLines({ userId: "a", items: traits(1_500_000) });
    expect(!many.ok && many.error.code).toBe("aam.file.lines");
  });

  it("report refused records by position and write the others", async () => {
    const bad: InboundRecord = { userId: "", items: [] };
    const [file] = await write(spec, [bad, ...RECORDS, bad]);
    expect(file?.bytes.toString()).toBe(golden("traits.sync"));
    expect(file?.result).toMatchObject({
      lines: 3,
      refusedCount: 2,
      refused: [{ record: 0 }, { record: 4 }],
    });
  });

  it("are never empty", async () => {
    expect(await write(spec, [])).toEqual([]);
    expect(await write(spec, [{ userId: "", items: [] }])).toEqual([]);
  });

  it("split at the limit; a break after any part is resumed without a double or a hole", async () => {
    const records = Array.from({ length: 5000 }, (_, index): InboundRecord => ({
      userId: index % 97 === 0 ? "" : `user-${index}`,
      items: [{ kind: "trait", sid: index }],
    }));
    const whole = await write(spec, records, { maxRawBytes: 10_000 });
    expect(whole.length).toBeGreaterThan(5);
    for (const { bytes } of whole) expect(bytes.length).toBeLessThanOrEqual(10_000);
    for (let broken = 0; broken < whole.length; broken += 3) {
      const stored = new Map<string, string>();
      let checkpoint: { part: number; records: number } | undefined;
      for await (const part of writeInboundFiles(spec, (skip) => records.slice(skip), {
        maxRawBytes: 10_000,
      })) {
        const bytes = await collect(part.chunks);
        // The break comes while this part is being stored: half of it is there.
        stored.set(part.name, bytes.toString().slice(0, 100));
        if (stored.size > broken) break;
        stored.set(part.name, bytes.toString());
        checkpoint = part.result().checkpoint;
      }
      const rest = await write(spec, records, {
        maxRawBytes: 10_000,
        ...(checkpoint && { resume: checkpoint }),
      });
      for (const { name, bytes } of rest) stored.set(name, bytes.toString());
      expect([...stored]).toEqual(whole.map(({ name, bytes }) => [name, bytes.toString()]));
    }
    const users = whole.flatMap(({ bytes }) => readBack(bytes.toString()).map(({ user }) => user));
    expect(users).toEqual(records.map(({ userId }) => userId).filter((id) => id !== ""));
  });

  it("100,000 changes: about 64 KB at a time, no record read ahead of its chunk", async () => {
    let given = 0;
    const source = function* (skip: number): Generator<InboundRecord> {
      for (given = skip; given < 100_000; given += 1)
        yield { userId: String(given).padStart(38, "3"), items: [{ kind: "trait", sid: given % 500 }] };
    };
    let bytes = 0;
    let lines = 0;
    for await (const part of writeInboundFiles(spec, source)) {
      for await (const chunk of part.chunks) {
        expect(chunk.length).toBeLessThan(66_000);
        bytes += chunk.length;
        expect(given * 40).toBeLessThan(bytes + 66_000);
      }
      lines += part.result().lines;
    }
    expect(lines).toBe(100_000);
  });

  it("hand a broken source on as an error, with gzip too", async () => {
    async function* broken(): AsyncGenerator<InboundRecord> {
      for (let index = 0; index < 20_000; index += 1)
        yield { userId: `u${index}`, items: [{ kind: "trait", sid: 1 }] };
      throw new Error("the store went away");
    }
    for (const gzip of [false, true]) {
      await expect(async () => {
        for await (const part of writeInboundFiles({ ...spec, gzip }, broken)) await collect(part.chunks);
      }).rejects.toThrow("the store went away");
    }
  });
});

describe("parseInboundLine", () => {
  it.each([
    ["u\td_sid=24,d_unsid=28", ["trait 24", "untrait 28"]],
    ["u\t28:0,29:-1", ["untrait 28", "untrait 29"]],
    ['u\t"gender"="female","city"="New York, NY"', ["gender=female", "city=New York, NY"]],
    ['u\tage=32,model = "pickup truck"', ["age=32", "model=pickup truck"]],
    ["u\t30608,ic=55", ["ic 30608", "ic 55"]],
    ["u", false],
    ["u\t", false],
    ["u\ta\tb", false],
    ["u\td_sid=x", false],
  ] as [string, string[] | false][])("%j", (line, wanted) => {
    const parsed = parseInboundLine(line);
    const items =
      parsed.ok &&
      parsed.value.items.map((item) =>
        item.kind === "signal"
          ? `${item.key}=${item.value}`
          : item.kind === "code"
            ? `ic ${item.code}`
            : `${item.kind} ${item.sid}`,
      );
    expect(items).toEqual(wanted);
  });
});

describe("ID synchronisation files", () => {
  const ids = {
    prefix: "adobe_id",
    masterDataSourceId: 0,
    dataSourceIds: [12345],
    at: AT,
    gzip: false,
  } as const;

  it("are written as the golden file, refused rows aside", async () => {
    const refused: [number, string][] = [];
    const rows = [
      ["68079982765673198504052656074456196039", "XYZ3017D"],
      ["68079982765673198504052656074456196039", "someone@example.test"],
      ["67412682083411995725538770443620307584", "XYZ3017B"],
    ];
    for await (const part of writeIdSyncFiles(ids, (skip) => rows.slice(skip))) {
      expect(part.name).toBe("adobe_id_0_12345_1769860800.sync.1");
      expect((await collect(part.chunks)).toString()).toBe(golden("id-sync.sync"));
      for (const { record, issue } of part.result().refused) refused.push([record, issue.code]);
    }
    expect(refused).toEqual([[1, "aam.idSync.personal"]]);
  });

  it("split and compress like inbound files, and are resumed without a double or a hole", async () => {
    const rows = Array.from({ length: 1000 }, (_, n) => [`${n}`.padStart(38, "1"), `XYZ${n}`]);
    const zipped = { ...ids, gzip: true };
    const read: string[] = [];
    let resume: InboundCheckpoint | undefined;
    const names: string[] = [];
    for (;;) {
      const parts = writeIdSyncFiles(zipped, (skip) => rows.slice(skip), {
        maxRawBytes: 10_000,
        ...(resume && { resume }),
      });
      const next = await parts.next();
      if (next.done === true) break;
      names.push(next.value.name);
      const text = gunzipSync(await collect(next.value.chunks)).toString();
      expect(text.length).toBeLessThanOrEqual(10_000);
      read.push(...text.slice(0, -1).split("\n"));
      // The process ends here; another goes on with what was kept.
      resume = JSON.parse(JSON.stringify(next.value.result().checkpoint)) as InboundCheckpoint;
    }
    expect(names).toEqual(names.map((_, n) => `adobe_id_0_12345_1769860800.sync.${n + 1}.gz`));
    expect(read).toEqual(rows.map((row) => row.join("\t")));
  });

  it.each([
    [["1"], "aam.idSync.columns"],
    [["1", "2", "3"], "aam.idSync.columns"],
    [["1", ""], "aam.idSync.id"],
    [["1", "a "], "aam.idSync.id"],
    [["1", "a\tb"], "aam.idSync.id"],
    [["1", "a%20b"], "aam.idSync.encoded"],
  ])("refuse %j", (row, code) => {
    const line = idSyncLine(ids, row);
    expect(!line.ok && line.error.code).toBe(code);
  });
});

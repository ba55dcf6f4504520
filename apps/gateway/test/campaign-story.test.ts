import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { FieldMapping } from "@tessera/destinations";
import { createMemoryStore } from "@tessera/profile-store";
import { parse } from "csv-parse/sync";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { CATALOG } from "../src/catalog.ts";
import { createExportScheduler, type ExportScheduler } from "../src/delivery/export-schedule.ts";
import { openSandbox } from "../src/sandbox.ts";
import { createSender } from "../src/transports/send.ts";

const KEY: FieldMapping = {
  source: { kind: "identity", namespace: "loyaltyId" },
  target: "external_id",
  dedup: true,
};
const CITY: FieldMapping = { source: { kind: "attribute", path: "homeAddress.city" }, target: "city" };
const STATUS: FieldMapping = { source: { kind: "membership-status" }, target: "segmentMembershipStatus" };
const card = (id: string): { readonly namespace: string; readonly id: string } => ({
  namespace: "loyaltyId",
  id,
});

/** A customer's record; `also` is another card on the same record, which makes the two one person. */
function record(id: string, tier: string, also?: string): object {
  return {
    identityMap: { loyaltyId: [{ id, primary: true }, ...(also === undefined ? [] : [{ id: also }])] },
    loyalty: { tier },
    homeAddress: { city: "Basel" },
  };
}

describe("Campaign's files of a real hub over two days, every six hours", () => {
  const folder = mkdtempSync(join(tmpdir(), "tessera-story-"));
  const zone = join(folder, "dlz");
  let moment = Date.parse("2026-02-01T05:00:00Z");
  let sandbox: Awaited<ReturnType<typeof openSandbox>>;
  let schedulers: readonly ExportScheduler[] = [];
  let destinationId = "";
  let dataflowId = "";
  let tick = 0;

  beforeAll(async () => {
    sandbox = await openSandbox({
      name: "prod",
      organisation: "o@Org",
      store: createMemoryStore(),
      catalog: CATALOG,
      clock: () => moment,
      newId: () => `id${(tick += 1)}`,
      timers: false,
      onError: (what, error) => {
        throw new Error(what, { cause: error });
      },
    });
    const send = createSender({ filesFolder: folder, secret: () => undefined, now: () => moment });
    const process = (): ExportScheduler =>
      createExportScheduler(sandbox, {
        send,
        clock: () => moment,
        delivery: { record: () => Promise.resolve() },
      });
    schedulers = [process(), process()];
    const audience = await sandbox.hub.createAudience({
      name: "Gold customers",
      expression: { type: "PQL", format: "pql/text", value: 'loyalty.tier = "gold"' },
    });
    const destination = await sandbox.hub.createDestination({
      name: "Campaign",
      type: "adobe-campaign-managed-services",
      settings: {
        instance: "acme-mkt-prod1",
        targetMapping: "mapRecipient",
        syncType: "audience",
        landingZone: { kind: "local", folder: "dlz" },
      },
    });
    if (!audience.ok || !destination.ok) throw new Error(JSON.stringify([audience, destination]));
    destinationId = destination.value.stored.id;
    const activated = await sandbox.hub.activateAudiences({
      destinationId,
      audienceIds: [audience.value.id],
      mapping: [KEY, STATUS],
    });
    if (!activated.ok) throw new Error(JSON.stringify(activated.error));
    dataflowId = activated.value.id;
    const schedule = { mode: "incremental", everyHours: 6, time: "00:00" } as const;
    const saved = await sandbox.hub.saveDataflow({
      ...activated.value,
      audiences: activated.value.audiences.map((one) => ({
        ...one,
        schedule,
        startsAt: "2026-02-01T05:30:00Z",
        endsAt: "2026-02-03T00:00:00Z",
      })),
    });
    if (!saved.ok) throw new Error(JSON.stringify(saved.error));
  });
  afterAll(async () => {
    await sandbox.close();
    rmSync(folder, { recursive: true, force: true });
  });

  const ingest = async (at: string, ...records: object[]): Promise<void> => {
    moment = Date.parse(at);
    await sandbox.hub.ingestRecords("crm", records);
  };
  const files = (): readonly string[] =>
    readdirSync(zone, { withFileTypes: true })
      .map(({ name }) => name)
      .filter((name) => name.endsWith(".csv"))
      .sort();

  const steps: readonly {
    readonly name: string;
    readonly happens: () => Promise<unknown>;
    readonly at: string;
    readonly rows: readonly (readonly string[])[] | undefined;
  }[] = [
    {
      name: "the first file holds everyone who is in",
      happens: () =>
        ingest(
          "2026-02-01T05:10:00Z",
          record("ada", "gold"),
          record("bob", "gold"),
          record("cy", "silver"),
          record("dan", "silver"),
          record("eve", "silver"),
        ),
      at: "2026-02-01T06:00:00Z",
      rows: [
        ["ada", "realized"],
        ["bob", "realized"],
      ],
    },
    {
      name: "an exit and an entry",
      happens: async () => {
        await ingest("2026-02-01T08:00:00Z", record("bob", "silver"));
        await ingest("2026-02-01T09:00:00Z", record("cy", "gold"));
      },
      at: "2026-02-01T12:00:00Z",
      rows: [
        ["bob", "exited"],
        ["cy", "realized"],
      ],
    },
    {
      name: "a re-entry",
      happens: () => ingest("2026-02-01T13:00:00Z", record("bob", "gold")),
      at: "2026-02-01T18:00:00Z",
      rows: [["bob", "realized"]],
    },
    {
      name: "two slots are missed and caught up once; two who became one person have a row each",
      happens: () => ingest("2026-02-01T19:00:00Z", record("dan", "gold", "eve")),
      at: "2026-02-02T07:30:00Z",
      rows: [
        ["dan", "realized"],
        ["eve", "realized"],
      ],
    },
    {
      name: "split again: each goes their own way",
      happens: async () => {
        await ingest("2026-02-02T08:00:00Z", record("eve", "gold"));
        moment = Date.parse("2026-02-02T09:00:00Z");
        const unlinked = await sandbox.hub.unlinkIdentities(card("dan"), card("eve"));
        if (!unlinked.ok) throw new Error(JSON.stringify(unlinked.error));
        await ingest("2026-02-02T10:00:00Z", record("eve", "silver"));
      },
      at: "2026-02-02T12:00:00Z",
      rows: [["eve", "exited"]],
    },
    {
      name: "a changed mapping: what changed since has the new column",
      happens: async () => {
        moment = Date.parse("2026-02-02T13:00:00Z");
        const [dataflow] = sandbox.hub.destinations().get(destinationId)?.dataflows ?? [];
        if (dataflow?.id !== dataflowId) throw new Error("the dataflow is gone");
        const saved = await sandbox.hub.saveDataflow({ ...dataflow, mapping: [KEY, CITY, STATUS] });
        if (!saved.ok) throw new Error(JSON.stringify(saved.error));
        await ingest("2026-02-02T14:00:00Z", record("ada", "silver"), record("finn", "gold"));
      },
      at: "2026-02-02T18:00:00Z",
      rows: [
        ["ada", "Basel", "exited"],
        ["finn", "Basel", "realized"],
      ],
    },
    {
      name: "the end is exclusive",
      happens: () => ingest("2026-02-02T19:00:00Z", record("gil", "gold")),
      at: "2026-02-03T00:00:00Z",
      rows: undefined,
    },
  ];

  it.each(steps)("$at: $name", async ({ happens, at, rows }) => {
    const before = at === steps[0]?.at ? [] : files();
    await happens();
    moment = Date.parse(at);
    const written = await Promise.all(schedulers.map((scheduler) => scheduler.run()));
    expect(written.filter((count) => count > 0).length).toBe(rows === undefined ? 0 : 1);
    const [name, ...more] = files().filter((file) => !before.includes(file));
    expect(more).toEqual([]);
    if (rows === undefined || name === undefined) {
      expect(name).toBeUndefined();
      return;
    }
    const read = parse(readFileSync(join(zone, name), "utf8")) as string[][];
    expect(read[0]).toEqual(
      rows[0]?.length === 3
        ? ["external_id", "city", "segmentMembershipStatus"]
        : ["external_id", "segmentMembershipStatus"],
    );
    expect(read.slice(1).sort()).toEqual([...rows].sort());
    for (const scheduler of schedulers) expect(await scheduler.run()).toBe(0);
  });
});

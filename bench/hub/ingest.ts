// node --conditions=@tessera/source bench/hub/ingest.ts [--persons 50000] [--history 0] [--events 200000] [--batch 1000] [--inflight 2] [--store sqlite|memory] [--json]
// Events through the whole flow: parse, link, derive, evaluate 200 audiences, commit and flush.
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { createHub, type Hub } from "@tessera/hub";
import { createMemoryStore, type HubStore } from "@tessera/profile-store";
import { openSqliteStore } from "@tessera/store-sqlite";
import { type Figure, mustEqual, percentile, print } from "../stores/measure.ts";
import { audienceQueries, eventOf, picker, random, recordOf } from "./workload.ts";

const { values } = parseArgs({
  options: {
    persons: { type: "string", default: "50000" },
    history: { type: "string", default: "0" },
    events: { type: "string", default: "200000" },
    batch: { type: "string", default: "1000" },
    inflight: { type: "string", default: "2" },
    audiences: { type: "string", default: "200" },
    store: { type: "string", default: "sqlite" },
    skew: { type: "string", default: "both" },
    folder: { type: "string", default: tmpdir() },
    json: { type: "boolean", default: false },
  },
});
const START = Date.parse("2026-02-01T00:00:00Z");
const persons = Number(values.persons);
const size = Number(values.batch);
const batches = Math.floor(Number(values.events) / size);

const folder = mkdtempSync(join(values.folder, "tessera-bench-hub-"));
try {
  for (const skewed of values.skew === "both" ? [false, true] : [values.skew === "yes"]) await run(skewed);
} finally {
  rmSync(folder, { recursive: true, force: true });
}

async function run(skewed: boolean): Promise<void> {
  const path = join(folder, `${skewed ? "skewed" : "even"}.db`);
  const store: HubStore = values.store === "memory" ? createMemoryStore() : openSqliteStore({ path });
  let now = START;
  let ids = 0;
  let changes = 0;
  const onMemberships = (told: readonly unknown[]): void => {
    changes += told.length;
  };
  const hub = await createHub({ store, clock: () => now, newId: () => `id${(ids += 1)}`, onMemberships });
  await makeAudiences(hub);
  const records = await inBatches(persons, async (from, to) => {
    now += 10;
    await hub.ingestRecords(
      "crm",
      Array.from({ length: to - from }, (_, index) => recordOf(from + index)),
    );
  });
  const pick = picker(persons, skewed, random(7));
  let number = 0;
  const waits: number[] = [];
  let cpu = 0;
  let total = 0;
  const rates: number[] = [];
  const next = (): string => {
    now += 1000;
    return JSON.stringify(
      Array.from({ length: size }, (_, index) =>
        eventOf((number += 1), pick(), now - 1000 + Math.floor((index * 1000) / size)),
      ),
    );
  };
  const send = async (text: string): Promise<number> => {
    const from = performance.now();
    const report = await hub.ingestEvents("web", JSON.parse(text) as unknown[]);
    mustEqual("accepted", report.accepted, size);
    return performance.now() - from;
  };
  const inFlight = Number(values.inflight);
  let taken = 0;
  // So many events of each person, on average, lie before the ones that are measured.
  for (; taken * size < persons * Number(values.history); taken += 1) await send(next());
  // Requests come in `inflight` at a time, made beforehand. The first fifth warms up and is not counted.
  for (let batch = 0; batch < batches; batch += inFlight) {
    const texts = Array.from({ length: inFlight }, next);
    const [from, used] = [performance.now(), process.cpuUsage()];
    const times = await Promise.all(texts.map(send));
    const took = performance.now() - from;
    const { user, system } = process.cpuUsage(used);
    taken += texts.length;
    if (batch < batches / 5) {
      changes = 0;
      continue;
    }
    cpu += user + system;
    total += took;
    waits.push(...times);
    rates.push((texts.length * size * 1000) / took);
  }
  mustEqual("events stored", (await store.totals()).events, taken * size);
  const changesOfOne = changes / (waits.length * size);
  const single: number[] = [];
  for (let turn = 0; turn < 300; turn += 1) {
    now += 5;
    const event = eventOf((number += 1), pick(), now);
    const from = performance.now();
    await hub.ingestEvents("web", [event]);
    single.push(performance.now() - from);
  }
  await check(hub, now);
  const figures: Figure[] = [
    { what: "records, whole flow", value: records, unit: "records/s" },
    { what: "events, whole flow", value: (waits.length * size * 1000) / total, unit: "events/s" },
    {
      what: "  for a second of processor time, threads of the engine included",
      value: (waits.length * size * 1e6) / cpu,
      unit: "events/s",
    },
    { what: "  memberships that change with one event", value: changesOfOne, unit: "" },
    { what: "  median batch", value: percentile(rates, 0.5), unit: "events/s" },
    {
      what: `a batch of ${size} until its memberships are committed, p50`,
      value: percentile(waits, 0.5),
      unit: "ms",
    },
    {
      what: `a batch of ${size} until its memberships are committed, p99`,
      value: percentile(waits, 0.99),
      unit: "ms",
    },
    {
      what: "one event until its memberships are committed, p50",
      value: percentile(single, 0.5),
      unit: "ms",
    },
    {
      what: "one event until its memberships are committed, p99",
      value: percentile(single, 0.99),
      unit: "ms",
    },
  ];
  const kind = skewed ? "70 % of the events on 30 % of the persons" : "events spread evenly";
  print(
    `${values.store}: ${persons.toLocaleString("en-US")} persons, ${values.audiences} audiences, ${kind}`,
    figures,
  );
  await store.close();
}

async function makeAudiences(hub: Hub): Promise<void> {
  for (const [index, value] of audienceQueries().slice(0, Number(values.audiences)).entries()) {
    const made = await hub.createAudience({
      name: `a${index}`,
      expression: { type: "PQL", format: "pql/text", value },
      evaluation: "streaming",
    });
    if (!made.ok) throw new Error(JSON.stringify(made.error));
  }
}

/** Records a second. */
async function inBatches(count: number, work: (from: number, to: number) => Promise<void>): Promise<number> {
  const from = performance.now();
  for (let at = 0; at < count; at += size) await work(at, Math.min(count, at + size));
  return (count / (performance.now() - from)) * 1000;
}

/** Figures of a wrong answer mean nothing: the memberships of some persons are derived anew and compared. */
async function check(hub: Hub, now: number): Promise<void> {
  const asked = [1, 7, 23].map((number) => ({ namespace: "CRMID", id: `c${number}` }));
  const held = await hub.readMany(asked);
  for (const [index, identity] of asked.entries()) {
    const members = (view: (typeof held)[number]): readonly string[] =>
      Object.entries(view?.segmentMembership["ups"] ?? {})
        .filter(([, { status }]) => status === "realized")
        .map(([id]) => id)
        .sort();
    const anew = await hub.profile(identity, { asOf: new Date(now).toISOString() });
    mustEqual("memberships", members(held[index]), members(anew));
  }
}

// Delivery over SQLite as the gateway runs it: changes of persons and what destinations are to be told of them in one
// commit, then the engine over that outbox with the journal (log lines, dead letters) in the same file.
//   node --conditions=@tessera/source bench/destinations/delivery-store.ts [--persons 5000] [--rounds 3] [--json]
// Every round is checked before its time counts: each change arrived once, in each person's order, and stands in the log.
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import {
  catalogEntry,
  createDeliveryEngine,
  createMemoryOutbox,
  createRelayedOutbox,
  type DeliveryJournal,
  type DeliveryStore,
  type FinishedItem,
  httpProfileExport,
  type OutboxItem,
  type OutboxSource,
  type Send,
} from "@tessera/destinations";
import { createHub, type Hub } from "@tessera/hub";
import type { HubStore } from "@tessera/profile-store";
import { openSqliteStore } from "@tessera/store-sqlite";
import { type Figure, mustEqual, percentile, print } from "../stores/measure.ts";

const { values } = parseArgs({
  options: {
    persons: { type: "string", default: "5000" },
    rounds: { type: "string", default: "3" },
    json: { type: "boolean", default: false },
  },
});
const PERSONS = Number(values.persons);
const ROUNDS = Number(values.rounds);
const START = Date.parse("2026-02-01T00:00:00Z");
/** Each person enters, leaves and enters again. */
const TIERS = ["gold", "none", "gold"] as const;
const CHANGES = PERSONS * TIERS.length;
const AT_ONCE = 500;
const CONCURRENCY = 8;
/** Persons with so many lines in their logs already, and so many more. */
const LOGS = 40;
const LINES = 500;
const MORE = 30;

const gateway = (file: string): string =>
  new URL(`../../apps/gateway/src/delivery/${file}`, import.meta.url).href;
const { createJournal } = (await import(gateway("journal.ts"))) as {
  readonly createJournal: (store: HubStore) => DeliveryJournal;
};
const { outboxSource } = (await import(gateway("outbox-source.ts"))) as {
  readonly outboxSource: (store: HubStore) => OutboxSource;
};

interface Took {
  readonly seconds: number;
  readonly cpuSeconds: number;
}

async function timed(work: () => Promise<void>): Promise<Took> {
  const [from, cpu] = [performance.now(), process.cpuUsage()];
  await work();
  const { user, system } = process.cpuUsage(cpu);
  return { seconds: (performance.now() - from) / 1000, cpuSeconds: (user + system) / 1e6 };
}

const record = (person: number, tier: string): object => ({
  identityMap: { CRMID: [{ id: `C${person}`, primary: true }] },
  loyalty: { tier },
  person: { name: { firstName: `N${person}` } },
});

async function open(
  store: HubStore,
  clock: () => number,
  batchSize: number,
): Promise<{ readonly hub: Hub; readonly destinationId: string }> {
  let ids = 0;
  const hub = await createHub({
    store,
    clock,
    newId: () => `id-${(ids += 1)}`,
    catalog: [catalogEntry(httpProfileExport)],
  });
  const audience = await hub.createAudience({
    name: "gold",
    expression: { type: "PQL", format: "pql/text", value: 'loyalty.tier = "gold"' },
  });
  const made = await hub.createDestination({
    name: "receiver",
    type: "http-profile-export",
    settings: { url: "https://receiver.example/", batchSize },
  });
  if (!audience.ok || !made.ok) throw new Error("It could not be made.");
  const destinationId = made.value.stored.id;
  const activated = await hub.activateAudiences({
    destinationId,
    audienceIds: [audience.value.id],
    mapping: [
      { source: { kind: "identity", namespace: "CRMID" }, target: "CRMID" },
      { source: { kind: "attribute", path: "person.name.firstName" }, target: "first" },
    ],
  });
  if (!activated.ok) throw new Error("It was refused.");
  return { hub, destinationId };
}

async function ingest(hub: Hub, tick: () => void): Promise<void> {
  for (const tier of TIERS) {
    tick();
    for (let from = 0; from < PERSONS; from += AT_ONCE) {
      const some = Array.from({ length: Math.min(AT_ONCE, PERSONS - from) }, (_, n) =>
        record(from + n, tier),
      );
      await hub.ingestRecords("crm", some);
    }
  }
}

/** A receiver that takes everything at once and knows in which order each person's changes came. */
function receiver(): { readonly send: Send; readonly check: () => void } {
  const seen = new Map<string, string[]>();
  return {
    send: async (request) => {
      if (request.kind !== "http") throw new Error("no files");
      const body = JSON.parse(request.body ?? "{}") as {
        readonly profiles?: readonly Profile[];
      } & Profile;
      for (const { identityMap, segmentMembership } of body.profiles ?? [body]) {
        const who = Object.values(identityMap)[0]?.[0]?.id ?? "";
        const status = Object.values(segmentMembership["ups"] ?? {})[0]?.status ?? "";
        const before = seen.get(who);
        if (before) before.push(status);
        else seen.set(who, [status]);
      }
      return { kind: "http", status: 200, headers: {}, body: "", receivedAt: new Date(START).toISOString() };
    },
    check: () => {
      mustEqual("persons told", seen.size, PERSONS);
      const wanted = TIERS.map((tier) => (tier === "gold" ? "realized" : "exited"));
      for (const [who, statuses] of seen) mustEqual(`what was told of ${who}`, statuses, wanted);
    },
  };
}

interface Profile {
  readonly identityMap: { readonly [namespace: string]: readonly { readonly id: string }[] };
  readonly segmentMembership: {
    readonly [origin: string]: { readonly [id: string]: { readonly status: string } };
  };
}

async function drain(outbox: DeliveryStore, hub: Hub, destinationId: string, send: Send): Promise<void> {
  const live = hub.destinations().get(destinationId);
  const engine = createDeliveryEngine(
    {
      outbox,
      destination: () => live?.configured,
      dataflow: () => live?.dataflows[0],
      send,
      sleep: (ms) => new Promise((resolve) => setTimeout(resolve, ms)),
      now: () => Date.now(),
      random: () => 0.5,
    },
    { worker: "bench", orgId: "o", sandbox: "s", concurrency: CONCURRENCY },
  );
  while ((await engine.deliverOnce(destinationId)).kind === "worked");
  mustEqual("delivered", engine.metrics()[0]?.delivered, CHANGES);
}

interface Round {
  readonly ingested: Took;
  readonly stored: Took;
  readonly inMemory: Took;
}

async function round(batchSize: number, synchronous: "full" | "normal"): Promise<Round> {
  const folder = mkdtempSync(join(tmpdir(), "tessera-bench-"));
  const store = openSqliteStore({ path: join(folder, "tessera.db"), synchronous });
  try {
    let now = START;
    const { hub, destinationId } = await open(store, () => now, batchSize);
    const ingested = await timed(() => ingest(hub, () => (now += 1000)));
    const queued: OutboxItem[] = [];
    for (let after = 0; ;) {
      const page = await store.outbox(destinationId, after, 1000);
      const last = page.at(-1);
      if (last === undefined) break;
      queued.push(...page.map(({ body }) => body as unknown as OutboxItem));
      after = last.sequence;
    }
    mustEqual("queued", queued.length, CHANGES);
    // The same items from memory, in the same round: what the store adds is the difference.
    const memory = createMemoryOutbox();
    await memory.append(queued);
    const first = receiver();
    const inMemory = await timed(() => drain(memory, hub, destinationId, first.send));
    first.check();
    const journal = createJournal(store);
    const second = receiver();
    const outbox = createRelayedOutbox({ source: outboxSource(store), journal });
    const stored = await timed(() => drain(outbox, hub, destinationId, second.send));
    second.check();
    mustEqual("left in the outbox", (await store.outbox(destinationId, 0, 1)).length, 0);
    const [someone] = queued;
    const lines = await journal.deliveries({ personIds: [someone?.lanes[0] ?? ""], limit: 10 });
    mustEqual(
      "lines of the log",
      lines.map(({ outcome }) => outcome),
      TIERS.map(() => "delivered"),
    );
    return { ingested, stored, inMemory };
  } finally {
    await store.close();
    rmSync(folder, { recursive: true, force: true });
  }
}

/** What a line costs once the logs of persons are full: they are told of for years. */
async function fullLogs(): Promise<Took> {
  const folder = mkdtempSync(join(tmpdir(), "tessera-bench-"));
  const store = openSqliteStore({ path: join(folder, "tessera.db"), synchronous: "normal" });
  try {
    const journal = createJournal(store);
    const line = (person: number, n: number): FinishedItem => {
      const id = `i${person}-${n}`;
      const personId = `p${person}`;
      const at = new Date(START + n * 1000).toISOString();
      const identities = [{ namespace: "CRMID", id: "C", target: "CRMID" }];
      const changes = [{ audienceId: "gold", namespace: "ups", status: "realized", at }] as const;
      const told = {
        id,
        personId,
        trigger: "membership",
        at,
        identities,
        attributes: { first: "N" },
      } as const;
      const payload = { kind: "profile", item: { ...told, changes, memberships: {} } } as const;
      const item = { id, destinationId: "d1", dataflowId: "f1", lanes: [personId], enqueuedAt: at, payload };
      return { item, at, outcome: { kind: "delivered" } };
    };
    for (let n = 0; n < LINES; n += 50) {
      for (let person = 0; person < LOGS; person += 1)
        await journal.record(Array.from({ length: 50 }, (_, k) => line(person, n + k)));
    }
    const took = await timed(async () => {
      for (let n = LINES; n < LINES + MORE; n += 1)
        await journal.record(Array.from({ length: LOGS }, (_, person) => line(person, n)));
    });
    const [newest] = await journal.deliveries({ personIds: ["p0"], limit: 1 });
    mustEqual("newest line", newest?.itemId, `i0-${LINES + MORE - 1}`);
    return took;
  } finally {
    await store.close();
    rmSync(folder, { recursive: true, force: true });
  }
}

const median = (numbers: readonly number[]): number => percentile(numbers, 0.5);
for (const [batchSize, synchronous] of [
  [100, "full"],
  [100, "normal"],
  [1, "full"],
] as const) {
  const rounds: Round[] = [];
  for (let n = 0; n < ROUNDS; n += 1) rounds.push(await round(batchSize, synchronous));
  const of = (part: keyof Round, what: keyof Took): number => median(rounds.map((one) => one[part][what]));
  const perItem = (part: keyof Round): number => (of(part, "cpuSeconds") / CHANGES) * 1e6;
  const figures: Figure[] = [
    {
      what: "changes taken in, with their outbox items",
      value: CHANGES / of("ingested", "seconds"),
      unit: "/s",
    },
    { what: "delivered from the outbox, journalled", value: CHANGES / of("stored", "seconds"), unit: "/s" },
    { what: "delivered from a queue in memory", value: CHANGES / of("inMemory", "seconds"), unit: "/s" },
    { what: "processor time of a delivery, outbox and journal", value: perItem("stored"), unit: "µs" },
    { what: "processor time of a delivery, in memory", value: perItem("inMemory"), unit: "µs" },
  ];
  print(
    `Delivery over SQLite (synchronous ${synchronous}), ${batchSize} a call, ${CHANGES} changes of ${PERSONS} persons`,
    figures,
  );
}

const full: Took[] = [];
for (let n = 0; n < ROUNDS; n += 1) full.push(await fullLogs());
print(`The delivery log of persons with ${LINES} lines (synchronous normal)`, [
  { what: "lines added", value: (LOGS * MORE) / median(full.map(({ seconds }) => seconds)), unit: "/s" },
  {
    what: "processor time of a line",
    value: (median(full.map(({ cpuSeconds }) => cpuSeconds)) / (LOGS * MORE)) * 1e6,
    unit: "µs",
  },
]);

// Throughput of activation planning and of the delivery engine.
//   npx node --conditions=@tessera/source bench/destinations/delivery.ts [--json]
// Items are seeded; each engine run is checked (everything delivered once, order per person) before its time counts.
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import {
  type ActiveDataflow,
  catalogEntry,
  type ConfiguredDestination,
  createDeliveryEngine,
  createMemoryOutbox,
  createRelayedOutbox,
  csvFileDestination,
  type DeliveryStore,
  httpProfileExport,
  type OutboxItem,
  type PersonTransition,
  type PersonView,
  planActivation,
  type Send,
  type Sleep,
} from "@tessera/destinations";

const ROUNDS = 5;
const at = "2026-01-31T12:00:00.000Z";
const rows: { name: string; perSecond: number; note: string }[] = [];

function median(values: readonly number[]): number {
  return [...values].sort((a, b) => a - b)[values.length >> 1] ?? 0;
}

async function measure(
  name: string,
  count: number,
  note: string,
  run: () => Promise<void> | void,
): Promise<void> {
  const seconds: number[] = [];
  for (let round = 0; round < ROUNDS; round += 1) {
    const from = performance.now();
    await run();
    seconds.push((performance.now() - from) / 1000);
  }
  rows.push({ name, perSecond: Math.round(count / median(seconds)), note });
}

function person(index: number, members: readonly number[], tier: string): PersonView {
  const audiences = members.map((a) => [`a${a}`, { status: "realized", lastQualificationTime: at }] as const);
  return {
    personId: `p${index}`,
    identities: [
      { namespace: "ECID", id: String(index).padStart(38, "0") },
      { namespace: "Email_LC_SHA256", id: index.toString(16).padStart(64, "0") },
    ],
    attributes: { loyalty: { tier }, person: { name: { firstName: `N${index}`, lastName: "L" } } },
    memberships: { ups: Object.fromEntries(audiences) },
  };
}

/** One in ten changes concerns a mapped audience, as with ordinary traffic; the rest must cost next to nothing. */
function transitions(count: number): readonly PersonTransition[] {
  return Array.from({ length: count }, (_, index) => {
    const mapped = index % 10 === 0;
    const before = person(index, mapped ? [] : [500], "gold");
    return {
      id: `p${index}@2`,
      at,
      before: [before],
      after: [{ ...before, memberships: person(index, mapped ? [3, 17] : [500, 501], "gold").memberships }],
    };
  });
}

function dataflows(kind: "streaming-audience" | "streaming-profile"): readonly ActiveDataflow[] {
  return Array.from({ length: 10 }, (_, flow) => ({
    destination: { kind, capabilities: httpProfileExport.capabilities },
    dataflow: {
      id: `f${flow}`,
      destinationId: `d${flow}`,
      name: `flow ${flow}`,
      enabled: true,
      audiences: Array.from({ length: 5 }, (_, a) => ({
        id: `a${flow * 5 + a}`,
        namespace: "ups",
        name: `A${a}`,
      })),
      mapping: [
        { source: { kind: "identity", namespace: "ECID" }, target: "ECID" },
        { source: { kind: "identity", namespace: "Email_LC_SHA256" }, target: "Email_LC_SHA256" },
        { source: { kind: "attribute", path: "loyalty.tier" }, target: "tier" },
        { source: { kind: "attribute", path: "person.name.firstName" }, target: "first" },
      ],
    },
  }));
}

function items(count: number, persons: number): readonly OutboxItem[] {
  return Array.from({ length: count }, (_, index) => {
    const { personId, identities, memberships } = person(index % persons, [3], "gold");
    const id = `i${index}`;
    return {
      id,
      destinationId: "d1",
      dataflowId: "f1",
      lanes: [personId],
      enqueuedAt: at,
      payload: {
        kind: "profile",
        item: {
          id,
          personId,
          trigger: "membership",
          at,
          identities: identities.map((identity) => ({ ...identity, target: identity.namespace })),
          attributes: { tier: "gold", person: personId, n: index },
          changes: [{ audienceId: "a3", namespace: "ups", status: "realized", at }],
          memberships,
        },
      },
    };
  });
}

const sleep: Sleep = (ms, signal) =>
  new Promise((resolve) => {
    const timer = setTimeout(resolve, ms);
    signal?.addEventListener("abort", () => {
      clearTimeout(timer);
      resolve();
    });
  });

function destination(batchSize: number, url: string): ConfiguredDestination {
  const configured = catalogEntry(httpProfileExport).configure(
    { id: "d1", name: "hook" },
    { url, batchSize },
  );
  if (!configured.ok) throw new Error("settings refused");
  return configured.value;
}

async function deliver(
  store: DeliveryStore,
  target: ConfiguredDestination,
  send: Send,
  concurrency: number,
): Promise<number> {
  const engine = createDeliveryEngine(
    {
      outbox: store,
      destination: () => target,
      dataflow: () => ({ audiences: [], mapping: [] }),
      send,
      sleep,
      now: () => Date.now(),
      random: () => 0.5,
    },
    { worker: "w", orgId: "o", sandbox: "s", concurrency },
  );
  while ((await engine.deliverOnce("d1")).kind === "worked");
  return engine.metrics()[0]?.delivered ?? 0;
}

/** A destination that takes everything at once; notes the order in which each person's items came. */
function instant(): { readonly send: Send; readonly check: (count: number) => void } {
  const last = new Map<string, number>();
  let taken = 0;
  return {
    send: async (request) => {
      taken += request.items.length;
      if (request.kind === "http") {
        const body = JSON.parse(request.body ?? "{}") as {
          profiles?: readonly { person: string; n: number }[];
          person: string;
          n: number;
        };
        for (const { person: who, n } of body.profiles ?? [body]) {
          if ((last.get(who) ?? -1) >= n) throw new Error(`out of order: ${who}`);
          last.set(who, n);
        }
      }
      return { kind: "http", status: 200, headers: {}, body: "", receivedAt: at };
    },
    check: (count) => {
      if (taken !== count) throw new Error(`${taken} of ${count} arrived`);
    },
  };
}

const answer: Send = async () => ({ kind: "http", status: 200, headers: {}, body: "", receivedAt: at });

async function inMemory(): Promise<void> {
  for (const [batch, count, persons] of [
    [1, 50_000, 10_000],
    [100, 200_000, 50_000],
    [1000, 200_000, 200_000],
  ] as const) {
    const all = items(count, persons);
    const target = destination(batch, "https://x.test/");
    const probe = instant();
    const first = createMemoryOutbox();
    await first.append(all);
    await deliver(first, target, probe.send, 8);
    probe.check(count);
    await measure(
      `engine, batches of ${batch}`,
      count,
      `${persons.toLocaleString("en")} persons, receiver answers at once`,
      async () => {
        const store = createMemoryOutbox();
        await store.append(all);
        if ((await deliver(store, target, answer, 8)) !== count) throw new Error("not all delivered");
      },
    );
  }
  const count = 200_000;
  const all = items(count, 50_000);
  await measure(
    "engine over a relayed queue, batches of 100",
    count,
    "queue and journal in memory",
    async () => {
      const done = new Set<string>();
      const source = {
        read: async (_: string, after: number, limit: number) =>
          all.slice(after, after + limit).map((item, i) => ({ sequence: after + i + 1, item })),
        append: async () => undefined,
        acknowledge: async (ids: readonly string[]) => {
          for (const id of ids) done.add(id);
        },
      };
      const store = createRelayedOutbox({ source, journal: createMemoryOutbox() });
      await deliver(store, destination(100, "https://x.test/"), answer, 8);
      if (done.size !== count) throw new Error("not all acknowledged");
    },
  );
}

/** A real server in this process: both sides share the cores, so these figures are about the whole round trip. */
async function overHttp(): Promise<void> {
  let received = 0;
  const server = createServer((request, response) => {
    request
      .on("data", () => undefined)
      .on("end", () => {
        received += 1;
        response.end("{}");
      });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/`;
  const send: Send = async (request, signal) => {
    if (request.kind !== "http") throw new Error("no files");
    const response = await fetch(request.url, { method: "POST", body: request.body ?? "", signal });
    return {
      kind: "http",
      status: response.status,
      headers: {},
      body: await response.text(),
      receivedAt: at,
    };
  };
  for (const [batch, count] of [
    [1, 4000],
    [100, 100_000],
  ] as const) {
    const all = items(count, count);
    const target = destination(batch, url);
    const bodies = target.plan(
      {
        kind: "profiles",
        destinationId: "d1",
        dataflowId: "f1",
        audiences: [],
        mapping: [],
        items: all.flatMap(({ payload }) => (payload.kind === "profile" ? [payload.item] : [])),
      },
      { now: at, destinationId: "d1", destinationName: "x", orgId: "o", sandbox: "s" },
    );
    await measure(
      `bare fetch, bodies of ${batch} made before, 16 at once`,
      count,
      "no order, no retry, no log",
      async () => {
        let next = 0;
        const worker = async (): Promise<void> => {
          for (let request = bodies[next++]; request; request = bodies[next++]) {
            if (request.kind === "http")
              await (await fetch(request.url, { method: "POST", body: request.body ?? "" })).text();
          }
        };
        await Promise.all(Array.from({ length: 16 }, worker));
      },
    );
    await measure(
      `engine over HTTP, batches of ${batch}, 16 at once`,
      count,
      "order, retry, log",
      async () => {
        const store = createMemoryOutbox();
        await store.append(all);
        if ((await deliver(store, target, send, 16)) !== count) throw new Error("not all delivered");
      },
    );
  }
  if (received === 0) throw new Error("nothing arrived");
  server.closeAllConnections();
  server.close();
}

/** CSV rows, from items to text, thrown away as they come. */
async function files(): Promise<void> {
  const count = 200_000;
  const own = items(count, count).flatMap(({ payload }) =>
    payload.kind === "profile" ? [payload.item] : [],
  );
  const mapping = [
    { source: { kind: "attribute", path: "tier" }, target: "tier" },
    { source: { kind: "attribute", path: "person" }, target: "person" },
    { source: { kind: "attribute", path: "n" }, target: "n" },
    { source: { kind: "identity", namespace: "Email_LC_SHA256" }, target: "Email_LC_SHA256", dedup: true },
    { source: { kind: "membership-status" }, target: "status" },
  ] as const;
  const configured = catalogEntry(csvFileDestination("local")).configure(
    { id: "d1", name: "x" },
    { target: { folder: "x" } },
  );
  if (!configured.ok) throw new Error("settings refused");
  const batch = {
    kind: "file",
    destinationId: "d1",
    dataflowId: "f1",
    audience: { id: "a3", namespace: "ups", name: "A" },
    mapping,
    mode: "full",
    items: own,
  } as const;
  const context = { now: at, destinationId: "d1", destinationName: "x", orgId: "o", sandbox: "s" };
  await measure("CSV file, 5 columns", count, "rows, deduplicated by identity", () => {
    let lines = 0;
    for (const request of configured.value.plan(batch, context)) {
      if (request.kind !== "file") throw new Error("rows refused");
      for (const piece of request.content) lines += piece.split("\n").length - 1;
    }
    if (lines !== count + 1) throw new Error(`${lines} lines`);
  });
}

const changes = transitions(50_000);
for (const kind of ["streaming-audience", "streaming-profile"] as const) {
  const input = { transitions: changes, dataflows: dataflows(kind), now: at, evaluate: () => undefined };
  const planned = planActivation(input).length;
  if (planned !== 10_000) throw new Error(`${planned} items planned`);
  await measure(
    `plan, ${kind}`,
    changes.length,
    "transitions; 10 dataflows of 5 audiences; 1 in 10 tells 2 destinations",
    () => {
      planActivation(input);
    },
  );
}
await files();
await inMemory();
await overHttp();

if (process.argv.includes("--json"))
  console.log(JSON.stringify({ node: process.version, rounds: ROUNDS, rows }, undefined, 2));
else {
  console.log(`Node ${process.version}, median of ${ROUNDS}\n`);
  for (const { name, perSecond, note } of rows) {
    console.log(`${name.padEnd(58)} ${perSecond.toLocaleString("en").padStart(11)} /s   ${note}`);
  }
}

import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { setTimeout as wait } from "node:timers/promises";
import { createMemoryStore, type HubStore } from "@tessera/profile-store";
import type { MongoStore } from "@tessera/store-mongodb";
import { expect, test } from "vitest";
import { type Answer, dataOf, ecidOf, type Harness, NOW, startHarness } from "./harness.ts";
import { type GatewayProcess, inDatabase, startGatewayProcess, withMongo } from "./mongo-gateways.ts";

const LEASE = 3_000;
const PERSONS = 20;
const EVENTS = 360;
const PART = 40;
const MONTH = 31 * 86_400_000;

/** Longer than what the killed gateway left open is in the way of the others. */
const PATIENTLY = { timeout: 90_000 };
/** The standing that a month without events ends. */
const LAPSING = "Recent realized";
/** Of the parts that were taken in: after how many a gateway is frozen, and one is killed. */
const FREEZE_AT = 6;
const KILL_AT = 10;
const UUID = /[0-9a-f]{8}-[0-9a-f-]{27}/g;

type Ask = (query: string, variables?: object) => Promise<Answer>;

/** Few persons and many events, each person on two devices that become known one by one. */
function stream(): readonly object[] {
  return Array.from({ length: EVENTS }, (_, index) => {
    const customer = `C${(index * 7) % PERSONS}`;
    const device = { id: ecidOf(`${customer}${index % 3 === 0 ? "1" : ""}`) };
    const known = index % 5 !== 0;
    return {
      _id: `e${index}`,
      timestamp: new Date(NOW - (EVENTS - index) * 60_000).toISOString(),
      eventType: index % 4 === 0 ? "commerce.purchases" : "commerce.productViews",
      identityMap: known
        ? { CRMID: [{ id: customer, primary: true }], ECID: [device] }
        : { ECID: [{ ...device, primary: true }] },
    };
  });
}

function records(): readonly object[] {
  return Array.from({ length: PERSONS }, (_, index) => ({
    identityMap: { CRMID: [{ id: `C${index}`, primary: true }] },
    homeAddress: { city: index % 4 === 0 ? "Bonn" : "Paris" },
  }));
}

/** Audiences that follow every event, one of a window, and one for batch, with a destination that is told. */
async function configure(
  ask: Ask,
  url: string,
): Promise<{ readonly batchId: string; readonly destinationId: string }> {
  const create = async (name: string, value: string, extra: object = {}): Promise<string> => {
    const input = { name, expression: { value }, ...extra };
    const made = await ask(`mutation($i:CreateAudienceInput!){createAudience(input:$i){id}}`, { i: input });
    return dataOf<{ createAudience: { id: string } }>(made).createAudience.id;
  };
  const buyers = await create("Buyers", 'select X from xEvent where X.eventType = "commerce.purchases"');
  const recent = await create(
    "Recent",
    'select X from xEvent where X.eventType = "commerce.productViews" and X.timestamp occurs <= 30 days before now',
  );
  const batchId = await create("Bonn", 'homeAddress.city = "Bonn"', { evaluation: "batch" });
  const input = { name: "Receiver", type: "http-profile-export", settings: { url } };
  const made = await ask(`mutation($i:CreateDestinationInput!){createDestination(input:$i){id}}`, {
    i: input,
  });
  const destinationId = dataOf<{ createDestination: { id: string } }>(made).createDestination.id;
  const mapping = [{ source: { kind: "identity", namespace: "CRMID" }, target: "CRMID" }];
  const dataflow = { destinationId, audienceIds: [buyers, recent], mapping };
  dataOf(
    await ask(`mutation($i:ActivateAudiencesInput!){activateAudiences(input:$i){dataflowId}}`, {
      i: dataflow,
    }),
  );
  return { batchId, destinationId };
}

/** What must not depend on how many processes there were, nor on what befell them. */
async function resultOf(store: HubStore): Promise<object> {
  const names = await namesOf(store);
  const persons = [];
  for (let after = ""; ;) {
    const page = await store.scan(after, 100);
    const last = page.at(-1);
    if (last === undefined) break;
    after = last.personId;
    for (const { personId, identities, eventCount, fragments, memberships } of page) {
      const held = memberships
        .map(({ audienceId, status, at }) => `${names.get(audienceId)} ${status} ${at}`)
        .sort();
      const bodies = fragments.map(({ datasetId, owner, body }) => ({ datasetId, owner, body }));
      const events = (await store.events(identities)).map(({ id }) => id);
      persons.push({ personId, identities, eventCount, bodies, held, events });
    }
  }
  const counters = Object.entries(await store.counters())
    .map(([name, value]) => [name.replace(UUID, (id) => names.get(id) ?? id), value])
    .sort();
  return { persons, counters, totals: await store.totals() };
}

/**
 * Sends as a sound client does: what is refused for now is sent again, and so is, once, what went over a connection that
 * its server closed meanwhile, as one that was frozen does when it goes on.
 */
async function send(
  gateway: Pick<GatewayProcess | Harness, "request">,
  path: string,
  items: readonly object[],
): Promise<void> {
  const request = (): Promise<Response> =>
    gateway.request(path, { method: "POST", body: JSON.stringify(items) });
  for (;;) {
    const response = await request().catch(request);
    const text = await response.text();
    if (response.ok) return;
    const pause = Number(response.headers.get("retry-after") ?? Number.NaN);
    if (Number.isNaN(pause)) throw new Error(`${response.status} ${text}`);
    await wait(pause * 1_000);
  }
}

async function sendAll(
  gateway: Pick<GatewayProcess | Harness, "request">,
  onPart?: () => void,
): Promise<void> {
  const events = stream();
  for (let at = 0; at < EVENTS; at += PART) {
    await send(gateway, "/collect/events?datasetId=web", events.slice(at, at + PART));
    onPart?.();
  }
}

/** A receiver that keeps what it is told of each known customer, in order. */
async function startReceiver(): Promise<{
  readonly url: string;
  readonly told: ReadonlyMap<string, readonly string[]>;
  readonly close: () => void;
}> {
  const told = new Map<string, string[]>();
  const server = createServer(async (request, response) => {
    let text = "";
    for await (const piece of request) text += String(piece);
    const customer = /"C\d+"/.exec(text)?.[0];
    if (customer !== undefined) told.set(customer, [...(told.get(customer) ?? []), text]);
    response.writeHead(200).end();
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/profiles`;
  return {
    url,
    told,
    close: () => {
      server.closeAllConnections();
      server.close();
    },
  };
}

/** What one gateway makes of it all when nothing befalls it. */
interface Calm {
  readonly result: object;
  readonly names: ReadonlyMap<string, string>;
  readonly told: ReadonlyMap<string, readonly string[]>;
}

async function undisturbed(): Promise<Calm> {
  const store = createMemoryStore();
  const gateway = await startHarness({}, store);
  const receiver = await startReceiver();
  const { batchId, destinationId } = await configure(gateway.graphql, receiver.url);
  await send(gateway, "/collect/records?datasetId=crm", records());
  await sendAll(gateway);
  gateway.setNow(NOW + MONTH);
  dataOf(await gateway.graphql(`mutation($ids:[ID!]){evaluateAudiences(ids:$ids){id}}`, { ids: [batchId] }));
  await expect.poll(async () => JSON.stringify(await resultOf(store)), PATIENTLY).not.toContain(LAPSING);
  await expect.poll(() => store.outbox(destinationId, 0, 1), PATIENTLY).toEqual([]);
  const calm = { result: await resultOf(store), names: await namesOf(store), told: receiver.told };
  for (const held of ["Buyers realized", "Recent exited", "Bonn realized"])
    expect(JSON.stringify(calm.result)).toContain(held);
  await gateway.close();
  receiver.close();
  return calm;
}

/** Whose turn it is with some work: the gateways that hold its leases. */
async function holdersOf(
  work: string,
  store: MongoStore,
  gateways: readonly GatewayProcess[],
): Promise<readonly GatewayProcess[]> {
  const pids = (await store.leases.held(work)).map(({ holder }) => Number(holder.split(" ")[1]));
  return gateways.filter(({ child }) => pids.includes(child.pid ?? 0));
}

withMongo("four gateways on one MongoDB", (uri) => {
  test(
    "one killed and one frozen for longer than its lease: the same result as of one gateway undisturbed",
    { timeout: 300_000 },
    async () => {
      const calm = await undisturbed();
      const receiver = await startReceiver();
      await inDatabase(uri, async (store, own) => {
        const gateways = await Promise.all(Array.from({ length: 4 }, () => startGatewayProcess(own, LEASE)));
        try {
          const [first] = gateways;
          if (first === undefined) throw new Error("There are four.");
          const made = await configure(first.graphql, receiver.url);
          await send(first, "/collect/records?datasetId=crm", records());
          // Everyone has a share of the work, and the destination has its process, before one of them is frozen.
          await expect.poll(() => holdersOf("timers/", store, gateways), PATIENTLY).toHaveLength(4);
          await expect.poll(() => holdersOf("deliver/", store, gateways), PATIENTLY).toHaveLength(1);
          const [frozen] = await holdersOf("deliver/", store, gateways);
          const killed = gateways.find((gateway) => gateway !== frozen);
          const rest = gateways.filter((gateway) => gateway !== killed);

          let parts = 0;
          const sending = gateways.map((gateway) =>
            sendAll(gateway, () => {
              parts += 1;
              if (parts === FREEZE_AT) frozen?.child.kill("SIGSTOP");
              if (parts === KILL_AT) killed?.kill();
            }),
          );
          const thawed = wait(LEASE * 3).then(() => frozen?.child.kill("SIGCONT"));
          const ends = await Promise.allSettled(sending);
          await thawed;
          const cutOff = ends.flatMap((end, index) =>
            end.status === "rejected" && gateways[index] !== killed ? [String(end.reason)] : [],
          );
          expect(cutOff).toEqual([]);

          // A month later: windows lapse and the batch audience's hour has come, with one more frozen in the middle.
          const schedule = `mutation($id:ID!){scheduleAudience(id:$id,cron:"0 3 * * *"){nextAt}}`;
          dataOf(await (rest[0] ?? first).graphql(schedule, { id: made.batchId }));
          for (const gateway of rest) gateway.setNow(NOW + MONTH);
          frozen?.child.kill("SIGSTOP");
          await wait(LEASE * 2);
          frozen?.child.kill("SIGCONT");
          await expect.poll(() => resultOf(store), PATIENTLY).toEqual(calm.result);
          await expect.poll(() => store.outbox(made.destinationId, 0, 10), PATIENTLY).toEqual([]);
          expect(await store.documents(`deadLetter:${made.destinationId}`)).toEqual([]);

          // Every move is logged once, whoever followed it.
          for (const { personId } of await store.scan("", 1_000)) {
            const log = await store.membershipLog(personId);
            const moves = log.map(({ audienceId, to }) => `${audienceId} ${to}`);
            expect(new Set(moves).size).toBe(moves.length);
          }
          // What was told last of each customer is what holds now.
          expect([...receiver.told.keys()].sort()).toEqual([...calm.told.keys()].sort());
          const names = await namesOf(store);
          for (const [customer, bodies] of receiver.told)
            expect(lastOf(bodies, names), customer).toEqual(
              lastOf(calm.told.get(customer) ?? [], calm.names),
            );
        } finally {
          for (const { child } of gateways) child.kill("SIGCONT");
          receiver.close();
          await Promise.all(gateways.map((gateway) => gateway.stop()));
        }
      });
    },
  );
});

/** What a customer was told last: audiences by their names, in one order. */
function lastOf(bodies: readonly string[], names: ReadonlyMap<string, string>): unknown {
  const text = bodies.at(-1) ?? "{}";
  return JSON.parse(text.replaceAll(UUID, (id) => names.get(id) ?? id));
}

async function namesOf(store: HubStore): Promise<ReadonlyMap<string, string>> {
  return new Map((await store.documents("audience")).map(({ id, body }) => [id, String(body["name"])]));
}

import { catalogEntry, csvFileDestination, httpProfileExport, type OutboxItem } from "@tessera/destinations";
import { createMemoryStore, type HubStore } from "@tessera/profile-store";
import { expect, it } from "vitest";
import type { Afterwards } from "./afterwards.ts";
import { createHub, type Hub } from "./hub.ts";

const NOW = Date.parse("2026-02-01T00:00:00Z");
const MAPPING = [{ source: { kind: "identity", namespace: "CRMID" }, target: "CRMID" }] as const;
const URL = "https://receiver.example/profiles";

interface Setup {
  readonly store: HubStore;
  readonly hub: Hub;
  readonly destination: string;
  readonly dataflow: string;
  readonly later: (ms: number) => void;
  readonly reopen: () => Promise<Hub>;
}

/** A destination that was told of one member, whose entry waits in the outbox. */
async function setUp(afterwards?: Afterwards): Promise<Setup> {
  const store = createMemoryStore();
  let now = NOW;
  let ids = 0;
  const reopen = (): Promise<Hub> =>
    createHub({
      store,
      clock: () => now,
      newId: () => `id-${(ids += 1)}`,
      catalog: [catalogEntry(httpProfileExport), catalogEntry(csvFileDestination("local"))],
      ...(afterwards && { afterwards }),
    });
  const hub = await reopen();
  const audience = await hub.createAudience({
    name: "Ada",
    expression: { type: "PQL", format: "pql/text", value: 'person.name.firstName = "Ada"' },
  });
  await hub.ingestRecords("crm", [
    { identityMap: { CRMID: [{ id: "C1", primary: true }] }, person: { name: { firstName: "Ada" } } },
  ]);
  const made = await hub.createDestination({
    name: "R",
    type: "http-profile-export",
    settings: { url: URL },
  });
  if (!audience.ok || !made.ok) throw new Error("It could not be made.");
  const destination = made.value.stored.id;
  const activated = await hub.activateAudiences({
    destinationId: destination,
    audienceIds: [audience.value.id],
    mapping: MAPPING,
  });
  if (!activated.ok) throw new Error("It was refused.");
  return { store, hub, destination, dataflow: activated.value.id, later: (ms) => (now += ms), reopen };
}

async function told(store: HubStore, destination: string): Promise<readonly string[]> {
  return (await store.outbox(destination, 0, 100)).flatMap(({ body }) => {
    const { item } = (body as unknown as OutboxItem).payload;
    return "personId" in item ? item.changes.map(({ status }) => status) : [];
  });
}

async function deliverAll(store: HubStore, destination: string): Promise<void> {
  await store.acknowledge((await store.outbox(destination, 0, 100)).map(({ id }) => id));
}

const forgotten: string[] = [];
const forget = async (id: string): Promise<void> => {
  forgotten.push(id);
};

it("removes a dataflow: members are told to leave behind what waits, and it stays known until that is told", async () => {
  const { store, hub, destination, dataflow, later } = await setUp();
  const removed = await hub.deleteDataflow(dataflow, true);
  expect(removed).toMatchObject({ ok: true });
  expect(await told(store, destination)).toEqual(["realized", "exited"]);
  const live = (): unknown => hub.destinations().get(destination);
  expect(live()).toMatchObject({ dataflows: [], leaving: [{ id: dataflow, enabled: false }] });
  later(60_000);
  await hub.followRemovals(forget);
  expect(live()).toMatchObject({ leaving: [{ id: dataflow }] });
  await deliverAll(store, destination);
  await hub.followRemovals(forget);
  expect(live()).toMatchObject({ dataflows: [], leaving: [] });
  expect(await store.document("dataflow", dataflow)).toBeUndefined();
  expect(await hub.deleteDataflow(dataflow, true)).toMatchObject({ error: [{ code: "notFound" }] });
});

it("removes a dataflow without exits: nobody is told more than what waits", async () => {
  const { store, hub, destination, dataflow } = await setUp();
  await hub.deleteDataflow(dataflow, false);
  await hub.ingestRecords("crm", [
    { identityMap: { CRMID: [{ id: "C1", primary: true }] }, person: { name: { firstName: "Bea" } } },
  ]);
  expect(await told(store, destination)).toEqual(["realized"]);
});

it("removes a destination once what is still told came to its end, and takes no audiences meanwhile", async () => {
  const { store, hub, destination, dataflow, later } = await setUp();
  await hub.deleteDestination(destination, { exits: true, pending: "tell" });
  expect(await told(store, destination)).toEqual(["realized", "exited"]);
  const [audience] = hub.configuration().audiences.keys();
  const refused = await hub.activateAudiences({ destinationId: destination, audienceIds: [audience ?? ""] });
  expect(refused).toMatchObject({ error: [{ code: "destination.leaving" }] });
  expect(await hub.updateDestination(destination, { name: "S" })).toMatchObject({
    error: [{ code: "destination.leaving" }],
  });
  later(60_000);
  await hub.followRemovals(forget);
  expect(hub.destinations().has(destination)).toBe(true);
  await deliverAll(store, destination);
  await hub.followRemovals(forget);
  expect(hub.destinations().has(destination)).toBe(false);
  expect(forgotten).toContain(destination);
  expect(await store.document("destination", destination)).toBeUndefined();
  expect(await store.document("dataflow", dataflow)).toBeUndefined();
});

it("waits a while for what other processes queue by the destination as it was", async () => {
  const { store, hub, destination, later } = await setUp();
  await hub.deleteDestination(destination, { exits: false, pending: "tell" });
  await deliverAll(store, destination);
  await hub.followRemovals(forget);
  expect(hub.destinations().has(destination)).toBe(true);
  later(10_000);
  await hub.followRemovals(forget);
  expect(hub.destinations().has(destination)).toBe(false);
});

it("gives up what waits when it is asked to, also after it was asked to tell it", async () => {
  const { store, hub, destination, later } = await setUp();
  expect(await hub.deleteDestination(destination, { exits: true, pending: "discard" })).toMatchObject({
    error: [{ code: "destination.removal" }],
  });
  await hub.deleteDestination(destination, { exits: false, pending: "tell" });
  await hub.deleteDestination(destination, { exits: false, pending: "discard" });
  expect(await told(store, destination)).toEqual(["realized"]);
  later(60_000);
  await hub.followRemovals(forget);
  expect(await told(store, destination)).toEqual([]);
  expect(hub.destinations().has(destination)).toBe(false);
});

it("goes on at the next start when the process ended in between", async () => {
  const { store, hub, destination, later, reopen } = await setUp();
  const { commit } = store;
  let commits = 0;
  store.commit = (changes) => ((commits += 1) > 1 ? Promise.reject(new Error("gone")) : commit(changes));
  await expect(hub.deleteDestination(destination, { exits: true, pending: "tell" })).rejects.toThrow("gone");
  store.commit = commit;
  const next = await reopen();
  expect(next.destinations().get(destination)).toMatchObject({ stored: { removal: { exits: true } } });
  await next.followRemovals(forget);
  expect(await told(store, destination)).toEqual(["realized", "exited"]);
  await next.followRemovals(forget);
  expect(await told(store, destination)).toEqual(["realized", "exited"]);
  await deliverAll(store, destination);
  later(60_000);
  await next.followRemovals(forget);
  expect(next.destinations().size).toBe(0);
});

it("is not gone while members are still to be told to leave", async () => {
  let goOn = (): void => undefined;
  const held = new Promise<void>((resolve) => (goOn = resolve));
  // As in a gateway that answers while a job tells.
  const works: Promise<void>[] = [];
  const { store, hub, destination, later } = await setUp(async (name, work) => {
    const done = name.startsWith("tell members") && works.length > 0 ? held.then(() => work()) : work();
    works.push(done);
    if (works.length < 2) await done;
  });
  await hub.deleteDestination(destination, { exits: true, pending: "tell" });
  await deliverAll(store, destination);
  later(60_000);
  await hub.followRemovals(forget);
  expect(hub.destinations().has(destination)).toBe(true);
  goOn();
  await Promise.all(works);
  expect(await told(store, destination)).toEqual(["exited"]);
  await hub.followRemovals(forget);
  expect(hub.destinations().has(destination)).toBe(true);
  await deliverAll(store, destination);
  await hub.followRemovals(forget);
  expect(hub.destinations().has(destination)).toBe(false);
});

it("removes a destination of files at once", async () => {
  const { hub } = await setUp();
  const made = await hub.createDestination({
    name: "Folder",
    type: "csv-local",
    settings: { target: { folder: "x" } },
  });
  if (!made.ok) throw new Error("It could not be made.");
  const { id } = made.value.stored;
  await hub.deleteDestination(id, { exits: true, pending: "tell" });
  await hub.followRemovals(forget);
  expect(hub.destinations().has(id)).toBe(false);
});

it("edits nothing that another process has begun to remove", async () => {
  const { store, hub, destination, reopen } = await setUp();
  const other = await reopen();
  await other.deleteDestination(destination, { exits: true, pending: "tell" });
  expect(await hub.updateDestination(destination, { name: "S" })).toMatchObject({
    error: [{ code: "destination.leaving" }],
  });
  expect((await store.document("destination", destination))?.body).toMatchObject({
    removal: { exits: true },
  });
});

it("edits a destination: its name, its settings, never its type or its age", async () => {
  const { hub, destination, later } = await setUp();
  later(1_000);
  const url = "https://other.example/";
  expect(await hub.updateDestination(destination, { settings: { url } })).toMatchObject({
    value: { stored: { name: "R", settings: { url }, createdAt: NOW } },
  });
  expect(await hub.updateDestination(destination, { name: " ", settings: { url: "no" } })).toMatchObject({
    error: [{ code: "destination.name" }, { code: "settings.format" }],
  });
  expect(await hub.updateDestination("nowhere", {})).toMatchObject({ error: [{ code: "notFound" }] });
});

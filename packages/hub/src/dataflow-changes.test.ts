import { catalogEntry, httpProfileExport, type OutboxItem } from "@tessera/destinations";
import { createMemoryStore, type HubStore } from "@tessera/profile-store";
import { isObject } from "@tessera/xdm";
import { expect, it } from "vitest";
import { createHub, type Hub } from "./hub.ts";

const NOW = Date.parse("2026-02-01T00:00:00Z");
const MAPPING = [{ source: { kind: "identity", namespace: "CRMID" }, target: "CRMID" }] as const;

function open(store: HubStore, clock = () => NOW): Promise<Hub> {
  let ids = 0;
  return createHub({
    store,
    clock,
    newId: () => `id-${(ids += 1)}`,
    catalog: [catalogEntry(httpProfileExport)],
    refusedActions: (consents) => (isObject(consents) ? ["exportToThirdParty"] : []),
  });
}

async function withMembers(
  store: HubStore,
  clock = () => NOW,
): Promise<{ hub: Hub; audience: string; destination: string }> {
  const hub = await open(store, clock);
  const made = await hub.createAudience({
    name: "Ada",
    expression: { type: "PQL", format: "pql/text", value: 'person.name.firstName = "Ada"' },
  });
  const ada = (id: string, extra: object = {}): object => ({
    identityMap: { CRMID: [{ id, primary: true }] },
    person: { name: { firstName: "Ada" } },
    ...extra,
  });
  await hub.ingestRecords("crm", [ada("C1"), ada("C2"), ada("C3", { consents: { share: { val: "n" } } })]);
  const url = "https://receiver.example/profiles";
  const destination = await hub.createDestination({
    name: "R",
    type: "http-profile-export",
    settings: { url },
  });
  if (!made.ok || !destination.ok) throw new Error("It could not be made.");
  return { hub, audience: made.value.id, destination: destination.value.stored.id };
}

async function told(store: HubStore, destination: string): Promise<readonly string[]> {
  return (await store.outbox(destination, 0, 100))
    .map(({ body }) => (body as unknown as OutboxItem).payload)
    .flatMap(({ item }) =>
      "personId" in item
        ? [`${item.identities.map(({ id }) => id).join()} ${item.changes.map(({ status }) => status).join()}`]
        : [],
    )
    .sort();
}

it("tells members when a dataflow begins, ends and begins again, but not those who refuse", async () => {
  const store = createMemoryStore();
  const { hub, audience, destination } = await withMembers(store);
  const activated = await hub.activateAudiences({
    destinationId: destination,
    audienceIds: [audience],
    mapping: MAPPING,
  });
  if (!activated.ok) throw new Error("It was refused.");
  expect(await told(store, destination)).toEqual(["C1 realized", "C2 realized"]);
  await hub.saveDataflow({ ...activated.value, enabled: false });
  expect(await told(store, destination)).toEqual(["C1 exited", "C1 realized", "C2 exited", "C2 realized"]);
  await hub.saveDataflow(activated.value);
  expect(await told(store, destination)).toHaveLength(6);
  await hub.saveDataflow({ ...activated.value, name: "Renamed" });
  expect(await told(store, destination)).toHaveLength(6);
});

it("tells members at the next start when the process ended in between", async () => {
  const store = createMemoryStore();
  const { hub, audience, destination } = await withMembers(store);
  const { commit } = store;
  store.commit = (changes) =>
    changes.outbox.length > 0 ? Promise.reject(new Error("gone")) : commit(changes);
  const input = { destinationId: destination, audienceIds: [audience], mapping: MAPPING };
  await expect(hub.activateAudiences(input)).rejects.toThrow("gone");
  expect(await told(store, destination)).toEqual([]);
  store.commit = commit;
  await open(store);
  expect(await told(store, destination)).toEqual(["C1 realized", "C2 realized"]);
  await open(store);
  expect(await told(store, destination)).toHaveLength(2);
});

it("tells members when the time of an audience begins and when it ends, each once, also after a restart", async () => {
  const store = createMemoryStore();
  let now = NOW;
  const { hub, audience, destination } = await withMembers(store, () => now);
  const activated = await hub.activateAudiences({
    destinationId: destination,
    audienceIds: [audience],
    mapping: MAPPING,
  });
  if (!activated.ok) throw new Error("It was refused.");
  const until = (startsAt: number, endsAt: number): object => ({
    ...activated.value,
    audiences: activated.value.audiences.map((one) => ({
      ...one,
      startsAt: new Date(startsAt).toISOString(),
      endsAt: new Date(endsAt).toISOString(),
    })),
  });
  const counts = async (): Promise<readonly number[]> => {
    const lines = await told(store, destination);
    return ["realized", "exited"].map((status) => lines.filter((line) => line.endsWith(status)).length);
  };
  await hub.followActivationTimes();
  expect(await counts()).toEqual([2, 0]);
  await hub.saveDataflow({ ...activated.value, enabled: false });
  await hub.saveDataflow(until(NOW + 10_000, NOW + 20_000) as typeof activated.value);
  expect(await counts()).toEqual([2, 2]);
  const seen: (readonly number[])[] = [];
  for (const [ms, restarts] of [
    [9_000, false],
    [10_000, false],
    [11_000, true],
    [25_000, true],
    [30_000, false],
  ] as const) {
    now = NOW + ms;
    const current = restarts ? await open(store, () => now) : hub;
    await Promise.all([current.followActivationTimes(), hub.followActivationTimes()]);
    seen.push(await counts());
  }
  expect(seen).toEqual([
    [2, 2],
    [4, 2],
    [4, 2],
    [4, 4],
    [4, 4],
  ]);
});

it("tells an exit to a person who withdraws the consent", async () => {
  const store = createMemoryStore();
  const { hub, audience, destination } = await withMembers(store);
  await hub.activateAudiences({ destinationId: destination, audienceIds: [audience], mapping: MAPPING });
  await hub.ingestRecords("crm", [
    { identityMap: { CRMID: [{ id: "C1", primary: true }] }, consents: { share: { val: "n" } } },
  ]);
  expect(await told(store, destination)).toEqual(["C1 exited", "C1 realized", "C2 realized"]);
});

import { csvFileDestination, catalogEntry, httpProfileExport } from "@tessera/destinations";
import { createMemoryStore, type HubStore } from "@tessera/profile-store";
import { describe, expect, it } from "vitest";
import { createHub, type Hub } from "../src/hub.ts";

const NOW = Date.parse("2026-02-01T00:00:00Z");
const pql = (value: string) => ({ type: "PQL", format: "pql/text", value }) as const;

async function openHub(store: HubStore = createMemoryStore()): Promise<Hub> {
  let ids = 0;
  let now = NOW;
  return createHub({
    store,
    clock: () => (now += 1),
    newId: () => `id-${(ids += 1)}`,
    catalog: [catalogEntry(httpProfileExport), catalogEntry(csvFileDestination("local"))],
  });
}

/** A hub with one audience on `loyalty.tier` and a destination that third parties read. */
async function openScene() {
  const store = createMemoryStore();
  const hub = await openHub(store);
  const audience = await hub.createAudience({ name: "Gold", expression: pql('loyalty.tier = "gold"') });
  const destination = await hub.createDestination({
    name: "Partner",
    type: "http-profile-export",
    settings: { url: "https://partner.example/in" },
  });
  if (!audience.ok || !destination.ok) throw new Error(JSON.stringify([audience, destination]));
  const activate = () =>
    hub.activateAudiences({ destinationId: destination.value.stored.id, audienceIds: [audience.value.id] });
  return { hub, store, audienceId: audience.value.id, destinationId: destination.value.stored.id, activate };
}

const codes = (result: { ok: boolean; error?: readonly { code: string }[] }) =>
  result.ok ? [] : result.error?.map(({ code }) => code);

describe("governance", () => {
  it("permits everything while the shipped policies are disabled", async () => {
    const { hub, activate } = await openScene();
    expect((await hub.governance.policies()).every(({ status }) => status === "DISABLED")).toBe(true);
    expect((await hub.governance.labelField("loyalty.tier", ["C2"])).ok).toBe(true);
    expect((await activate()).ok).toBe(true);
  });

  it("refuses an activation with the whole lineage of what denies it", async () => {
    const { hub, activate } = await openScene();
    await hub.governance.labelField("loyalty", ["C2"]);
    expect((await hub.governance.enableCorePolicies()).ok).toBe(true);
    const refused = await activate();
    expect(codes(refused)).toEqual(["governance.violation"]);
    if (!refused.ok) {
      expect(refused.error[0]?.message).toContain(
        "core/C2 → Union schema → loyalty → Default timebased → Gold → Partner → core/exportToThirdParty",
      );
    }
    expect([...hub.destinations().values()][0]?.dataflows).toEqual([]);
    await hub.governance.labelField("loyalty", []);
    expect((await activate()).ok).toBe(true);
  });

  it("finds labels of datasets and of events that a rule reads", async () => {
    const { hub, destinationId } = await openScene();
    await hub.governance.enableCorePolicies();
    const bought = await hub.createAudience({
      name: "Spenders",
      expression: pql("select e from xEvent where e.commerce.order.priceTotal > 100"),
    });
    if (!bought.ok) throw new Error(JSON.stringify(bought.error));
    await hub.governance.labelField("commerce.order.priceTotal", ["C2"]);
    const wanted = { destinationId, audienceIds: [bought.value.id] };
    expect(codes(await hub.activateAudiences(wanted))).toEqual(["governance.violation"]);
    await hub.governance.labelField("commerce.order.priceTotal", []);
    await hub.saveDataset({ id: "crm", kind: "profile", labels: ["C2"] });
    expect(codes(await hub.activateAudiences(wanted))).toEqual(["governance.violation"]);
    await hub.saveDataset({ id: "crm", kind: "profile", labels: [] });
    expect(codes(await hub.activateAudiences(wanted))).toEqual([]);
  });

  it.each(["label", "dataset", "policy", "audience", "mapping"] as const)(
    "refuses an edit of a %s that makes a dataflow violate, and changes nothing",
    async (edit) => {
      const { hub, audienceId, activate } = await openScene();
      if (edit !== "policy") await hub.governance.enableCorePolicies();
      if (edit === "policy" || edit === "audience" || edit === "mapping")
        await hub.governance.labelField(edit === "policy" ? "loyalty.tier" : "person.birthDate", ["core/C2"]);
      const flow = await activate();
      if (!flow.ok) throw new Error(JSON.stringify(flow.error));
      const edits = {
        label: () => hub.governance.labelField("loyalty.tier", ["C12"]),
        dataset: () => hub.saveDataset({ id: "crm", kind: "profile", labels: ["C2"] }),
        policy: () => hub.governance.enableCorePolicies(),
        audience: () =>
          hub.updateAudience(audienceId, { name: "Gold", expression: pql("person.birthDate.isNotNull()") }),
        mapping: () =>
          hub.saveDataflow({
            ...flow.value,
            mapping: [{ source: { kind: "attribute", path: "person.birthDate" }, target: "born" }],
          }),
      };
      const before = JSON.stringify([
        await hub.governance.fieldLabels(),
        await hub.governance.policies(),
        hub.datasets(),
      ]);
      expect(codes(await edits[edit]())).toEqual(["governance.violation"]);
      expect(
        JSON.stringify([await hub.governance.fieldLabels(), await hub.governance.policies(), hub.datasets()]),
      ).toBe(before);
      expect([...hub.destinations().values()][0]?.dataflows).toEqual([flow.value]);
    },
  );

  it.each(["report", "pause"] as const)(
    "saves the edit and can %s what starts to violate",
    async (choice) => {
      const { hub, activate } = await openScene();
      await hub.governance.enableCorePolicies();
      const flow = await activate();
      if (!flow.ok) throw new Error("not activated");
      await hub.governance.setOnViolation(choice);
      const saved = await hub.governance.labelField("loyalty.tier", ["C2"]);
      expect(saved).toMatchObject({ ok: true });
      if (saved.ok) {
        expect(saved.value.decision.issues.map(({ code }) => code)).toEqual(["governance.violation"]);
        expect(saved.value.decision.reviews[0]?.dataflow.id).toBe(flow.value.id);
      }
      expect([...hub.destinations().values()][0]?.dataflows[0]?.enabled).toBe(choice === "report");
    },
  );

  it("changes the status of a core policy and nothing else of it", async () => {
    const hub = await openHub();
    const [core] = await hub.governance.policies();
    const saved = await hub.governance.savePolicy({
      ...core,
      status: "ENABLED",
      name: "Mine",
      deny: { label: "core/C1" },
    });
    expect(saved).toMatchObject({ ok: true, value: { value: { ...core, status: "ENABLED" } } });
    expect(codes(await hub.governance.savePolicy({ id: "x" }))).toContain("policy.shape");
  });

  it("keeps whom consents refuse from destinations once their policy is enabled, and lets them go when they withdraw", async () => {
    const { hub, store, destinationId, activate } = await openScene();
    expect((await activate()).ok).toBe(true);
    await hub.governance.enableCorePolicies();
    const told = async (): Promise<number> => (await store.outbox(destinationId, 0, 100)).length;
    const say = (tier: string, share: "y" | "n") =>
      hub.ingestRecords("crm", [
        { identityMap: { CRMID: [{ id: "ada" }] }, loyalty: { tier }, consents: { share: { val: share } } },
      ]);
    await say("gold", "n");
    expect(await told()).toBe(0);
    await say("gold", "y");
    expect(await told()).toBe(1);
    await say("gold", "n");
    expect(await told()).toBe(2);
  });
});

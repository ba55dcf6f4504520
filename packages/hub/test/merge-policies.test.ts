import { createMemoryStore } from "@tessera/profile-store";
import { describe, expect, it } from "vitest";
import { createHub, type Hub } from "../src/hub.ts";

const START = Date.parse("2026-02-01T00:00:00Z");
const HOUR = 3_600_000;
const ada = { namespace: "CRMID", id: "ada" };
const email = { namespace: "Email", id: "ada@shop.example" };

async function open(): Promise<{ readonly hub: Hub; readonly pass: () => string }> {
  let now = START;
  let ids = 0;
  const hub = await createHub({
    store: createMemoryStore(),
    clock: () => now,
    newId: () => `id-${(ids += 1)}`,
  });
  return { hub, pass: () => new Date((now += HOUR)).toISOString() };
}

const record = (identity: typeof ada, country: string, more: object = {}): object => ({
  identityMap: { [identity.namespace]: [{ id: identity.id, primary: true }] },
  homeAddress: { country },
  ...more,
});

describe("looking a person up", () => {
  it("takes an identity in any form of its namespace, now and as of a past time", async () => {
    const { hub, pass } = await open();
    await hub.ingestRecords("crm", [record({ ...email, id: "Ada@Shop.Example" }, "DE")]);
    const asOf = pass();
    for (const id of ["Ada@Shop.Example", " ada@shop.example"]) {
      const found = { identities: [email], attributes: { homeAddress: { country: "DE" } } };
      const named = { namespace: "Email", id };
      expect(await hub.profile(named)).toMatchObject(found);
      expect(await hub.profile(named, { asOf })).toMatchObject(found);
      expect(await hub.readMany([named])).toMatchObject([found]);
      expect(await hub.edgeLookup(named)).toMatchObject(found);
    }
  });

  it("gives nothing under a merge policy that there is not", async () => {
    const { hub } = await open();
    await hub.ingestRecords("crm", [record(ada, "DE")]);
    expect(await hub.profile(ada, { mergePolicyId: "nowhere" })).toBeUndefined();
    expect(await hub.readMany([ada], { mergePolicyId: "nowhere" })).toEqual([undefined]);
  });
});

describe("merge policies", () => {
  it("at most five; the flags move, and stay on exactly one", async () => {
    const { hub } = await open();
    const policy = (name: string, more: object = {}): object => ({ name, ...more });
    const edge = await hub.saveMergePolicy(policy("Edge", { isActiveOnEdge: true }));
    expect(edge.ok).toBe(true);
    for (const name of ["Third", "Fourth", "Fifth"])
      expect((await hub.saveMergePolicy(policy(name))).ok).toBe(true);
    expect(await hub.saveMergePolicy(policy("Sixth"))).toMatchObject({
      ok: false,
      error: [{ code: "mergePolicy.limit" }],
    });
    const flags = (flag: "isDefault" | "isActiveOnEdge"): readonly string[] =>
      hub.mergePolicies().flatMap((one) => (one[flag] ? [one.name] : []));
    expect([flags("isDefault"), flags("isActiveOnEdge")]).toEqual([["Default timebased"], ["Edge"]]);
    const demoted = await hub.saveMergePolicy(policy("Edge"), edge.ok ? edge.value.id : "");
    expect(demoted).toMatchObject({ ok: false, error: [{ code: "mergePolicy.isActiveOnEdge" }] });
    await hub.saveMergePolicy(policy("Third again", { default: true }), hub.mergePolicies()[2]?.id ?? "");
    expect(flags("isDefault")).toEqual(["Third again"]);
  });

  it("an audience is evaluated under its own policy, a streaming one under the one that is active on edge", async () => {
    const { hub, pass } = await open();
    await hub.ingestRecords("newsletter", [record(ada, "FR")]);
    pass();
    await hub.ingestRecords("crm", [record(ada, "DE")]);
    const saved = await hub.saveMergePolicy({
      name: "Newsletter first",
      attributeMerge: { type: "dataSetPrecedence", order: ["newsletter", "crm"] },
    });
    if (!saved.ok) throw new Error("saved");
    const mergePolicyId = saved.value.id;
    const french = (more: object): Parameters<Hub["createAudience"]>[0] => ({
      name: `French ${JSON.stringify(more)}`,
      expression: { type: "PQL", format: "pql/text", value: 'homeAddress.country = "FR"' },
      ...more,
    });
    const idOf = async (more: object): Promise<string> => {
      const made = await hub.createAudience(french(more));
      if (!made.ok) throw new Error(JSON.stringify(made.error));
      return made.value.id;
    };
    for (const more of [{ mergePolicyId: "none" }, { mergePolicyId, evaluation: "streaming" }])
      expect(await hub.createAudience(french(more))).toMatchObject({
        ok: false,
        error: [{ code: "audience.mergePolicy" }],
      });
    const [own, usual, streaming] = [
      await idOf({ mergePolicyId }),
      await idOf({ evaluation: "batch" }),
      await idOf({ evaluation: "streaming" }),
    ];
    expect((await hub.audience(own))?.evaluation).toBe("batch");
    const counts = async (): Promise<readonly (number | undefined)[]> => {
      await hub.evaluateAudiences();
      return Promise.all([own, usual, streaming].map(async (id) => (await hub.audience(id))?.count));
    };
    expect(await counts()).toEqual([1, 0, 0]);
    expect(await hub.explainMembership(own, ada)).toMatchObject({ ok: true, value: { member: true } });
    expect(await hub.deleteMergePolicy(mergePolicyId)).toMatchObject({
      ok: false,
      error: [{ code: "mergePolicy.inUse" }],
    });
    // The policy of the edge becomes another one: who is there is derived anew.
    const { name, attributeMerge } = saved.value;
    pass();
    await hub.saveMergePolicy({ name, attributeMerge, isActiveOnEdge: true }, mergePolicyId);
    await hub.deriveEveryone();
    expect(await counts()).toEqual([1, 0, 1]);
  });

  it("without a graph each identity stands for itself, and the person is in when one of them is", async () => {
    const { hub, pass } = await open();
    await hub.ingestRecords("crm", [record(ada, "DE", { loyalty: { tier: "gold" } })]);
    pass();
    await hub.ingestRecords("newsletter", [
      {
        identityMap: { CRMID: [{ id: "ada" }], Email: [{ id: email.id, primary: true }] },
        homeAddress: { country: "FR" },
      },
    ]);
    const alone = await hub.saveMergePolicy({ name: "Alone", identityGraph: { type: "none" } });
    if (!alone.ok) throw new Error("saved");
    const value = 'homeAddress.country = "FR" and loyalty.tier = "gold"';
    const texts = [value, 'homeAddress.country = "FR"', 'homeAddress.country = "DE"'];
    const counts = async (mergePolicyId: string): Promise<readonly unknown[]> => {
      const ids = texts.map(async (text, index) => {
        const made = await hub.createAudience({
          name: `${mergePolicyId} ${index}`,
          expression: { type: "PQL", format: "pql/text", value: text },
          evaluation: "batch",
          mergePolicyId,
        });
        if (!made.ok) throw new Error(JSON.stringify(made.error));
        return made.value.id;
      });
      const made = await Promise.all(ids);
      await hub.evaluateAudiences();
      return Promise.all(
        made.map(async (id) => {
          const told = await hub.explainMembership(id, ada);
          return [(await hub.audience(id))?.count, told.ok && told.value.member];
        }),
      );
    };
    const [stitched] = hub.mergePolicies();
    expect(await counts(stitched?.id ?? "")).toEqual([
      [1, true],
      [1, true],
      [0, false],
    ]);
    expect(await counts(alone.value.id)).toEqual([
      [0, false],
      [1, true],
      [1, true],
    ]);
    // As the default it is asked for estimates as well.
    await hub.saveMergePolicy(
      { name: "Alone", identityGraph: { type: "none" }, default: true },
      alone.value.id,
    );
    const estimated = await hub.estimateAudience({ type: "PQL", format: "pql/text", value });
    expect(estimated).toMatchObject({ ok: true, value: { count: 0 } });
    expect(
      await hub.saveMergePolicy({ name: "Edge", identityGraph: { type: "none" }, isActiveOnEdge: true }),
    ).toMatchObject({ ok: false, error: [{ code: "mergePolicy.invalid", path: ["isActiveOnEdge"] }] });
  });

  it("one that is neither default nor on edge can be deleted, and makes room", async () => {
    const { hub } = await open();
    for (const name of ["b", "c", "d", "e"]) await hub.saveMergePolicy({ name });
    const spare = hub.mergePolicies().find(({ name }) => name === "c")?.id ?? "";
    expect(await hub.deleteMergePolicy("default")).toMatchObject({
      ok: false,
      error: [{ code: "mergePolicy.isDefault" }],
    });
    expect(await hub.deleteMergePolicy(spare)).toMatchObject({ ok: true });
    expect(await hub.deleteMergePolicy(spare)).toMatchObject({ ok: false, error: [{ code: "notFound" }] });
    expect(await hub.saveMergePolicy({ name: "f" })).toMatchObject({ ok: true });
  });

  it("every value says dataset, identity and time, now and as of any past time", async () => {
    const { hub, pass } = await open();
    await hub.ingestRecords("crm", [record(ada, "DE", { loyalty: { tier: "gold" } })]);
    const first = new Date(START).toISOString();
    const second = pass();
    await hub.ingestRecords("newsletter", [
      {
        identityMap: { CRMID: [{ id: "ada" }], Email: [{ id: email.id, primary: true }] },
        homeAddress: { country: "FR" },
      },
    ]);
    pass();
    await hub.ingestRecords("crm", [record(ada, "IT")], "merge");
    const made = await hub.saveMergePolicy({
      name: "Newsletter first",
      attributeMerge: { type: "dataSetPrecedence", order: ["newsletter", "crm"] },
    });
    const alone = await hub.saveMergePolicy({ name: "Alone", identityGraph: { type: "none" } });
    if (!made.ok || !alone.ok) throw new Error("saved");
    const country = async (
      identity: typeof ada,
      options: { readonly mergePolicyId?: string; readonly asOf?: string } = {},
    ): Promise<unknown> => {
      const profile = await hub.profile(identity, options);
      return [profile?.attributes["homeAddress"], profile?.provenance["homeAddress.country"]];
    };
    const from = (datasetId: string, owner: string, hours: number): object => ({
      datasetId,
      owner,
      at: START + hours * HOUR,
    });
    expect(await country(email)).toEqual([{ country: "IT" }, from("crm", "CRMID:ada", 2)]);
    expect(await country(ada, { mergePolicyId: made.value.id })).toEqual([
      { country: "FR" },
      from("newsletter", `Email:${email.id}`, 1),
    ]);
    expect(await country(email, { mergePolicyId: alone.value.id })).toEqual([
      { country: "FR" },
      from("newsletter", `Email:${email.id}`, 1),
    ]);
    expect(await country(ada, { asOf: second })).toEqual([
      { country: "FR" },
      from("newsletter", `Email:${email.id}`, 1),
    ]);
    expect(await country(ada, { asOf: first })).toEqual([{ country: "DE" }, from("crm", "CRMID:ada", 0)]);
    expect(await hub.profile(email, { asOf: first })).toBeUndefined();
    expect((await hub.profile(ada))?.provenance["loyalty.tier"]).toEqual(from("crm", "CRMID:ada", 0));
  });

  it("an edge audience leaves the edges when its policy is no longer the one that is active there", async () => {
    const { hub } = await open();
    const [first] = hub.mergePolicies();
    const made = async (name: string, more: object): Promise<void> => {
      const expression = { type: "PQL", format: "pql/text", value: 'homeAddress.country = "FR"' } as const;
      expect(await hub.createAudience({ name, evaluation: "edge", expression, ...more })).toMatchObject({
        ok: true,
      });
    };
    await made("Bound", { mergePolicyId: first?.id });
    await made("Free", {});
    const onEdge = async (): Promise<readonly string[]> =>
      (await hub.edgeDefinitions()).audiences.map(({ name }) => name);
    expect(await onEdge()).toEqual(["Bound", "Free"]);
    await hub.saveMergePolicy({ name: "Another", isActiveOnEdge: true });
    expect(await onEdge()).toEqual(["Free"]);
  });
});

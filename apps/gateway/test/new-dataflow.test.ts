import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type Answer, dataOf, type Harness, NOW, startHarness } from "./harness.ts";

const received: string[] = [];
const receiver = createServer(async (request, response) => {
  let body = "";
  for await (const piece of request) body += String(piece);
  received.push(body);
  response.writeHead(200).end();
});
const CRM = { source: { kind: "identity", namespace: "CRMID" }, target: "CRMID" };
const CREATE = `mutation($i:CreateDataflowInput!){createDataflow(input:$i){id name enabled audiences{id schedule startsAt endsAt} mapping}}`;

describe("a dataflow made in one step", () => {
  const filesFolder = mkdtempSync(join(tmpdir(), "tessera-new-flow-"));
  let harness: Harness;
  const audiences: string[] = [];
  const run = async <T>(document: string, variables: object = {}): Promise<T> =>
    dataOf<T>(await harness.graphql(document, variables));
  const codes = ({ errors }: Answer): readonly string[] =>
    (errors ?? []).flatMap(({ extensions }) => (extensions.issues ?? []).map(({ code }) => code));
  const connect = async (type: string, settings: object): Promise<string> =>
    (
      await run<{ createDestination: { id: string } }>(
        `mutation($i:CreateDestinationInput!){createDestination(input:$i){id}}`,
        { i: { name: `To ${type}`, type, settings } },
      )
    ).createDestination.id;
  beforeAll(async () => {
    await new Promise<void>((resolve) => receiver.listen(0, "127.0.0.1", resolve));
    harness = await startHarness({ filesFolder });
    for (const tier of ["gold", "silver"]) {
      const { createAudience } = await run<{ createAudience: { id: string } }>(
        `mutation($i:CreateAudienceInput!){createAudience(input:$i){id}}`,
        { i: { name: tier, expression: { value: `loyalty.tiers.${tier} = "yes"` } } },
      );
      audiences.push(createAudience.id);
    }
    harness.setNow(NOW + 1_000);
    const member = {
      identityMap: { CRMID: [{ id: "C1", primary: true }] },
      loyalty: { tiers: { gold: "yes", silver: "yes" } },
    };
    await harness.request("/collect/records?datasetId=crm", {
      method: "POST",
      body: JSON.stringify([member]),
    });
  });
  afterAll(async () => {
    await harness.close();
    receiver.closeAllConnections();
    receiver.close();
    rmSync(filesFolder, { recursive: true, force: true });
  });

  it("can be planned from what each kind of destination takes, as its settings narrow it", async () => {
    const fields =
      "capabilities{namespaces requiredNamespaces batchMax removals attributes requestsPerSecond}";
    const { destinationKinds } = await run<{ destinationKinds: { type: string }[] }>(
      `{destinationKinds{type ${fields}}}`,
    );
    const of = (type: string): unknown => destinationKinds.find((kind) => kind.type === type);
    const namespaces = ["thirdPartyId", "TNTID"];
    expect(of("adobe-target-profiles")).toMatchObject({
      capabilities: { namespaces, requiredNamespaces: namespaces, removals: true },
    });
    expect(of("http-profile-export")).toMatchObject({
      capabilities: { namespaces: null, requestsPerSecond: null },
    });
    const settings = { url: "https://receiver.test/", requestsPerSecond: 5, batchSize: 7 };
    const id = await connect("http-profile-export", settings);
    expect(await run(`query($id:ID!){destination(id:$id){${fields}}}`, { id })).toMatchObject({
      destination: { capabilities: { batchMax: 7, requestsPerSecond: 5 } },
    });
  });

  it("is checked and refused with every violation at once", async () => {
    const destinationId = await connect("csv-local", { target: { folder: "out" } });
    const i = {
      destinationId,
      name: " ",
      audiences: [{ id: "nobody", schedule: { mode: "incremental", everyHours: 3, time: "00:00" } }],
      mapping: [
        { ...CRM, dedup: true },
        { source: { kind: "attribute", path: "loyalty.tier" }, target: "tier", dedup: true },
        { source: { kind: "pql", expression: "loyalty.(" }, target: "q" },
      ],
    };
    const wanted = [
      "dataflow.name",
      "dataflow.unknown-audience",
      expect.stringMatching(/^pql\./),
      "mapping.dedup",
    ];
    const { checkNewDataflow } = await run<{
      checkNewDataflow: { valid: boolean; violations: { code: string }[] };
    }>(`query($i:CreateDataflowInput!){checkNewDataflow(input:$i){valid violations{code}}}`, { i });
    expect([checkNewDataflow.valid, checkNewDataflow.violations.map(({ code }) => code)]).toEqual([
      false,
      wanted,
    ]);
    expect(codes(await harness.graphql(CREATE, { i }))).toEqual(wanted);
    const nowhere = await harness.graphql(CREATE, { i: { ...i, destinationId: "nowhere" } });
    expect(nowhere.errors?.[0]?.extensions.code).toBe("NOT_FOUND");
  });

  it("has its schedule from the start: no file is written before its time", async () => {
    const destinationId = await connect("csv-local", { target: { folder: "later" } });
    const schedule = { mode: "full", when: "at", time: "03:00" };
    const [gold] = audiences;
    const i = {
      destinationId,
      audiences: [{ id: gold, schedule, endsAt: "2026-06-01T00:00:00Z" }],
      mapping: [CRM],
    };
    expect(await run(CREATE, { i })).toMatchObject({
      createDataflow: {
        name: "To csv-local",
        enabled: true,
        audiences: [{ id: gold, schedule, endsAt: "2026-06-01T00:00:00.000Z" }],
        mapping: [CRM],
      },
    });
    expect(existsSync(join(filesFolder, "later"))).toBe(false);
  });

  it("tells members at once, beside another dataflow of the same destination", async () => {
    const { port } = receiver.address() as AddressInfo;
    const destinationId = await connect("http-profile-export", { url: `http://127.0.0.1:${port}/` });
    const [gold, silver] = audiences;
    const make = (id: string | undefined, target: string): Promise<{ createDataflow: { id: string } }> =>
      run(CREATE, {
        i: { destinationId, audiences: [{ id }], mapping: [{ ...CRM, target: "CRMID" }, tierTo(target)] },
      });
    const first = await make(gold, "a");
    await expect.poll(() => received.length, { timeout: 10_000 }).toBe(1);
    const second = await make(silver, "b");
    await expect.poll(() => received.length, { timeout: 10_000 }).toBe(2);
    expect(first.createDataflow.id).not.toBe(second.createDataflow.id);
    const bodies = received.map((body) => JSON.parse(body) as Record<string, unknown>);
    expect(bodies.map((body) => [body["a"], body["b"]])).toEqual([
      ["yes", undefined],
      [undefined, "yes"],
    ]);
  });
});

function tierTo(target: string): object {
  return { source: { kind: "attribute", path: "loyalty.tiers.gold" }, target };
}

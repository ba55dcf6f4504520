import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type Answer, dataOf, type Harness, startHarness, TOKEN, viewEvent } from "./harness.ts";

const SANDBOXES = ["prod", "dev"] as const;
type Name = (typeof SANDBOXES)[number];

describe("two sandboxes with the same ids", () => {
  const folder = mkdtempSync(join(tmpdir(), "tessera-isolation-"));
  const filesFolder = join(folder, "files");
  const made: Record<Name, { audience: string; destination: string }> = {
    prod: { audience: "", destination: "" },
    dev: { audience: "", destination: "" },
  };
  let harness: Harness;
  const ask = (sandbox: Name, query: string, variables: object = {}): Promise<Answer> =>
    harness.graphql(query, variables, { "x-sandbox-name": sandbox });
  beforeAll(async () => {
    harness = await startHarness({ filesFolder });
    dataOf(await harness.graphql(`mutation{createSandbox(name:"dev"){name}}`));
    for (const sandbox of SANDBOXES) {
      const headers = { "x-sandbox-name": sandbox };
      const record = { identityMap: { CRMID: [{ id: "C1" }] }, secret: `${sandbox}-only` };
      await harness.request("/collect/records?datasetId=crm", {
        method: "POST",
        headers,
        body: JSON.stringify([record]),
      });
      await harness.request("/collect/events?datasetId=web", {
        method: "POST",
        headers,
        body: JSON.stringify([viewEvent("e1", "C1")]),
      });
      const audience = await ask(sandbox, `mutation($i:CreateAudienceInput!){createAudience(input:$i){id}}`, {
        i: { name: "Known", expression: { value: "secret.isNotNull()" } },
      });
      const destination = await ask(
        sandbox,
        `mutation($i:CreateDestinationInput!){createDestination(input:$i){id}}`,
        { i: { name: "Files", type: "csv-local", settings: { target: { folder: "out" } } } },
      );
      const ids = {
        audience: dataOf<{ createAudience: { id: string } }>(audience).createAudience.id,
        destination: dataOf<{ createDestination: { id: string } }>(destination).createDestination.id,
      };
      made[sandbox] = ids;
      dataOf(
        await ask(sandbox, `mutation($ids:[ID!]){evaluateAudiences(ids:$ids){id}}`, { ids: [ids.audience] }),
      );
      const mapping = [
        { source: { kind: "identity", namespace: "CRMID" }, target: "crm_id" },
        { source: { kind: "attribute", path: "secret" }, target: "secret" },
      ];
      dataOf(
        await ask(sandbox, `mutation($i:ActivateAudiencesInput!){activateAudiences(input:$i){id}}`, {
          i: { destinationId: ids.destination, audienceIds: [ids.audience], mapping },
        }),
      );
      dataOf(
        await ask(sandbox, `mutation($id:ID!){exportAudiences(destinationId:$id){name}}`, {
          id: ids.destination,
        }),
      );
    }
  });
  afterAll(async () => {
    await harness.close();
    rmSync(folder, { recursive: true, force: true });
  });
  const other = (sandbox: Name): Name => (sandbox === "prod" ? "dev" : "prod");

  it.each(SANDBOXES)("%s sees its own person, events and totals only", async (sandbox) => {
    const answer = await ask(
      sandbox,
      `{profile(identity:{namespace:"CRMID",id:"C1"}){attributes} totals{persons events}}`,
    );
    expect(answer.data).toEqual({
      profile: { attributes: { secret: `${sandbox}-only` } },
      totals: { persons: 1, events: 1 },
    });
    expect(JSON.stringify(answer)).not.toContain(`${other(sandbox)}-only`);
  });

  it.each(SANDBOXES)("%s reaches nothing of the other by its ids", async (sandbox) => {
    const { audience, destination } = made[other(sandbox)];
    expect((await ask(sandbox, `query($id:ID!){audience(id:$id){id}}`, { id: audience })).data).toEqual({
      audience: null,
    });
    const refused = [
      await ask(sandbox, `mutation($ids:[ID!]){evaluateAudiences(ids:$ids){id}}`, { ids: [audience] }),
      await ask(sandbox, `mutation($id:ID!){exportAudiences(destinationId:$id){name}}`, { id: destination }),
      await ask(sandbox, `mutation($i:ActivateAudiencesInput!){activateAudiences(input:$i){id}}`, {
        i: { destinationId: destination, audienceIds: [made[sandbox].audience] },
      }),
      await ask(
        sandbox,
        `query($id:ID!){explainMembership(audienceId:$id,identity:{namespace:"CRMID",id:"C1"}){member}}`,
        { id: audience },
      ),
    ];
    for (const answer of refused) {
      expect(answer.errors?.length, JSON.stringify(answer)).toBeGreaterThan(0);
      expect(JSON.stringify(answer)).not.toContain(`${other(sandbox)}-only`);
    }
  });

  it.each(SANDBOXES)("%s writes files into a folder of its own", (sandbox) => {
    const own = join(sandbox === "prod" ? filesFolder : `${filesFolder}.${sandbox}`, "out");
    const files = readdirSync(own).filter((name) => name.endsWith(".csv"));
    expect(files).toHaveLength(1);
    const text = readFileSync(join(own, files[0] ?? ""), "utf8");
    expect(text).toContain(`${sandbox}-only`);
    expect(text).not.toContain(`${other(sandbox)}-only`);
  });

  it.each(SANDBOXES)("an edge of %s gets definitions and persons of its own", async (sandbox) => {
    const headers = { authorization: `Bearer ${TOKEN}`, "x-sandbox-name": sandbox };
    const snapshot = JSON.stringify(await (await harness.request("/edge/snapshot", { headers })).json());
    expect(snapshot).not.toContain(made[other(sandbox)].audience);
    const lookup = await harness.request("/edge/lookup?namespace=CRMID&id=C1", { headers });
    expect(await lookup.text()).not.toContain(`${other(sandbox)}-only`);
  });

  it("dropping one leaves the other as it was", async () => {
    dataOf(await harness.graphql(`mutation{deleteSandbox(name:"dev")}`));
    expect(existsSync(`${filesFolder}.dev`)).toBe(false);
    expect((await ask("dev", `{totals{persons}}`)).errors?.[0]?.extensions.code).toBe("SANDBOX_UNAVAILABLE");
    expect((await ask("prod", `{totals{persons events}}`)).data).toEqual({
      totals: { persons: 1, events: 1 },
    });
    expect(readdirSync(join(filesFolder, "out")).some((name) => name.endsWith(".csv"))).toBe(true);
  });
});

import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type Answer, dataOf, type Harness, startHarness } from "./harness.ts";

describe("datasets and their schemas", () => {
  let harness: Harness;
  beforeAll(async () => {
    harness = await startHarness({ tenant: "acme" });
  });
  afterAll(() => harness.close());
  const save = (what: "Dataset" | "FieldGroup" | "Schema", definition: object): Promise<Answer> => {
    const fields = what === "Dataset" ? "{id}" : "";
    return harness.graphql(`mutation($d:JSONObject!){save${what}(definition:$d)${fields}}`, {
      d: definition,
    });
  };
  const group = (field: string): object => ({
    id: "club",
    name: "Club",
    class: "profile",
    schema: { type: "object", properties: { [field]: { properties: { tier: { type: "string" } } } } },
  });

  it("users' fields lie under the tenant that the gateway was given", async () => {
    expect((await save("FieldGroup", group("_tenant"))).errors?.[0]?.message).toContain("_acme only");
    dataOf(await save("FieldGroup", group("_acme")));
    dataOf(await save("Schema", { id: "member", class: "profile", fieldGroups: ["club"] }));
    dataOf(await save("Dataset", { id: "crm", kind: "profile", schemaId: "member" }));
    const records = [{ identityMap: { CRMID: [{ id: "ada", primary: true }] }, _acme: { tier: 7 } }];
    const sent = `mutation($r:[JSON!]!){ingestRecords(datasetId:"crm",records:$r){rejected{code message}}}`;
    expect(await harness.graphql(sent, { r: records })).toMatchObject({
      data: { ingestRecords: { rejected: [{ code: "schema.violation" }] } },
    });
  });

  it("a dataset that nothing can be checked against is refused, and the sandbox goes on", async () => {
    const schema = { type: "object", properties: { a: { type: "string", pattern: "(" } } };
    const refused = await save("Dataset", { id: "broken", kind: "profile", schema });
    expect(refused.errors?.[0]?.extensions.issues?.[0]?.code).toBe("schema.invalid");
    dataOf(await save("Dataset", { id: "sound", kind: "profile" }));
  });
});

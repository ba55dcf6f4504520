import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { dataOf, type Harness, NOW, startHarness } from "./harness.ts";

/** A data collection server: keeps what it was told, and answers each call with the errors that were asked for. */
const calls: { readonly host: string | undefined; readonly form: URLSearchParams }[] = [];
let errors: readonly { readonly code: number; readonly msg: string }[] = [];
const dcs = createServer(async (request, response) => {
  let body = "";
  for await (const piece of request) body += String(piece);
  const { search } = new URL(request.url ?? "/", "http://dcs");
  calls.push({ host: request.headers.host, form: new URLSearchParams(body === "" ? search : body) });
  response.setHeader("content-type", "application/json");
  response.end(JSON.stringify({ uuid: "1".repeat(38), ...(errors.length > 0 && { errors }) }));
});
const DAY = 86_400_000;
const ecid = (n: number): string => String(n).padStart(38, "5");
const before = (ms: number): string => new Date(NOW - ms).toISOString();

describe("audiences shared with Audience Manager by a gateway", () => {
  const filesFolder = mkdtempSync(join(tmpdir(), "tessera-aam-"));
  let harness: Harness;
  let audienceId = "";
  let destinationId = "";

  beforeAll(async () => {
    await new Promise<void>((resolve) => dcs.listen(0, "127.0.0.1", resolve));
    harness = await startHarness({ filesFolder });
    const made = dataOf<{ a: { id: string } }>(
      await harness.graphql(`mutation($a:CreateAudienceInput!){a:createAudience(input:$a){id}}`, {
        a: { name: "Gold", expression: { value: 'loyalty.tier = "gold"' } },
      }),
    );
    audienceId = made.a.id;
    const { d } = dataOf<{ d: { id: string } }>(
      await harness.graphql(`mutation($d:CreateDestinationInput!){d:createDestination(input:$d){id}}`, {
        d: {
          name: "Audience Manager",
          type: "audience-manager",
          settings: {
            domainAlias: "acme",
            dataProviderId: 1234,
            gzip: false,
            hub: { kind: "local", folder: "hub" },
            audiences: { [audienceId]: { traitId: 24 } },
            dcsOrigin: `http://127.0.0.1:${(dcs.address() as AddressInfo).port}`,
          },
        },
      }),
    );
    destinationId = d.id;
    const activated = await harness.graphql(
      `mutation($i:ActivateAudiencesInput!){activateAudiences(input:$i){id}}`,
      { i: { destinationId, audienceIds: [audienceId] } },
    );
    dataOf(activated);
  });
  afterAll(async () => {
    await harness.close();
    dcs.closeAllConnections();
    dcs.close();
    rmSync(filesFolder, { recursive: true, force: true });
  });

  const ingest = (n: number, tier: string, captured?: string): Promise<Response> =>
    harness.request("/collect/records?datasetId=crm", {
      method: "POST",
      body: JSON.stringify([
        {
          identityMap: { ECID: [{ id: ecid(n), primary: true }], Email: [{ id: `p${n}@example.test` }] },
          loyalty: { tier },
          ...(captured !== undefined && { userActivityRegions: { VA6: { captureTimestamp: captured } } }),
        },
      ]),
    });
  const hubLines = (): string =>
    existsSync(join(filesFolder, "hub"))
      ? readdirSync(join(filesFolder, "hub"))
          .map((name) => readFileSync(join(filesFolder, "hub", name), "utf8"))
          .join("")
      : "";

  it("goes to the edge where a record says that the person was there within 14 days, to the second", async () => {
    await ingest(1, "gold", before(14 * DAY));
    await expect.poll(() => calls.length, { timeout: 10_000 }).toBe(1);
    expect(calls[0]?.form.get("d_mid")).toBe(ecid(1));
    expect(calls[0]?.form.getAll("segID")).toEqual([audienceId]);
    expect(JSON.stringify(calls.map(({ form }) => String(form)))).not.toContain("example.test");
    expect(hubLines()).toBe("");
  });

  it("goes to the hub's files when that is a second longer ago, or was never told", async () => {
    await ingest(2, "gold", before(14 * DAY + 1_000));
    await ingest(3, "gold");
    await expect.poll(hubLines, { timeout: 10_000 }).toContain(ecid(3));
    expect(hubLines().trim().split("\n").sort()).toEqual(
      [`${ecid(2)}\td_sid=24`, `${ecid(3)}\td_sid=24`].sort(),
    );
    expect(calls).toHaveLength(1);
  });

  it("tells exits the same way, by the number of the trait", async () => {
    await ingest(1, "silver", before(DAY));
    await ingest(3, "silver");
    await expect.poll(() => calls.length, { timeout: 10_000 }).toBe(2);
    expect(calls[1]?.form.get("d_unsid")).toBe("24");
    await expect.poll(hubLines, { timeout: 10_000 }).toContain(`${ecid(3)}\td_unsid=24`);
  });

  it("a person who opted out there is set aside with the reason, and not told again by itself", async () => {
    errors = [{ code: 171, msg: "Encountered opt out tag" }];
    await ingest(4, "gold", before(DAY));
    await expect.poll(() => calls.length, { timeout: 10_000 }).toBe(3);
    const letters = async (): Promise<readonly string[]> =>
      dataOf<{ deadLetters: { nodes: { code: string }[] } }>(
        await harness.graphql(`query($d:ID!){deadLetters(destinationId:$d){nodes{code}}}`, {
          d: destinationId,
        }),
      ).deadLetters.nodes.map(({ code }) => code);
    await expect.poll(letters, { timeout: 10_000 }).toEqual(["aam.optOut"]);
    expect(calls).toHaveLength(3);
  });
});

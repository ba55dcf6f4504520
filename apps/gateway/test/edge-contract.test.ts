import { createServer, type IncomingMessage } from "node:http";
import type { AddressInfo } from "node:net";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { dataOf, type Harness, NOW, startHarness, TOKEN, viewEvent } from "./harness.ts";

interface Projections {
  readonly projections: readonly {
    readonly personId: string;
    readonly identities: readonly unknown[];
    readonly segmentMembership: { readonly ups?: object };
  }[];
}

describe("what edges rely on", () => {
  const received: Projections[] = [];
  let failures = 1;
  const edge = createServer(async (request, response) => {
    const body = await readAll(request);
    const right =
      request.url === "/internal/projections" && request.headers.authorization === `Bearer ${TOKEN}`;
    const fails = failures > 0;
    if (fails) failures -= 1;
    else if (right) received.push(JSON.parse(body) as Projections);
    response.writeHead(fails ? 500 : 204).end();
  });
  let harness: Harness;
  beforeAll(async () => {
    await new Promise<void>((resolve) => edge.listen(0, "127.0.0.1", resolve));
    harness = await startHarness({
      edges: [{ url: `http://127.0.0.1:${(edge.address() as AddressInfo).port}` }],
    });
  });
  afterAll(async () => {
    await harness.close();
    edge.closeAllConnections();
    edge.close();
  });

  it("gives the snapshot with a version, 304 while it is the same, and waits for a change", async () => {
    const first = await harness.request("/edge/snapshot");
    const etag = first.headers.get("etag") ?? "";
    const snapshot = (await first.json()) as { readonly version: string };
    expect(etag).toBe(`"${snapshot.version}"`);
    expect(snapshot).toMatchObject({ sandbox: "prod", audiences: [], destinations: [] });
    const same = await harness.request("/edge/snapshot", { headers: { "if-none-match": etag } });
    expect(same.status).toBe(304);
    const waiting = harness.request("/edge/snapshot?wait=10000", { headers: { "if-none-match": etag } });
    const input = {
      name: "On the edge",
      evaluation: "edge",
      expression: { value: 'person.name.firstName = "Ada"' },
    };
    dataOf(
      await harness.graphql(`mutation($i:CreateAudienceInput!){createAudience(input:$i){id}}`, { i: input }),
    );
    const changed = await waiting;
    expect(changed.status).toBe(200);
    expect(await changed.json()).toMatchObject({ audiences: [{ name: "On the edge", evaluation: "edge" }] });
  });

  it("answers lookups of known and unknown persons", async () => {
    const event = viewEvent("l1", "L1", { _tessera: { region: "6" } });
    await harness.request("/collect/events?datasetId=web", { method: "POST", body: JSON.stringify([event]) });
    const lookup = async (body: object): Promise<unknown> =>
      (await harness.request("/edge/lookup", { method: "POST", body: JSON.stringify(body) })).json();
    expect(await lookup({ identity: { namespace: "CRMID", id: "L1" }, region: "6" })).toMatchObject({
      found: true,
      version: 1,
      identities: [{ namespace: "CRMID", id: "L1" }, { namespace: "ECID" }],
      attributes: {},
      segmentMembership: {},
      freshAt: "2026-03-01T12:00:00.000Z",
    });
    expect(await lookup({ identity: { namespace: "CRMID", id: "nobody" } })).toMatchObject({ found: false });
    expect(await lookup({ identity: "CRMID:L1" })).toMatchObject({ code: "BAD_USER_INPUT" });
  });

  it("projects changed persons who were on an edge lately, again when the edge fails, and no others", async () => {
    harness.setNow(NOW + 1_000);
    const record = (id: string): object => ({
      identityMap: { CRMID: [{ id, primary: true }] },
      person: { name: { firstName: "Ada" } },
    });
    const body = JSON.stringify([record("L1"), record("never-on-an-edge")]);
    await harness.request("/collect/records?datasetId=crm", { method: "POST", body });
    await expect.poll(() => received.length, { timeout: 5_000 }).toBe(1);
    expect(failures).toBe(0);
    expect(received[0]?.projections).toHaveLength(1);
    expect(received[0]?.projections[0]).toMatchObject({
      identities: [{ namespace: "CRMID", id: "L1" }, { namespace: "ECID" }],
      attributes: { person: { name: { firstName: "Ada" } } },
    });
    expect(Object.values(received[0]?.projections[0]?.segmentMembership.ups ?? {})).toMatchObject([
      { status: "realized" },
    ]);
    harness.setNow(NOW + 2_000);
    const attribute = { identityMap: { CRMID: [{ id: "L1", primary: true }] }, loyalty: { tier: "gold" } };
    await harness.request("/collect/records?datasetId=crm", {
      method: "POST",
      body: JSON.stringify([attribute]),
    });
    await expect.poll(() => received.length, { timeout: 5_000 }).toBe(2);
    expect(received[1]?.projections[0]).toMatchObject({ attributes: { loyalty: { tier: "gold" } } });
  });
});

async function readAll(request: IncomingMessage): Promise<string> {
  let text = "";
  for await (const piece of request) text += String(piece);
  return text;
}

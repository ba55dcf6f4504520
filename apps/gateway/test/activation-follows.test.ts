import { createHmac } from "node:crypto";
import { createServer, type IncomingHttpHeaders } from "node:http";
import type { AddressInfo } from "node:net";
import { afterAll, beforeAll, expect, it } from "vitest";
import { dataOf, type Harness, NOW, startHarness } from "./harness.ts";

const KEY = "the key that both sides know";
const received: { readonly headers: IncomingHttpHeaders; readonly body: string }[] = [];
const receiver = createServer(async (request, response) => {
  let body = "";
  for await (const piece of request) body += String(piece);
  received.push({ headers: request.headers, body });
  response.writeHead(200).end();
});
let harness: Harness;
let destinationId = "";
let gold = "";
let silver = "";
let moment = NOW;
beforeAll(async () => {
  process.env["TESSERA_SECRET_RECEIVER_KEY"] = KEY;
  await new Promise<void>((resolve) => receiver.listen(0, "127.0.0.1", resolve));
  harness = await startHarness();
  const audience = async (name: string): Promise<string> =>
    (
      await run<{ createAudience: { id: string } }>(
        `mutation($i:CreateAudienceInput!){createAudience(input:$i){id}}`,
        { i: { name, expression: { value: `tiers.${name} = "yes"` } } },
      )
    ).createAudience.id;
  gold = await audience("gold");
  silver = await audience("silver");
  const settings = {
    url: `http://127.0.0.1:${(receiver.address() as AddressInfo).port}/profiles`,
    signingKey: { secret: "receiver-key" },
  };
  const made = await run<{ createDestination: { id: string } }>(
    `mutation($i:CreateDestinationInput!){createDestination(input:$i){id}}`,
    { i: { name: "Receiver", type: "http-profile-export", settings } },
  );
  destinationId = made.createDestination.id;
  await run(`mutation($i:ActivateAudiencesInput!){activateAudiences(input:$i){dataflowId}}`, {
    i: {
      destinationId,
      audienceIds: [gold, silver],
      mapping: [{ source: { kind: "attribute", path: "person.name.firstName" }, target: "person.firstName" }],
    },
  });
});
afterAll(async () => {
  delete process.env["TESSERA_SECRET_RECEIVER_KEY"];
  await harness.close();
  receiver.closeAllConnections();
  receiver.close();
});

const run = async <T>(document: string, variables: object = {}): Promise<T> =>
  dataOf<T>(await harness.graphql(document, variables));
const post = async (path: string, items: readonly object[]): Promise<void> => {
  harness.setNow((moment += 1_000));
  await harness.request(path, { method: "POST", body: JSON.stringify(items) });
};
const [PHONE, TABLET] = ["1".repeat(38), "2".repeat(38)];
const record = (identityMap: object, tier: string, firstName: string): object => ({
  identityMap,
  person: { name: { firstName } },
  tiers: { [tier]: "yes" },
});
interface Payload {
  readonly person: { readonly firstName: string };
  readonly segmentMembership: { readonly ups: { readonly [id: string]: { readonly status: string } } };
  readonly identityMap: { readonly [namespace: string]: readonly { readonly id: string }[] };
}
const payloads = (): readonly Payload[] => received.map(({ body }) => JSON.parse(body) as Payload);

it("streams the profile, signed over exactly the bytes that were sent", async () => {
  const identityMap = { CRMID: [{ id: "C1", primary: true }], ECID: [{ id: PHONE }] };
  await post("/collect/records?datasetId=crm", [record(identityMap, "gold", "Ada")]);
  await expect.poll(() => received.length, { timeout: 10_000 }).toBe(1);
  const [first] = received;
  const signature = createHmac("sha256", KEY)
    .update(first?.body ?? "")
    .digest("hex");
  expect(first?.headers["x-tessera-signature"]).toBe(`sha256=${signature}`);
  expect(first?.headers["idempotency-key"]).toMatch(/^[0-9a-f]{32,}$/);
  expect(payloads()[0]).toMatchObject({
    person: { firstName: "Ada" },
    segmentMembership: { ups: { [gold]: { status: "realized" } } },
    identityMap: { crmid: [{ id: "C1" }], ecid: [{ id: PHONE }] },
  });
});

it("tells a merge and a split once, with the exits and entries they imply; the log follows the person", async () => {
  const told = (): readonly object[] =>
    payloads()
      .slice(2)
      .map(({ identityMap, segmentMembership: { ups } }) => ({
        ids: Object.values(identityMap).flat().length,
        gold: ups[gold]?.status,
        silver: ups[silver]?.status,
      }));
  const tablet = { ECID: [{ id: TABLET, primary: true }] };
  await post("/collect/records?datasetId=crm", [record(tablet, "silver", "Bea")]);
  await expect.poll(() => received.length, { timeout: 10_000 }).toBe(2);
  await post("/collect/events?datasetId=web", [
    {
      _id: "both",
      timestamp: "2026-03-01T11:00:00Z",
      eventType: "login",
      identityMap: { ECID: [{ id: PHONE, primary: true }, { id: TABLET }] },
    },
  ]);
  const merged = { ids: 3, gold: "realized", silver: "realized" };
  await expect.poll(told, { timeout: 10_000 }).toEqual([merged]);
  // What was told of either of them before stands in the log of the one they are now.
  const entries = async (namespace: string, id: string): Promise<readonly object[]> =>
    (
      await run<{ deliveryLog: { nodes: { changes: object[] }[] } }>(
        `query($i:IdentityInput!,$d:ID){deliveryLog(identity:$i,destinationId:$d){nodes{changes{audienceId status}}}}`,
        { i: { namespace, id }, d: destinationId },
      )
    ).deliveryLog.nodes.flatMap(({ changes }) => changes);
  const both = [gold, silver].map((audienceId) => ({ audienceId, status: "realized" }));
  expect(await entries("CRMID", "C1")).toEqual(expect.arrayContaining(both));
  expect(await entries("ECID", TABLET)).toEqual(await entries("CRMID", "C1"));

  harness.setNow((moment += 1_000));
  await run(`mutation($a:IdentityInput!,$b:IdentityInput!){unlinkIdentities(a:$a,b:$b)}`, {
    a: { namespace: "ECID", id: PHONE },
    b: { namespace: "ECID", id: TABLET },
  });
  await expect
    .poll(told, { timeout: 10_000 })
    .toEqual([
      merged,
      { ids: 2, gold: "realized", silver: "exited" },
      { ids: 1, gold: "exited", silver: "realized" },
    ]);
});

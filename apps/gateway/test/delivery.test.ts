import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { createMemoryStore } from "@tessera/profile-store";
import { afterAll, beforeAll, expect, it } from "vitest";
import { dataOf, type Harness, NOW, startHarness } from "./harness.ts";

let status = 200;
const received: string[] = [];
const receiver = createServer(async (request, response) => {
  let body = "";
  for await (const piece of request) body += String(piece);
  if (status === 200) received.push(body);
  response.writeHead(status).end();
});
const store = createMemoryStore();
let harness: Harness;
beforeAll(async () => {
  await new Promise<void>((resolve) => receiver.listen(0, "127.0.0.1", resolve));
  harness = await startHarness({}, store);
});
afterAll(async () => {
  await harness.close();
  receiver.closeAllConnections();
  receiver.close();
});

it("tells a streaming destination of entries, sets aside what it refuses, keeps that over a restart, and sends it again", async () => {
  const input = { name: "Ada", expression: { value: 'person.name.firstName = "Ada"' } };
  const made = await harness.graphql(`mutation($i:CreateAudienceInput!){createAudience(input:$i){id}}`, {
    i: input,
  });
  const { id } = dataOf<{ createAudience: { id: string } }>(made).createAudience;
  const url = `http://127.0.0.1:${(receiver.address() as AddressInfo).port}/profiles`;
  const destination = await harness.graphql(
    `mutation($i:CreateDestinationInput!){createDestination(input:$i){id}}`,
    {
      i: { name: "Receiver", type: "http-profile-export", settings: { url } },
    },
  );
  const destinationId = dataOf<{ createDestination: { id: string } }>(destination).createDestination.id;
  const mapping = [{ source: { kind: "identity", namespace: "CRMID" }, target: "CRMID" }];
  dataOf(
    await harness.graphql(`mutation($i:ActivateAudiencesInput!){activateAudiences(input:$i){dataflowId}}`, {
      i: { destinationId, audienceIds: [id], mapping },
    }),
  );
  let moment = NOW;
  const enter = async (customer: string): Promise<void> => {
    moment += 1_000;
    harness.setNow(moment);
    const record = {
      identityMap: { CRMID: [{ id: customer, primary: true }] },
      person: { name: { firstName: "Ada" } },
    };
    await harness.request("/collect/records?datasetId=crm", {
      method: "POST",
      body: JSON.stringify([record]),
    });
  };
  await enter("C1");
  await expect.poll(() => received.join(), { timeout: 10_000 }).toContain("C1");

  const metrics = await (await harness.request("/metrics")).text();
  expect(metrics).toMatch(new RegExp(`tessera_delivery.*destination="${destinationId}",what="delivered"} 1`));

  const told = await harness.graphql(
    `{latencies{destination deliveriesMeasured deliveredP95 deliveryVerdict}}`,
  );
  const { latencies } = dataOf<{ latencies: { destination: string; deliveriesMeasured: number }[] }>(told);
  for (const one of latencies.filter(({ destination }) => destination === "streaming"))
    expect(one).toMatchObject({ deliveriesMeasured: 1, deliveryVerdict: "within" });

  status = 422;
  await enter("C2");
  const letters = async (): Promise<readonly { readonly id: string; readonly code: string }[]> => {
    const asked = await harness.graphql(
      `query($d:ID!){deadLetters(destinationId:$d){nodes{id code persons}}}`,
      {
        d: destinationId,
      },
    );
    return dataOf<{ deadLetters: { nodes: { id: string; code: string }[] } }>(asked).deadLetters.nodes;
  };
  await expect.poll(letters, { timeout: 10_000 }).toMatchObject([{ code: "http.422" }]);
  expect(received.join()).not.toContain("C2");
  const filtered = async (filter: object): Promise<number> =>
    dataOf<{ deadLetters: { totalCount: number } }>(
      await harness.graphql(
        `query($d:ID!,$f:DeadLetterFilter){deadLetters(destinationId:$d,filter:$f){totalCount}}`,
        { d: destinationId, f: filter },
      ),
    ).deadLetters.totalCount;
  const about = (customer: string): object => ({ identity: { namespace: "CRMID", id: customer } });
  const [since, later] = [moment - 1_000, moment + 60_000].map((ms) => new Date(ms).toISOString());
  const counts: number[] = [];
  for (const filter of [
    { codes: ["http.422"], since, ...about("C2") },
    { codes: ["http.400"] },
    { since: later },
    about("C1"),
    about("nobody"),
    { dataflowId: "none" },
  ])
    counts.push(await filtered(filter));
  expect(counts).toEqual([1, 0, 0, 0, 0, 0]);
  const none = await harness.graphql(
    `mutation($d:ID!){replayDeadLetters(destinationId:$d,filter:{codes:["http.400"]}){replayed}}`,
    { d: destinationId },
  );
  expect(none.data).toEqual({ replayDeadLetters: { replayed: [] } });

  await harness.close();
  status = 200;
  harness = await startHarness({}, store);
  harness.setNow(moment + 1_000);
  expect(await letters()).toMatchObject([{ code: "http.422" }]);
  const replayed = await harness.graphql(
    `mutation($d:ID!){replayDeadLetters(destinationId:$d,attributes:{mended:"by hand"}){replayed superseded}}`,
    {
      d: destinationId,
    },
  );
  expect(
    dataOf<{ replayDeadLetters: { replayed: string[] } }>(replayed).replayDeadLetters.replayed,
  ).toHaveLength(1);
  await expect.poll(() => received.join(), { timeout: 10_000 }).toContain("C2");
  expect(received.at(-1)).toContain("by hand");
  expect(await letters()).toEqual([]);
  expect(await store.documents(`deadLetter:${destinationId}`)).toEqual([]);
}, 40_000);

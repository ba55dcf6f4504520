import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { expect, test } from "vitest";
import { dataOf, NOW } from "./harness.ts";
import { type GatewayProcess, inDatabase, startGatewayProcess, withMongo } from "./mongo-gateways.ts";

const LEASE = 2_000;
const PERSONS = 12;
/** Longer than what the killed gateway left open is in the way of the other one. */
const PATIENTLY = { timeout: 90_000, interval: 250 };

withMongo("a destination that is removed while several gateways work", (uri) => {
  test("is told what waits and the exits by those that are left, in order, when the one that was asked dies", async () => {
    let takes = false;
    const told = new Map<string, string[]>();
    const receiver = createServer(async (request, response) => {
      let text = "";
      for await (const piece of request) text += String(piece);
      if (takes) {
        const body = JSON.parse(text) as {
          readonly identityMap: { readonly crmid: readonly { readonly id: string }[] };
          readonly segmentMembership: {
            readonly ups: { readonly [id: string]: { readonly status: string } };
          };
        };
        const who = body.identityMap.crmid[0]?.id ?? "";
        const [membership] = Object.values(body.segmentMembership.ups);
        told.set(who, [...(told.get(who) ?? []), membership?.status ?? ""]);
      }
      response.writeHead(takes ? 200 : 503).end();
    });
    await new Promise<void>((resolve) => receiver.listen(0, "127.0.0.1", resolve));
    await inDatabase(uri, async (store, own) => {
      const [first, second] = await Promise.all([
        startGatewayProcess(own, LEASE),
        startGatewayProcess(own, LEASE),
      ]);
      try {
        const run = async <T>(gateway: GatewayProcess, query: string, variables: object = {}): Promise<T> =>
          dataOf<T>(await gateway.graphql(query, variables));
        const { createAudience } = await run<{ createAudience: { id: string } }>(
          first,
          `mutation($i:CreateAudienceInput!){createAudience(input:$i){id}}`,
          { i: { name: "gold", expression: { value: 'loyalty.tier = "gold"' } } },
        );
        const url = `http://127.0.0.1:${(receiver.address() as AddressInfo).port}/`;
        const { createDestination } = await run<{ createDestination: { id: string } }>(
          first,
          `mutation($i:CreateDestinationInput!){createDestination(input:$i){id}}`,
          { i: { name: "Receiver", type: "http-profile-export", settings: { url } } },
        );
        const { id } = createDestination;
        await run(first, `mutation($i:CreateDataflowInput!){createDataflow(input:$i){id}}`, {
          i: {
            destinationId: id,
            audiences: [{ id: createAudience.id }],
            mapping: [{ source: { kind: "identity", namespace: "CRMID" }, target: "CRMID" }],
          },
        });
        const status = async (): Promise<string | undefined> =>
          (
            await run<{ destination: { status: string } | null }>(
              second,
              `query($id:ID!){destination(id:$id){status}}`,
              { id },
            )
          ).destination?.status;
        await expect.poll(status, PATIENTLY).toBe("enabled");
        const records = Array.from({ length: PERSONS }, (_, n) => ({
          identityMap: { CRMID: [{ id: `C${n}`, primary: true }] },
          loyalty: { tier: "gold" },
        }));
        for (const gateway of [first, second]) gateway.setNow(NOW + 1_000);
        const collected = await second.request("/collect/records?datasetId=crm", {
          method: "POST",
          body: JSON.stringify(records),
        });
        expect(collected.status).toBe(200);
        await run(first, `mutation($id:ID!){deleteDestination(id:$id,exits:true){status}}`, { id });
        first.kill();
        await expect.poll(status, PATIENTLY).toBe("leaving");
        takes = true;
        let now = NOW + 1_000;
        await expect
          .poll(async () => {
            // The circuit opens again, retries come due, and the time of grace passes.
            second.setNow((now += 12_000));
            return status();
          }, PATIENTLY)
          .toBeUndefined();
        expect(told.size).toBe(PERSONS);
        for (const statuses of told.values()) expect(statuses).toEqual(["realized", "exited"]);
        expect([await store.documents("destination"), await store.documents("dataflow")]).toEqual([[], []]);
        expect(await store.outbox(id, 0, 1)).toEqual([]);
      } finally {
        await Promise.allSettled([first.stop(), second.stop()]);
      }
    });
    receiver.closeAllConnections();
    receiver.close();
  }, 300_000);
});

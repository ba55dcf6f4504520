import { expect, test } from "vitest";
import type { Role } from "../src/config.ts";
import { openStore } from "../src/store.ts";
import { dataOf, type Harness, startHarness, viewEvent } from "./harness.ts";
import { inDatabase, withMongo } from "./mongo-gateways.ts";

const LEASE = 1_000;
const WORK = ["timers", "batch", "schedules", "deliver"] as const;

withMongo("processes with roles on one MongoDB", (uri) => {
  test("each does what its roles say, and answers for all", { timeout: 60_000 }, async () => {
    await inDatabase(uri, async (store, own) => {
      const begin = async (roles: readonly Role[]): Promise<Harness> =>
        startHarness(
          { roles, leaseMs: LEASE },
          await openStore({ kind: "mongodb", uri: own }, { name: "prod", isDefault: true }),
        );
      const held = async (): Promise<Readonly<Record<string, number>>> =>
        Object.fromEntries(
          await Promise.all(
            WORK.map(async (work) => [work, (await store.leases.held(`${work}/`)).length] as const),
          ),
        );
      const front = await begin(["collect"]);
      const input = {
        name: "Receiver",
        type: "http-profile-export",
        settings: { url: "http://127.0.0.1:9/" },
      };
      dataOf(
        await front.graphql(`mutation($i:CreateDestinationInput!){createDestination(input:$i){id}}`, {
          i: input,
        }),
      );
      const post = (gateway: Harness): Promise<Response> =>
        gateway.request("/collect/events?datasetId=web", {
          method: "POST",
          body: JSON.stringify([viewEvent("e1", "C1")]),
        });
      expect((await post(front)).status).toBe(200);
      expect(await held()).toEqual({ timers: 0, batch: 0, schedules: 0, deliver: 0 });

      const clockwork = await begin(["timers", "batch"]);
      await expect.poll(held, { timeout: 20_000 }).toEqual({ timers: 8, batch: 8, schedules: 1, deliver: 0 });
      const refused = await post(clockwork);
      expect([refused.status, await refused.json()]).toMatchObject([503, { code: "ROLE_ABSENT" }]);
      expect(dataOf(await clockwork.graphql("{ totals { events } }"))).toEqual({ totals: { events: 1 } });

      // Deriving everyone anew is the work of a process with that role, one of them at a time.
      const rebuild = "mutation { startRebuild { id } }";
      const none = await clockwork.graphql(rebuild);
      expect(none.errors?.[0]?.extensions.code).toBe("UNAVAILABLE");
      const courier = await begin(["derive", "deliver"]);
      await expect.poll(held, { timeout: 20_000 }).toEqual({ timers: 8, batch: 8, schedules: 1, deliver: 1 });
      const made = dataOf<{ startRebuild: { id: string } }>(await courier.graphql(rebuild));
      const job = `query($id:ID!){job(id:$id){status}}`;
      await expect
        .poll(async () => dataOf(await courier.graphql(job, { id: made.startRebuild.id })), {
          timeout: 20_000,
        })
        .toEqual({ job: { status: "done" } });
      expect(dataOf(await front.graphql("{ totals { events persons } }"))).toEqual({
        totals: { events: 1, persons: 1 },
      });
      await clockwork.close();
      await expect.poll(held).toEqual({ timers: 0, batch: 0, schedules: 0, deliver: 1 });
      await Promise.all([front.close(), courier.close()]);
      expect(await held()).toEqual({ timers: 0, batch: 0, schedules: 0, deliver: 0 });
    });
  });
});

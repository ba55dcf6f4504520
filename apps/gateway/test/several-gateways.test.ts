import { createClient } from "graphql-ws";
import { openMongoStore } from "@tessera/store-mongodb";
import { expect, it } from "vitest";
import { WebSocket } from "ws";
import { dataOf, type Harness, startHarness, TOKEN } from "./harness.ts";
import { inDatabase, withMongo } from "./mongo-gateways.ts";

const PATIENTLY = { timeout: 10_000 };

withMongo("gateways that share a store", (uri) => {
  const both = (work: (one: Harness, other: Harness) => Promise<void>): Promise<void> =>
    inDatabase(uri, async (_store, at) => {
      const database = new URL(at).pathname.slice(1);
      const started: Harness[] = [];
      for (const roles of [
        ["collect", "deliver"],
        ["collect", "derive", "timers", "batch"],
      ] as const)
        started.push(
          await startHarness({ roles, leaseMs: 3_000 }, await openMongoStore({ uri: at, database })),
        );
      const [one, other] = started;
      if (one === undefined || other === undefined) throw new Error("Two gateways are started.");
      try {
        await work(one, other);
      } finally {
        for (const harness of started) await harness.close();
      }
    });
  const run = async <T>(harness: Harness, query: string, variables: object = {}): Promise<T> =>
    dataOf<T>(await harness.graphql(query, variables));

  it(
    "take a key of one for a key of all, and let nobody in any more when it was revoked",
    { timeout: 60_000 },
    () =>
      both(async (one, other) => {
        const { createApiKey } = await run<{ createApiKey: { id: string; secret: string } }>(
          one,
          `mutation{saveRole(input:{id:"ops",name:"Ops",permissions:["view-segments"],sandboxes:["prod"]}){id} createApiKey(name:"k",roleIds:["ops"]){id secret}}`,
        );
        const headers = { authorization: `Bearer ${createApiKey.secret}` };
        const status = async (harness: Harness): Promise<number> =>
          (await harness.request("/metrics", { headers })).status;
        expect(await status(one)).toBe(200);
        await expect.poll(() => status(other), PATIENTLY).toBe(200);
        const audiences = async (): Promise<unknown> =>
          (await other.graphql("{audiences{id}}", {}, headers)).errors?.[0]?.extensions.code;
        expect(await audiences()).toBeUndefined();
        await run(
          one,
          `mutation{saveRole(input:{id:"ops",name:"Ops",permissions:["view-profiles"],sandboxes:["prod"]}){id}}`,
        );
        await expect.poll(audiences, PATIENTLY).toBe("FORBIDDEN");
        await run(one, `mutation($id:ID!){revokeApiKey(id:$id)}`, { id: createApiKey.id });
        expect(await status(one)).toBe(401);
        await expect.poll(() => status(other), PATIENTLY).toBe(401);
      }),
  );

  it(
    "tell what happened at each other in one audit log, which is there when one has ended",
    { timeout: 60_000 },
    () =>
      both(async (one, other) => {
        const lines = async (harness: Harness): Promise<readonly (readonly string[])[]> =>
          (
            await run<{ auditLog: { action: string; subject: string }[] }>(
              harness,
              `{auditLog(first:1000){action subject}}`,
            )
          ).auditLog.map(({ action, subject }) => [action, subject]);
        const saveRole = (harness: Harness, id: string): Promise<unknown> =>
          run(
            harness,
            `mutation($id:ID!){saveRole(input:{id:$id,name:"Some",permissions:[],sandboxes:[]}){id}}`,
            { id },
          );
        await saveRole(one, "first");
        await expect.poll(() => lines(other), PATIENTLY).toContainEqual(["role.save", "first"]);
        await saveRole(other, "second");
        await other.close();
        // At one moment of the clock: which of them is told first is nobody's promise.
        expect((await lines(one)).slice(0, 2).toSorted()).toEqual([
          ["role.save", "first"],
          ["role.save", "second"],
        ]);
      }),
  );

  it("tell the membership changes of each other, each once", { timeout: 60_000 }, () =>
    both(async (one, other) => {
      const { createAudience } = await run<{ createAudience: { id: string } }>(
        one,
        `mutation($i:CreateAudienceInput!){createAudience(input:$i){id}}`,
        { i: { name: "Ada", expression: { value: 'person.name.firstName = "Ada"' } } },
      );
      const { id } = createAudience;
      const configured = async (): Promise<unknown> =>
        (await run<{ audience: object | null }>(other, `query($id:ID!){audience(id:$id){id}}`, { id }))
          .audience;
      await expect.poll(configured, PATIENTLY).toEqual({ id });
      const enter = (harness: Harness, customer: string): Promise<Response> =>
        harness.request("/collect/records?datasetId=crm", {
          method: "POST",
          body: JSON.stringify([
            {
              identityMap: { CRMID: [{ id: customer, primary: true }] },
              person: { name: { firstName: "Ada" } },
            },
          ]),
        });
      await enter(one, "before");
      const client = createClient({
        url: `${other.url.replace("http", "ws")}/graphql`,
        webSocketImpl: WebSocket,
        connectionParams: { authorization: `Bearer ${TOKEN}` },
      });
      const told: string[] = [];
      const results = client.iterate<{ membershipChanged: { personId: string } }>({
        query: "subscription{membershipChanged{personId to}}",
      });
      const reading = (async () => {
        for await (const { data } of results) told.push(data?.membershipChanged.personId ?? "");
      })();
      await new Promise((resolve) => setTimeout(resolve, 1_500));
      await enter(one, "elsewhere");
      await enter(other, "here");
      await expect.poll(() => told.length, PATIENTLY).toBe(2);
      await new Promise((resolve) => setTimeout(resolve, 2_500));
      expect(new Set(told).size).toBe(2);
      expect(told).toHaveLength(2);
      await client.dispose();
      await reading;
    }),
  );
});

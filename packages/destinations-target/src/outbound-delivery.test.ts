import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { setTimeout as wait } from "node:timers/promises";
import {
  type ActivationItem,
  catalogEntry,
  createDeliveryEngine,
  createMemoryOutbox,
  type OutboxItem,
  planDefinitionChanges,
  type Send,
} from "@tessera/destinations";
import { expect, it } from "vitest";
import { targetOutbound } from "./index.ts";

const start = Date.parse("2026-01-31T12:00:00.000Z");
const at = new Date(start).toISOString();

function profile(id: string): OutboxItem {
  const item: ActivationItem = {
    id,
    personId: `person-${id}`,
    trigger: "membership",
    at,
    identities: [{ namespace: "CRMID", id: `crm ${id}`, target: "thirdPartyId" }],
    attributes: { tier: "gold" },
    changes: [{ audienceId: "a", namespace: "ups", status: "realized", at }],
    memberships: { ups: { a: { status: "realized", lastQualificationTime: at } } },
  };
  return {
    id,
    destinationId: "d1",
    dataflowId: "f1",
    lanes: [item.personId],
    enqueuedAt: at,
    payload: { kind: "profile", item },
  };
}

it("delivers through the engine: a batch is accepted, asked after, and finished; audiences are created", async () => {
  const seen: string[] = [];
  let asked = 0;
  const server = createServer(async (request, response) => {
    let body = "";
    for await (const chunk of request) body += String(chunk);
    seen.push(`${request.method} ${request.url} ${request.headers.authorization ?? "-"}`);
    if (request.url === "/m2/acme/v2/profile/batchUpdate") {
      expect(body).toBe("batch=thirdPartyId,tier,tessera_audiences\ncrm%20p1,gold,a\ncrm%20p2,gold,a\n");
      response.end("<response><success>true</success><batchId>acme-7</batchId></response>");
    } else if (request.url === "/m2/acme/profile/batchStatus?batchId=acme-7") {
      asked += 1;
      response.end(
        `<response><batchId>acme-7</batchId><status>${asked > 1 ? "complete" : "started"}</status></response>`,
      );
    } else {
      const name = request.method === "POST" ? "Gold" : "Gold members";
      if (request.method !== "DELETE")
        expect(JSON.parse(body)).toMatchObject({ name, targetRule: { contains: ["a"] } });
      response.writeHead(request.method === "POST" ? 201 : 200).end('{"id":5}');
    }
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const base = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const configured = catalogEntry(targetOutbound).configure(
    { id: "d1", name: "Target" },
    {
      client: "acme",
      orgId: "ORG@AdobeOrg",
      tenant: "t",
      apiKey: "k",
      accessToken: { secret: "target-token" },
      deliveryUrl: base,
      adminUrl: `${base}/t/target`,
    },
  );
  if (!configured.ok) throw new Error("refused");
  const send: Send = async (request, signal) => {
    if (request.kind !== "http") throw new Error("no files");
    const headers = Object.fromEntries(
      Object.entries(request.headers).map(([name, value]) => [
        name,
        typeof value === "string" ? value : `${value.prefix ?? ""}value-of-${value.secret}`,
      ]),
    );
    const init = {
      method: request.method,
      headers,
      signal,
      ...(request.body !== undefined && { body: request.body }),
    };
    const response = await fetch(request.url, init);
    return {
      kind: "http",
      status: response.status,
      headers: {},
      body: await response.text(),
      receivedAt: at,
    };
  };
  let now = start;
  const store = createMemoryOutbox();
  const dataflow = {
    id: "f1",
    destinationId: "d1",
    name: "x",
    enabled: true,
    audiences: [{ id: "a", namespace: "ups", name: "Gold" }],
    mapping: [],
  };
  const engine = createDeliveryEngine(
    {
      outbox: store,
      destination: () => configured.value,
      dataflow: () => dataflow,
      send,
      sleep: async (ms, signal) => {
        if (ms < 5000) now += ms;
        else await wait(ms, undefined, { ...(signal && { signal }) }).catch(() => undefined);
      },
      now: () => now,
      random: () => 0.5,
    },
    { worker: "w", orgId: "o", sandbox: "s" },
  );
  try {
    await store.append([
      ...planDefinitionChanges({
        id: "f1@1",
        at,
        before: undefined,
        after: dataflow,
        destination: configured.value,
      }),
      profile("p1"),
      profile("p2"),
    ]);
    for (let round = 0; round < 6; round += 1) {
      await engine.deliverOnce("d1");
      now += 61_000;
    }
    const renamed = { ...dataflow, audiences: [{ id: "a", namespace: "ups", name: "Gold members" }] };
    for (const [id, before, after] of [
      ["f1@2", dataflow, renamed],
      ["f1@3", renamed, { ...renamed, enabled: false }],
    ] as const) {
      await store.append(planDefinitionChanges({ id, at, before, after, destination: configured.value }));
      for (let round = 0; round < 2; round += 1) {
        await engine.deliverOnce("d1");
        now += 61_000;
      }
    }
  } finally {
    server.closeAllConnections();
    server.close();
  }
  expect(seen).toEqual([
    "POST /t/target/audiences Bearer value-of-target-token",
    "POST /m2/acme/v2/profile/batchUpdate -",
    "GET /m2/acme/profile/batchStatus?batchId=acme-7 -",
    "GET /m2/acme/profile/batchStatus?batchId=acme-7 -",
    "PUT /t/target/audiences/5 Bearer value-of-target-token",
    "DELETE /t/target/audiences/5 Bearer value-of-target-token",
  ]);
  expect(await store.deadLetters({ destinationId: "d1", limit: 9 })).toEqual([]);
  expect([...(await store.references("d1"))]).toEqual([]);
  expect((await store.backlog("d1", new Date(now).toISOString())).waiting).toBe(0);
  const log = await store.deliveries({ personIds: ["person-p1"], limit: 5 });
  expect(log.map(({ outcome }) => outcome)).toEqual(["delivered", "accepted"]);
});

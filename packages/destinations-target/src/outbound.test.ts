import type { ActivationItem, AudienceBatch, HttpRequest, ProfileBatch } from "@tessera/destinations";
import { destinationCases } from "@tessera/destinations/conformance";
import { describe, expect, it } from "vitest";
import { targetOutbound, type TargetOutboundSettings } from "./index.ts";

const at = "2026-01-31T12:00:00.000Z";
const input = {
  client: "acme",
  orgId: "ORG@AdobeOrg",
  tenant: "acmetenant",
  apiKey: "key",
  accessToken: { secret: "target-token" },
};
const context = {
  now: at,
  destinationId: "d1",
  destinationName: "T",
  orgId: "ORG@AdobeOrg",
  sandbox: "prod",
};

function item(id: string, target: string, value: string, more: Partial<ActivationItem> = {}): ActivationItem {
  return {
    id,
    personId: id,
    trigger: "membership",
    at,
    identities: [{ namespace: target, id: value, target }],
    attributes: { tier: "gold, really" },
    changes: [{ audienceId: "a", namespace: "ups", status: "realized", at }],
    memberships: {
      ups: {
        a: { status: "realized", lastQualificationTime: at },
        b: { status: "exited", lastQualificationTime: at },
      },
    },
    ...more,
  };
}

const profiles: ProfileBatch = {
  kind: "profiles",
  destinationId: "d1",
  dataflowId: "f",
  audiences: [],
  mapping: [],
  items: [
    item("i1", "thirdPartyId", "crm 1"),
    item("i2", "TNTID", "abc.35_0", {
      attributes: {},
      changes: [{ audienceId: "a", namespace: "ups", status: "exited", at }],
      memberships: {},
    }),
    item("i3", "ECID", "1".repeat(38)),
  ],
};
const audience = { id: "a", namespace: "ups", name: "Gold & more", description: "d" };
const audiences: AudienceBatch = {
  kind: "audiences",
  destinationId: "d1",
  dataflowId: "f",
  items: [
    { id: "m", change: "mapped", audience },
    { id: "r", change: "renamed", audience: { ...audience, targetId: "77" } },
    { id: "u", change: "unmapped", audience: { ...audience, targetId: "77" } },
    { id: "x", change: "unmapped", audience },
  ],
};

function settings(): TargetOutboundSettings {
  const parsed = targetOutbound.parseSettings(input);
  if (!parsed.ok) throw new Error("refused");
  return parsed.value;
}

const answered = (status: number, body = "") =>
  ({ kind: "http", status, headers: {}, body, receivedAt: at }) as const;
const accepted = answered(200, "<response><success>true</success><batchId>acme-1-2</batchId></response>");

function requestsOf(batch: ProfileBatch | AudienceBatch): readonly HttpRequest[] {
  return targetOutbound.plan(batch, settings(), context).filter((r): r is HttpRequest => r.kind === "http");
}

describe("the export to a Target account", () => {
  const cases = destinationCases(targetOutbound, {
    settings: [
      input,
      {
        ...input,
        deliveryUrl: "http://127.0.0.1:1",
        adminUrl: "http://127.0.0.1:1/t",
        profileToken: { secret: "p" },
      },
    ],
    invalidSettings: [
      { input: { ...input, client: "a/b" }, path: ["client"] },
      { input: { ...input, accessToken: "plain" }, path: ["accessToken"] },
      { input: { ...input, orgId: undefined }, path: ["orgId"] },
    ],
    batches: [profiles, audiences],
    context,
    responses: [
      { response: accepted, kind: "accepted" },
      { response: answered(503), kind: "retryable" },
      { response: answered(400), kind: "rejected" },
      { response: answered(200, "<response><success>false</success></response>"), kind: "rejected" },
      { response: answered(200, "<html>"), kind: "retryable" },
    ],
  });
  for (const { name, run } of cases) it(name, run);

  it("writes one batch an id column, encoded, with audiences by presence", () => {
    expect(requestsOf(profiles).map(({ url, body }) => [url, body])).toEqual([
      [
        "https://acme.tt.omtrdc.net/m2/acme/v2/profile/batchUpdate",
        "batch=thirdPartyId,tier,tessera_audiences\ncrm%201,gold%2C%20really,a\n",
      ],
      ["https://acme.tt.omtrdc.net/m2/acme/v2/profile/batchUpdate", "batch=pcId,tessera_audiences\nabc,\n"],
    ]);
    const settled = targetOutbound.plan(profiles, settings(), context).find(({ kind }) => kind === "settled");
    expect(settled).toMatchObject({
      outcomes: [{ item: "i3", kind: "rejected", code: "target.no-visitor-id" }],
    });
  });

  it("creates, renames and deletes audiences through the Admin API", () => {
    expect(requestsOf(audiences).map(({ method, url }) => `${method} ${url}`)).toEqual([
      "POST https://mc.adobe.io/acmetenant/target/audiences",
      "PUT https://mc.adobe.io/acmetenant/target/audiences/77",
      "DELETE https://mc.adobe.io/acmetenant/target/audiences/77",
    ]);
    const [create, , remove] = requestsOf(audiences);
    if (!create || !remove) throw new Error("no request");
    expect(create.headers).toMatchObject({
      authorization: { secret: "target-token", prefix: "Bearer " },
      "x-api-key": "key",
    });
    expect(targetOutbound.interpret(create, answered(409))).toEqual([{ kind: "delivered", item: "m" }]);
    expect(targetOutbound.interpret(remove, answered(404))).toEqual([{ kind: "delivered", item: "u" }]);
  });

  const states: readonly (readonly [ReturnType<typeof answered>, object])[] = [
    [
      answered(200, "<response><batchId>1</batchId><status>complete</status></response>"),
      { kind: "finished", outcomes: [{ kind: "delivered", item: "i1" }] },
    ],
    [
      answered(200, '{"response":{"status":"Complete"}}'),
      { kind: "finished", outcomes: [{ kind: "delivered", item: "i1" }] },
    ],
    [
      answered(200, "<response><status>incomplete</status></response>"),
      { kind: "finished", outcomes: [{ kind: "rejected", item: "i1", code: "target.batch-incomplete" }] },
    ],
    [
      answered(200, "<response><status>started</status></response>"),
      { kind: "pending", checkAfterMs: 60_000 },
    ],
    [answered(500), { kind: "pending", checkAfterMs: 60_000 }],
    [answered(404), { kind: "finished", outcomes: [{ kind: "rejected", item: "i1", code: "http.404" }] }],
  ];
  for (const [response, state] of states) {
    it(`reads the state of a batch: ${response.status} ${response.body}`, () => {
      expect(targetOutbound.poll?.interpret({ job: "acme-1-2", items: ["i1"] }, response)).toEqual(state);
    });
  }
});

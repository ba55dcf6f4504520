import { describe, expect, it } from "vitest";
import { destinationCases, outboxItem } from "./conformance/index.ts";
import type { ActivationItem, ProfileBatch } from "./activation-batch.ts";
import { httpProfileExport, profilePayload } from "./http-profile-export.ts";

const at = "2026-01-31T12:00:00.000Z";

function item(id: string, status: "realized" | "exited"): ActivationItem {
  const { payload } = outboxItem(id, ["p1"]);
  if (payload.kind !== "profile") throw new Error("not a profile");
  return {
    ...payload.item,
    attributes: { "person.name.firstName": "Ada", "personalEmail.address": "ada@example.test", tier: "gold" },
    changes: [{ audienceId: "a1", namespace: "ups", status, at }],
    memberships: { ups: { a1: { status, lastQualificationTime: at } } },
    identities: [
      { namespace: "ECID", id: "1".repeat(38), target: "ECID" },
      { namespace: "Email_LC_SHA256", id: "ab".repeat(32), target: "Email_LC_SHA256" },
    ],
  };
}

const batch: ProfileBatch = {
  kind: "profiles",
  destinationId: "d1",
  dataflowId: "f1",
  audiences: [{ id: "a1", namespace: "ups", name: "Gold" }],
  mapping: [],
  items: [item("i1", "realized"), item("i2", "exited"), item("i3", "realized")],
};
const context = { now: at, destinationId: "d1", destinationName: "hook", orgId: "org", sandbox: "prod" };
const answered = (status: number, body = "", headers: Record<string, string> = {}) =>
  ({ kind: "http", status, headers, body, receivedAt: at }) as const;

describe("the HTTP profile export", () => {
  const samples = {
    settings: [
      { url: "https://receiver.test/profiles" },
      {
        url: "https://receiver.test/hook?source=tessera",
        batchSize: 2,
        headers: { "x-team": "crm" },
        bearer: { secret: "receiver-token" },
        signingKey: { secret: "receiver-key" },
        requestsPerSecond: 50,
      },
    ],
    invalidSettings: [
      { input: {}, path: ["url"] },
      { input: { url: "ftp://x" }, path: ["url"] },
      { input: { url: "https://user:pw@x/" }, path: ["url"] },
      { input: { url: "https://x/", batchSize: 0 }, path: ["batchSize"] },
      { input: { url: "https://x/", bearer: "plain-token" }, path: ["bearer"] },
      { input: { url: "https://x/", headers: { Host: "y" } }, path: ["headers", "Host"] },
      { input: { url: "https://x/", headers: { "x-a": "1\r\n2" } }, path: ["headers", "x-a"] },
      { input: { url: "https://x/", colour: "red" }, path: ["colour"] },
    ],
    batches: [batch, { kind: "audiences" as const, destinationId: "d1", dataflowId: "f1", items: [] }],
    context,
    responses: [
      { response: answered(200), kind: "delivered" as const },
      { response: answered(429), kind: "retryable" as const },
      { response: answered(401), kind: "retryable" as const },
      { response: answered(410), kind: "rejected" as const },
    ],
  };
  for (const { name, run } of destinationCases(httpProfileExport, samples)) it(name, run);

  it("sends the documented payload", () => {
    expect(profilePayload(item("i1", "realized"))).toEqual({
      person: { name: { firstName: "Ada" } },
      personalEmail: { address: "ada@example.test" },
      tier: "gold",
      segmentMembership: { ups: { a1: { lastQualificationTime: at, status: "realized" } } },
      identityMap: { ecid: [{ id: "1".repeat(38) }], email_lc_sha256: [{ id: "ab".repeat(32) }] },
    });
  });

  it("asks for a signature and keeps secrets out of the request", () => {
    const settings = httpProfileExport.parseSettings(samples.settings[1]);
    if (!settings.ok) throw new Error("refused");
    const [request] = httpProfileExport.plan(batch, settings.value, context);
    expect(request).toMatchObject({
      timeoutMs: 2000,
      headers: { authorization: { secret: "receiver-token", prefix: "Bearer " } },
      signature: { header: "x-tessera-signature", prefix: "sha256=", key: { secret: "receiver-key" } },
    });
  });

  it("reads one result a record when the receiver gives them", () => {
    const settings = httpProfileExport.parseSettings({ url: "https://x/", batchSize: 10 });
    if (!settings.ok) throw new Error("refused");
    const [request] = httpProfileExport.plan(batch, settings.value, context);
    if (!request) throw new Error("no request");
    const results = [
      { id: "i1", status: 200 },
      { id: "i1", status: 500 },
      { id: "i2", status: 422 },
      { id: "stranger", status: 200 },
    ];
    const outcomes = httpProfileExport.interpret(request, answered(207, JSON.stringify({ results })));
    expect(outcomes.map((o) => [o.item, o.kind])).toEqual([
      ["i1", "delivered"],
      ["i2", "rejected"],
      ["i3", "retryable"],
    ]);
  });
});

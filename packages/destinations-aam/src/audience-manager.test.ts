import type { ActivationItem, PlannedRequest, ProfileBatch } from "@tessera/destinations";
import { destinationCases } from "@tessera/destinations/conformance";
import { describe, expect, it } from "vitest";
import {
  audienceManager,
  DCS_ERRORS,
  explainAamPlan,
  isAfterSharing,
  optOutPath,
  shareAudience,
  totalAamPlan,
} from "./index.ts";

const NOW = "2026-01-31T12:00:00Z";
const ECID = "12345678901234567890123456789012345678";
const HASH = "0c7e6a405862e402eb76a70f8a26fc732d07c32931e9fae9ab1582911d2e8a3b";
const DEVICE = "6d92078a-8246-4ba4-ae5b-76104861e7dc";
const context = {
  now: NOW,
  destinationId: "d1",
  destinationName: "Audience Manager",
  orgId: "97D1F3F459CE0AD80A495CBE@AdobeOrg",
  sandbox: "prod",
};
const settings = {
  domainAlias: "acme",
  dataProviderId: 1234,
  hub: { kind: "local", folder: "/data/aam" },
  gzip: false,
  audiences: { "aud-1": { traitId: 24 }, "aud-2": { sharedSince: "2026-01-31T10:00:00Z" } },
};
const sftp = {
  ...settings,
  hashedEmailDataSourceId: 777,
  gzip: true,
  hub: {
    kind: "sftp",
    host: "ftp-in.example.test",
    port: 22,
    user: "acme",
    credential: { kind: "key", privateKey: { secret: "aam-key" } },
    hostKeyFingerprint: "SHA256:abc",
    folder: "/in",
  },
};

type Change = [audienceId: string, status: "realized" | "exited", at?: string];

function item(
  id: string,
  identities: readonly (readonly [string, string])[],
  changes: readonly Change[],
  regions?: ActivationItem["regions"],
): ActivationItem {
  return {
    id,
    personId: `person-${id}`,
    trigger: "membership",
    at: NOW,
    identities: identities.map(([namespace, value]) => ({ namespace, id: value, target: namespace })),
    attributes: {},
    changes: changes.map(([audienceId, status, at = NOW]) => ({ audienceId, namespace: "ups", status, at })),
    memberships: {},
    ...(regions && { regions }),
  };
}

function batch(...items: readonly ActivationItem[]): ProfileBatch {
  return {
    kind: "profiles",
    destinationId: "d1",
    dataflowId: "f1",
    audiences: [{ id: "aud-1", namespace: "ups", name: "Buyers" }],
    mapping: [],
    items,
  };
}

const FRESH = { VA6: "2026-01-30T00:00:00Z", IRL1: "2026-01-20T00:00:00Z", OR2: "2025-12-01T00:00:00Z" };

function plan(given: ProfileBatch, input: unknown = settings): readonly PlannedRequest[] {
  const parsed = audienceManager.parseSettings(input);
  if (!parsed.ok) throw new Error(JSON.stringify(parsed.error));
  return audienceManager.plan(given, parsed.value, context);
}

describe("conformance", () => {
  const cases = destinationCases(audienceManager, {
    settings: [settings, sftp],
    invalidSettings: [
      { input: { ...settings, domainAlias: "Acme.x" }, path: ["domainAlias"] },
      { input: { ...settings, dataProviderId: 0 }, path: ["dataProviderId"] },
      { input: { ...settings, hub: { kind: "sftp", host: "h" } }, path: ["hub", "port"] },
      {
        input: { ...settings, hub: { kind: "local", folder: "x", bucket: "buck" } },
        path: ["hub", "bucket"],
      },
      {
        input: { ...settings, audiences: { a: { sharedSince: "soon" } } },
        path: ["audiences", "a", "sharedSince"],
      },
      { input: { domainAlias: "acme", dataProviderId: 1 }, path: ["hub"] },
      {
        input: { ...sftp, hub: { ...sftp.hub, credential: { kind: "password" } } },
        path: ["hub", "credential", "password"],
      },
    ],
    batches: [
      batch(
        item(
          "i1",
          [
            ["ECID", ECID],
            ["EMAIL_LC_SHA256", HASH],
            ["CRMID", "c1"],
          ],
          [
            ["aud-1", "realized"],
            ["aud-2", "realized"],
          ],
          FRESH,
        ),
        item("i2", [["ECID", ECID]], [["aud-1", "exited"]]),
        item("i3", [["CRMID", "c1"]], [["aud-1", "realized"]]),
        item("i4", [["GAID", DEVICE]], [["aud-3", "exited"]], FRESH),
        item("i5", [["GAID", DEVICE]], []),
      ),
      {
        kind: "audiences",
        destinationId: "d1",
        dataflowId: "f1",
        items: [{ id: "m1", change: "mapped", audience: { id: "aud-1", namespace: "ups", name: "Buyers" } }],
      },
      {
        kind: "file",
        destinationId: "d1",
        dataflowId: "f1",
        audience: { id: "aud-1", namespace: "ups", name: "Buyers" },
        mapping: [],
        mode: "incremental",
        items: [
          item("f1", [["ECID", ECID]], [["aud-1", "realized"]], FRESH),
          item("f2", [["IDFA", DEVICE]], [["aud-1", "exited"]]),
        ],
      },
    ],
    context,
    responses: [
      {
        response: { kind: "http", status: 200, headers: {}, body: '{"uuid":"1"}', receivedAt: NOW },
        kind: "delivered",
      },
      {
        response: { kind: "http", status: 200, headers: { "x-error": "171" }, body: "", receivedAt: NOW },
        kind: "rejected",
      },
      {
        response: {
          kind: "http",
          status: 200,
          headers: {},
          body: '{"errors":[{"code":0,"msg":"x"}]}',
          receivedAt: NOW,
        },
        kind: "retryable",
      },
      {
        response: {
          kind: "http",
          status: 200,
          headers: {},
          body: '{"errors":[{"code":312}]}',
          receivedAt: NOW,
        },
        kind: "delivered",
      },
    ],
  });
  for (const { name, run } of cases) it(name, run);
});

describe("plan", () => {
  it("calls every fresh region, exactly as the wire is written", () => {
    const requests = plan(
      batch(
        item(
          "i1",
          [
            ["ECID", ECID],
            ["EMAIL_LC_SHA256", HASH],
            ["IDFA", DEVICE],
          ],
          [
            ["aud-1", "realized"],
            ["aud-9", "realized"],
          ],
          FRESH,
        ),
      ),
    );
    const call =
      "/event?d_orgid=97D1F3F459CE0AD80A495CBE%40AdobeOrg&d_mid=12345678901234567890123456789012345678" +
      "&d_cid=20915%016D92078A-8246-4BA4-AE5B-76104861E7DC%010" +
      `&d_cid_ic=EMAIL_LC_SHA256%01${HASH}%011` +
      "&d_rtbd=json&d_jsonv=0&segID=aud-1&segID=aud-9";
    expect(requests.map((request) => request.kind === "http" && `${request.method} ${request.url}`)).toEqual([
      `GET https://use.demdex.net${call}`,
      `GET https://irl1.demdex.net${call}`,
    ]);
    expect(requests[0]).toMatchObject({ headers: { host: "acme.demdex.net" }, items: ["i1"] });
  });

  it("tells exits by the number of the trait, and refuses those it cannot tell", () => {
    const requests = plan(
      batch(
        item(
          "i1",
          [["ECID", ECID]],
          [
            ["aud-1", "exited"],
            ["aud-3", "exited"],
          ],
          { VA6: NOW },
        ),
      ),
    );
    expect(requests).toMatchObject([
      { kind: "http", url: expect.stringContaining("&d_unsid=24") as string },
      { kind: "settled", outcomes: [{ item: "i1", kind: "rejected", code: "aam.removal.traitUnknown" }] },
    ]);
  });

  it("puts persons without a fresh region into one file for each kind of id", () => {
    const requests = plan(
      batch(
        item(
          "i1",
          [
            ["ECID", ECID],
            ["GAID", DEVICE.toUpperCase()],
          ],
          [
            ["aud-1", "realized"],
            ["aud-9", "realized"],
          ],
        ),
        item("i2", [["ECID", ECID.replace("1", "2")]], [["aud-1", "exited"]], {
          VA6: "2026-01-01T00:00:00Z",
        }),
      ),
    );
    const files = requests.map((request) =>
      request.kind === "file"
        ? [request.name.replace(/\d+$/, "N"), [...request.content].join(""), request.items]
        : request,
    );
    expect(files).toEqual([
      [
        "ftp_dpm_1234_1769860800.sync.N",
        `${ECID}\td_sid=24,"segID"="aud-9"\n${ECID.replace("1", "2")}\td_unsid=24\n`,
        ["i1", "i2"],
      ],
      ["ftp_dpm_1234_20914_1769860800.sync.N", `${DEVICE}\td_sid=24,"segID"="aud-9"\n`, ["i1"]],
    ]);
  });

  it("never gives two batches of one second the same file name", () => {
    const names = Array.from({ length: 50 }, (_, index) =>
      plan(batch(item(`i${index}`, [["ECID", ECID]], [["aud-1", "realized"]]))).map(
        (request) => request.kind === "file" && request.name,
      ),
    );
    expect(new Set(names.flat()).size).toBe(50);
  });

  it("spreads many ids over calls: at most 10 customer ids and 3 of a namespace, every id and every ECID told", () => {
    const hash = (n: number): string => n.toString(16).padStart(64, "0");
    const identities: [string, string][] = [
      ...Array.from({ length: 2 }, (_, n): [string, string] => ["ECID", String(n).padStart(38, "9")]),
      ...Array.from({ length: 8 }, (_, n): [string, string] => ["EMAIL_LC_SHA256", hash(n + 1)]),
      ...Array.from({ length: 4 }, (_, n): [string, string] => [
        "GAID",
        `6d92078a-8246-4ba4-ae5b-7610486100${n}0`,
      ]),
      ...Array.from({ length: 5 }, (_, n): [string, string] => ["AdCloud", `ad${n}`]),
    ];
    const urls = plan(batch(item("i1", identities, [["aud-1", "realized"]], { VA6: NOW }))).map(
      (request) => new URL(request.kind === "http" ? request.url : "x:"),
    );
    const told = new Set<string>();
    for (const url of urls) {
      const customers = [...url.searchParams.getAll("d_cid"), ...url.searchParams.getAll("d_cid_ic")];
      expect(customers.length).toBeLessThanOrEqual(10);
      const perSource = new Map<string, number>();
      for (const customer of customers) {
        const [source = "", id = ""] = customer.split("\u0001");
        perSource.set(source, (perSource.get(source) ?? 0) + 1);
        told.add(id);
      }
      for (const count of perSource.values()) expect(count).toBeLessThanOrEqual(3);
      told.add(url.searchParams.get("d_mid") ?? "");
      expect(url.searchParams.getAll("segID")).toEqual(["aud-1"]);
    }
    for (const [, id] of identities) expect(told).toContain(id);
  });

  it("turns to POST beyond 8 KB and to several calls beyond 32 KB", () => {
    const changes = (count: number): Change[] =>
      Array.from({ length: count }, (_, n) => [`audience-${String(n).padStart(30, "0")}`, "realized"]);
    const methods = (count: number): unknown[] =>
      plan(batch(item("i1", [["ECID", ECID]], changes(count), { VA6: NOW }))).map((request) => {
        if (request.kind !== "http") throw new Error("a call was expected");
        const size =
          request.method === "GET"
            ? new URL(request.url).pathname.length + new URL(request.url).search.length
            : (request.body?.length ?? 0);
        expect(size).toBeLessThanOrEqual(request.method === "GET" ? 8192 : 32_768);
        const form = new URLSearchParams(request.body ?? new URL(request.url).search);
        return [request.method, form.getAll("segID").length];
      });
    expect(methods(50)).toEqual([["GET", 50]]);
    expect(methods(400)).toEqual([["POST", 400]]);
    expect((methods(1000) as [string, number][]).reduce((sum, [, count]) => sum + count, 0)).toBe(1000);
    expect(methods(1000).length).toBe(2);
  });

  it("sends nothing from before the sharing", () => {
    const requests = plan(
      batch(item("i1", [["ECID", ECID]], [["aud-2", "realized", "2026-01-31T09:59:59Z"]], { VA6: NOW })),
    );
    expect(requests).toEqual([
      { kind: "settled", outcomes: [{ kind: "rejected", item: "i1", code: "aam.sharing.before" }] },
    ]);
  });

  it("says which way each person goes, when it works, and what stayed at home", () => {
    const parsed = audienceManager.parseSettings(settings);
    if (!parsed.ok) throw new Error("settings");
    const items = [
      item(
        "i1",
        [
          ["ECID", ECID],
          ["CRMID", "c1"],
          ["Email", "a@example.test"],
        ],
        [["aud-1", "realized"]],
        FRESH,
      ),
      item("i2", [["CRMID", "c1"]], [["aud-1", "realized"]]),
    ];
    const [first, second] = explainAamPlan(items, parsed.value, context);
    expect(first).toMatchObject({
      route: { kind: "edge", ignored: [{ code: "OR2", because: "stale" }] },
      expected: { label: "minutes" },
      shared: { ECID: 1 },
      leftOut: [
        { namespace: "CRMID", because: "customNamespace", count: 1 },
        { namespace: "Email", because: "rawEmail", count: 1 },
      ],
      refused: [],
    });
    expect(second).toMatchObject({
      route: { kind: "hub", because: "noRegion" },
      refused: ["aam.identity.none"],
    });
    expect(JSON.stringify([first, second])).not.toContain("a@example.test");
  });

  it("adds the ways, the moments and the reasons up; a newly shared audience waits for its first use", () => {
    const parsed = audienceManager.parseSettings(settings);
    if (!parsed.ok) throw new Error("settings");
    const ids = (n: number): [string, string][] => [
      ["ECID", ECID.replace(/^./, String(n))],
      ["CRMID", "c1"],
    ];
    const plans = explainAamPlan(
      [
        item("edge", ids(1), [["aud-1", "realized"]], FRESH),
        item("edge, shared at ten", ids(2), [["aud-2", "realized"]], FRESH),
        item("hub", ids(3), [["aud-1", "exited"]]),
        item("hub too", [...ids(4), ["GAID", DEVICE]], [["aud-1", "realized"]], {
          VA6: "2026-01-17T11:59:59Z",
        }),
        item("nobody", [["Email", "a@example.test"]], [["aud-1", "realized"]], FRESH),
      ],
      parsed.value,
      context,
    );
    expect(plans[1]?.expected).toEqual({
      label: "minutes",
      earliest: "2026-01-31T14:00:00.000Z",
      latest: "2026-01-31T14:00:00.000Z",
    });
    const totals = totalAamPlan(plans);
    expect(totals).toEqual({
      items: 5,
      refusedItems: 1,
      routes: {
        edge: 2,
        hub: 2,
        hubBecause: { noRegion: 1, stale: 1 },
        hosts: { "use.demdex.net": 2, "irl1.demdex.net": 2 },
      },
      expected: {
        minutes: { items: 2, earliest: "2026-01-31T12:01:00.000Z", latest: "2026-01-31T14:00:00.000Z" },
        "12-24 hours": {
          items: 2,
          earliest: "2026-02-01T00:00:00.000Z",
          latest: "2026-02-01T12:00:00.000Z",
        },
      },
      shared: { ECID: 4, GAID: 1 },
      leftOut: { customNamespace: 4, rawEmail: 1 },
      refused: { "aam.identity.none": 1 },
    });
    expect(JSON.stringify(totals)).not.toMatch(/example|\d{38}/);
  });
});

describe("interpret", () => {
  const [request] = plan(batch(item("i1", [["ECID", ECID]], [["aud-1", "realized"]], { VA6: NOW })));
  if (request === undefined) throw new Error("a request was expected");
  const WANTED = { retry: "retryable", reject: "rejected", optOut: "rejected", note: "delivered" } as const;

  it.each(DCS_ERRORS)("DCS error $code ($effect)", ({ code, effect }) => {
    for (const answer of [
      { headers: { "x-error": String(code) }, body: "" },
      { headers: {}, body: JSON.stringify({ errors: [{ code, msg: "m" }] }) },
    ]) {
      const outcomes = audienceManager.interpret(request, {
        kind: "http",
        status: 200,
        receivedAt: NOW,
        ...answer,
      });
      expect(outcomes).toMatchObject([{ item: "i1", kind: WANTED[effect] }]);
      if (effect === "optOut") expect(outcomes).toMatchObject([{ code: "aam.optOut" }]);
      if (effect === "reject" || effect === "retry")
        expect(outcomes).toMatchObject([{ code: `aam.dcs.${code}` }]);
    }
  });

  it("lets the gravest of several errors decide", () => {
    const decide = (header: string): unknown =>
      audienceManager.interpret(request, {
        kind: "http",
        status: 200,
        headers: { "x-error": header },
        body: "",
        receivedAt: NOW,
      })[0];
    expect(decide("309, 310, 0")).toMatchObject({ kind: "retryable", code: "aam.dcs.0" });
    expect(decide("0,101")).toMatchObject({ kind: "rejected", code: "aam.dcs.101" });
    expect(decide("101,171,309")).toMatchObject({ kind: "rejected", code: "aam.optOut" });
  });
});

describe("sharing", () => {
  it("turns an audience into signal, onboarded trait and segment, under the organisation's default merge policy", () => {
    const shared = shareAudience({ audienceId: "a730ed3f", name: "Buyers" }, "2026-01-31T10:00:00Z");
    expect(shared).toMatchObject({
      signal: { key: "segID", value: "a730ed3f" },
      trait: {
        type: "onboarded",
        folder: "Experience Platform Traits",
        integrationCode: "a730ed3f",
        expression: 'segID = "a730ed3f"',
      },
      segment: {
        folder: "Experience Platform Segments",
        mergeRule: "External Merge Policy",
        traits: ["a730ed3f"],
      },
      mergePolicy: "organisationDefault",
      firstUse: {
        usable: "2026-01-31T14:00:00.000Z",
        usableEverywhere: "2026-02-01T10:00:00.000Z",
        inReports: "2026-02-02T10:00:00.000Z",
      },
    });
  });

  it("has no backfill", () => {
    const since = "2026-01-31T10:00:00Z";
    expect(isAfterSharing({ at: "2026-01-31T10:59:59+01:00" }, since)).toBe(false);
    expect(isAfterSharing({ at: "2026-01-31T11:00:00+01:00" }, since)).toBe(true);
  });

  it("writes the opt-out call", () => {
    expect(optOutPath(ECID, "A@AdobeOrg")).toBe(`/demoptout.jpg?d_mid=${ECID}&d_orgid=A%40AdobeOrg`);
  });
});

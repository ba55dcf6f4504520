import { defaultLinkingRules } from "@tessera/identity-graph";
import { createClient } from "graphql-ws";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { WebSocket } from "ws";
import { writeDocuments } from "../src/documents.ts";
import { type Answer, dataOf, type Harness, NOW, startHarness, TOKEN } from "./harness.ts";

const RULES = [
  { namespace: "CRMID", type: "CROSS_DEVICE", unique: true, priority: 1 },
  { namespace: "Email", type: "EMAIL", unique: false, priority: 2 },
  { namespace: "SESSION", type: "COOKIE", unique: false, priority: 3 },
];
const loose = RULES.map((rule) => ({ ...rule, unique: false }));

describe("who is who, through the gateway", () => {
  let harness: Harness;
  beforeAll(async () => {
    harness = await startHarness();
    const [jane, john] = [
      { CRMID: [{ id: "jane" }], SESSION: [{ id: "s" }] },
      { CRMID: [{ id: "john" }], SESSION: [{ id: "s" }] },
    ];
    await send([
      event("e1", 1, { CRMID: [{ id: "jane" }], Email: [{ id: "jane@shop.example" }] }),
      event("e2", 2, jane),
      event("e3", 3, john),
    ]);
  });
  afterAll(() => harness.close());

  const event = (id: string, minute: number, identityMap: object): object => ({
    _id: id,
    timestamp: `2026-03-01T10:0${minute}:00Z`,
    eventType: "view",
    identityMap,
  });
  const send = async (
    events: readonly object[],
  ): Promise<{ accepted: number; warnings: { code: string }[] }> =>
    (await (
      await harness.request("/collect/events?datasetId=web", { method: "POST", body: JSON.stringify(events) })
    ).json()) as { accepted: number; warnings: { code: string }[] };
  const run = async <T>(query: string, variables: object = {}): Promise<T> =>
    dataOf<T>(await harness.graphql(query, variables));
  const codeOf = ({ errors }: Answer): unknown => errors?.[0]?.extensions.code;
  const linked = async (): Promise<boolean> => {
    const { explainLink } = await run<{ explainLink: { linked: boolean } }>(
      `{explainLink(a:{namespace:"CRMID",id:"jane"},b:{namespace:"Email",id:"JANE@shop.example"}){linked}}`,
    );
    return explainLink.linked;
  };

  it("explains a link with the events that made it, and what was dropped by which rule", async () => {
    const { explainLink } = await run<{ explainLink: object }>(`{
      explainLink(a:{namespace:"CRMID",id:"jane"},b:{namespace:"SESSION",id:"s"}){
        linked unknown{id} path{count}
        dropped{a{id} b{id} reason explanation removedAt first{id datasetId at} conflict{a{id} b{id}} winner{a{id} b{id}}}
        apart{relink}
      }}`);
    expect(explainLink).toEqual({
      linked: false,
      unknown: [],
      path: [],
      dropped: [
        {
          a: { id: "jane" },
          b: { id: "s" },
          reason: "unique",
          explanation: "It would have brought two values of CRMID together, of which a person has one.",
          removedAt: "2026-03-01T10:03:00.000Z",
          first: { id: "e2", datasetId: "web", at: "2026-03-01T10:02:00.000Z" },
          conflict: { a: { id: "jane" }, b: { id: "john" } },
          winner: { a: { id: "john" }, b: { id: "s" } },
        },
      ],
      apart: [],
    });
  });

  it("parts, joins, blocks and unblocks, and remembers who decided what", async () => {
    const [a, b] = [`{namespace:"CRMID",id:"jane"}`, `{namespace:"Email",id:"JANE@shop.example"}`];
    const decide = (what: string, of: string): Promise<object> => run(`mutation{${what}(${of})}`);
    expect(await decide("unlinkIdentities", `a:${a},b:${b}`)).toEqual({ unlinkIdentities: true });
    expect(await linked()).toBe(false);
    const graph = `{identityGraph(identity:${a}){size cap warning isTrimmed apart{a{id} b{id} relink isLifted}}}`;
    expect(await run(graph)).toEqual({
      identityGraph: {
        size: 1,
        cap: 50,
        warning: null,
        isTrimmed: false,
        apart: [{ a: { id: "jane" }, b: { id: "jane@shop.example" }, relink: "never", isLifted: false }],
      },
    });
    await decide("relinkIdentities", `a:${a},b:${b}`);
    expect(await linked()).toBe(true);
    await decide("blockIdentity", `identity:${b}`);
    expect(await linked()).toBe(false);
    await decide("unblockIdentity", `identity:${b}`);
    expect(await linked()).toBe(true);
    const { identityDecisions } = await run<{ identityDecisions: object[] }>(
      `{identityDecisions{kind identity{id} other{id} relink}}`,
    );
    expect(identityDecisions).toEqual([
      { kind: "unlink", identity: { id: "jane" }, other: { id: "jane@shop.example" }, relink: "never" },
      { kind: "relink", identity: { id: "jane" }, other: { id: "jane@shop.example" }, relink: null },
      { kind: "block", identity: { id: "jane@shop.example" }, other: null, relink: null },
      { kind: "unblock", identity: { id: "jane@shop.example" }, other: null, relink: null },
    ]);
    expect(codeOf(await harness.graphql(`mutation{unlinkIdentities(a:${a},b:${a})}`))).toBe("BAD_USER_INPUT");
    expect(codeOf(await harness.graphql(`mutation{unlinkIdentities(a:${a},b:${b},relink:"maybe")}`))).toBe(
      "BAD_USER_INPUT",
    );
  });

  it("refuses rules that are none before any work begins", async () => {
    const [first, second] = RULES;
    const upside = [
      { ...first, priority: 5 },
      { ...second, type: "COOKIE", priority: 1 },
    ];
    for (const what of ["setLinkingRules", "rehearseLinkingRules"]) {
      for (const namespaces of [5, upside, [{ ...first, namespace: "ECID" }]]) {
        const answer = await harness.graphql(`mutation($r:JSONObject!){${what}(rules:$r){id}}`, {
          r: { namespaces },
        });
        expect(codeOf(answer)).toBe("BAD_USER_INPUT");
        expect(answer.errors?.[0]?.extensions.issues?.length).toBeGreaterThan(0);
      }
    }
  });

  it("rehearses rules: progress is told as it goes, what would happen, and then it does", async () => {
    const client = createClient({
      url: `${harness.url.replace("http", "ws")}/graphql`,
      webSocketImpl: WebSocket,
      connectionParams: { authorization: `Bearer ${TOKEN}` },
    });
    const told = client.iterate<{
      jobChanged: { status: string; done: number; total: number; result: object };
    }>({
      query: `subscription{jobChanged{status done total result}}`,
    });
    const first = told.next();
    await new Promise((resolve) => setTimeout(resolve, 200));
    await run(`mutation($r:JSONObject!){rehearseLinkingRules(rules:$r){id}}`, { r: { namespaces: loose } });
    const steps: string[] = [];
    let result: object = {};
    for (let next = await first; ; next = await told.next()) {
      const job = next.value?.data?.jobChanged;
      if (job === undefined || job === null) throw new Error("The subscription ended.");
      steps.push(`${job.status} ${job.done}/${job.total}`);
      if (job.status === "done") {
        ({ result } = job);
        break;
      }
    }
    await told.return?.();
    await client.dispose();
    expect(steps).toEqual(["running 0/0", "running 0/0", "running 1/1", "done 1/1"]);
    expect(result).toMatchObject({ joined: 2, split: 0, worst: [{ joined: 2 }], sample: [{ joined: 2 }] });
    const persons = async (): Promise<number> =>
      (await run<{ totals: { persons: number } }>(`{totals{persons}}`)).totals.persons;
    expect(await persons()).toBe(2);
    await run(`mutation($r:JSONObject!){setLinkingRules(rules:$r){id}}`, { r: { namespaces: loose } });
    await expect.poll(persons).toBe(1);
  });

  /** Keeps whoever walks over the stored history waiting. */
  const holdWalks = (): { readonly reached: Promise<void>; readonly letGo: () => void } => {
    const { store } = harness;
    const owners = store.owners.bind(store);
    let [release, begun] = [(): void => undefined, (): void => undefined];
    const held = new Promise<void>((resolve) => (release = resolve));
    const reached = new Promise<void>((resolve) => (begun = resolve));
    store.owners = async (...asked) => {
      begun();
      await held;
      return owners(...asked);
    };
    const letGo = (): void => {
      release();
      store.owners = owners;
    };
    return { reached, letGo };
  };

  it("stops a rehearsal on demand, and changes nothing", async () => {
    const { reached, letGo } = holdWalks();
    const start = async (): Promise<string> =>
      (
        await run<{ rehearseLinkingRules: { id: string } }>(
          `mutation($r:JSONObject!){rehearseLinkingRules(rules:$r){id}}`,
          { r: { namespaces: RULES } },
        )
      ).rehearseLinkingRules.id;
    const id = await start();
    await reached;
    const before = await run(`{linkingRules totals{persons identities}}`);
    await run(`mutation($id:ID!){cancelJob(id:$id){status}}`, { id });
    letGo();
    const status = async (of: string): Promise<unknown> =>
      (await run<{ job: object }>(`query($id:ID!){job(id:$id){status result}}`, { id: of })).job;
    await expect.poll(() => status(id)).toEqual({ status: "cancelled", result: null });
    expect(await run(`{linkingRules totals{persons identities}}`)).toEqual(before);
    const again = await start();
    expect(again).not.toBe(id);
    await expect.poll(() => status(again)).toMatchObject({ status: "done" });
  });

  it("goes on to the end with new rules, and begins again what an earlier process left", async () => {
    const persons = async (of: Harness): Promise<number> => (await of.store.totals()).persons;
    const { reached, letGo } = holdWalks();
    const { setLinkingRules } = await run<{ setLinkingRules: { id: string } }>(
      `mutation($r:JSONObject!){setLinkingRules(rules:$r){id}}`,
      { r: { namespaces: RULES } },
    );
    await reached;
    await run(`mutation($id:ID!){cancelJob(id:$id){status}}`, setLinkingRules);
    letGo();
    const status = async (): Promise<unknown> =>
      (await run<{ job: { status: string } }>(`query($id:ID!){job(id:$id){status}}`, setLinkingRules)).job
        .status;
    await expect.poll(status).toBe("done");
    expect(await persons(harness)).toBe(2);
    expect(await harness.store.documents("rulesChange")).toEqual([]);

    const { namespaces, ...limits } = defaultLinkingRules;
    const rules = { ...limits, namespaces: namespaces.map((rule) => ({ ...rule, unique: false })) };
    await writeDocuments(harness.store, [
      { kind: "linkingRules", id: "current", body: { rules, since: NOW } },
      { kind: "rulesChange", id: "current", body: { pending: true } },
    ]);
    const next = await startHarness({}, harness.store);
    expect(await persons(next)).toBe(1);
    expect(await next.store.documents("rulesChange")).toEqual([]);
    await next.close();
  });

  it("decides about who was never seen, and says what cannot be decided", async () => {
    const [a, b] = [`{namespace:"CRMID",id:"new"}`, `{namespace:"SESSION",id:"new"}`];
    const refusal = async (what: string): Promise<readonly unknown[]> => {
      const answer = await harness.graphql(`mutation{${what}}`);
      return [codeOf(answer), answer.errors?.[0]?.extensions.issues?.map(({ code }) => code)];
    };
    await run(`mutation{unlinkIdentities(a:${a},b:${b})}`);
    await send([event("n1", 5, { CRMID: [{ id: "new" }], SESSION: [{ id: "new" }] })]);
    expect(
      await run(`{explainLink(a:${a},b:${b}){linked dropped{reason explanation} apart{isLifted}}}`),
    ).toEqual({
      explainLink: {
        linked: false,
        dropped: [
          {
            reason: "apart",
            explanation: "It would have brought two identities together that were unlinked by hand.",
          },
        ],
        apart: [{ isLifted: false }],
      },
    });
    expect(await refusal(`unblockIdentity(identity:${a})`)).toEqual(["NOT_FOUND", ["notFound"]]);
    expect(await refusal(`relinkIdentities(a:${a},b:{namespace:"CRMID",id:"jane"})`)).toEqual([
      "NOT_FOUND",
      ["notFound"],
    ]);
    expect(await refusal(`blockIdentity(identity:{namespace:"CRMID",id:""})`)).toEqual([
      "BAD_USER_INPUT",
      ["identity.shape"],
    ]);
    const cap = { namespaces: RULES, cap: 51 };
    for (const what of ["setLinkingRules", "rehearseLinkingRules"]) {
      const answer = await harness.graphql(`mutation($r:JSONObject!){${what}(rules:$r){id}}`, { r: cap });
      expect(codeOf(answer)).toBe("BAD_USER_INPUT");
    }
  });

  it("simulates protections: how many values, and how many new ones within a time", async () => {
    const events = ["CRMID: a, ECID: 1", "CRMID: a, ECID: 2", "CRMID: a, ECID: 3"].join("\n");
    const simulate = async (ecid: object, times?: readonly string[]): Promise<unknown> =>
      (
        await run<{ simulateIdentityGraph: { removedLinks: { reason: string }[] } }>(
          `query($n:[SimulatedNamespaceInput!]!,$e:String!,$t:[DateTime!]){simulateIdentityGraph(namespaces:$n,events:$e,times:$t){removedLinks{reason b{id}}}}`,
          {
            n: [
              { namespace: "CRMID", type: "CROSS_DEVICE", unique: true, priority: 1 },
              { namespace: "ECID", priority: 2, ...ecid },
            ],
            e: events,
            t: times,
          },
        )
      ).simulateIdentityGraph.removedLinks.map(({ reason }) => reason);
    const days = ["2026-01-01T00:00:00Z", "2026-01-03T00:00:00Z", "2026-01-05T00:00:00Z"];
    const newValues = { count: 1, withinDays: 1 };
    expect(await simulate({})).toEqual([]);
    expect(await simulate({ maxValues: 2 })).toEqual(["maxValues"]);
    expect(await simulate({ newValues })).toEqual(["newValues", "newValues"]);
    expect(await simulate({ newValues }, days)).toEqual([]);
  });

  it.each([
    [{ priority: 0 }, {}, "namespaces, ECID, priority: expected 1 or more, got 0."],
    [{ maxValues: 0 }, {}, "namespaces, ECID, maxValues: expected 1 or more, got 0."],
    [
      { newValues: { count: 0, withinDays: 1 } },
      {},
      "namespaces, ECID, newValues.count: expected 1 or more, got 0.",
    ],
    [
      { newValues: { count: 1, withinDays: 0 } },
      {},
      "namespaces, ECID, newValues.withinDays: expected a number above 0, got 0.",
    ],
    [
      { type: "SHOE" },
      {},
      "namespaces, ECID, type: expected an identity type such as CROSS_DEVICE, COOKIE or DEVICE, got a string of 4 characters.",
    ],
    [{ namespace: "CRMID" }, {}, "namespaces: expected each namespace once, got CRMID twice."],
    [{}, { cap: 1 }, "cap: expected 2 or more, got 1."],
    [{}, { times: [] }, "times: expected 1, one for each event, got 0."],
  ])("says what is wrong with a simulation: %j %j", async (ecid, more, message) => {
    const crm = { namespace: "CRMID", type: "CROSS_DEVICE", unique: true, priority: 1 };
    const answer = await harness.graphql(
      `query($n:[SimulatedNamespaceInput!]!,$cap:Int,$times:[DateTime!]){simulateIdentityGraph(namespaces:$n,cap:$cap,times:$times,events:"ECID: 1"){at}}`,
      { n: [crm, { namespace: "ECID", priority: 2, ...ecid }], ...more },
    );
    expect(codeOf(answer)).toBe("BAD_USER_INPUT");
    expect(answer.errors?.[0]?.message).toContain(message);
  });

  it("keeps the values of the block list out, and says so", async () => {
    const settings = { blocked: [{ namespace: "Email", values: ["test@shop.example"] }] };
    await run(`mutation($s:JSONObject!){setIdentityNamespaces(settings:$s)}`, { s: settings });
    expect(await run(`{identityNamespaceSettings}`)).toEqual({ identityNamespaceSettings: settings });
    const bad = event("e9", 9, { CRMID: [{ id: "kim" }], Email: [{ id: "Test@Shop.example" }] });
    expect(await send([bad])).toMatchObject({ accepted: 1, warnings: [{ code: "identity.blocked" }] });
    const { identityNamespaces } = await run<{ identityNamespaces: object[] }>(
      `{identityNamespaces{code type custom expected}}`,
    );
    expect(identityNamespaces).toContainEqual({
      code: "ECID",
      type: "COOKIE",
      custom: false,
      expected: "38 digits",
    });
    const wrong = await harness.graphql(`mutation($s:JSONObject!){setIdentityNamespaces(settings:$s)}`, {
      s: { namespaces: [{ code: "Email", type: "COOKIE" }] },
    });
    expect(codeOf(wrong)).toBe("BAD_USER_INPUT");
  });
});

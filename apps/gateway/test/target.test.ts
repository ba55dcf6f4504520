import { afterAll, beforeAll, expect, it } from "vitest";
import { type Answer, dataOf, type Harness, NOW, startHarness } from "./harness.ts";

let harness: Harness;
beforeAll(async () => {
  harness = await startHarness();
});
afterAll(() => harness.close());

const codes = ({ errors }: Answer): readonly string[] =>
  (errors ?? []).flatMap(({ extensions }) => (extensions.issues ?? []).map(({ code }) => code));
const connect = (settings: object, headers: Record<string, string> = {}): Promise<Answer> =>
  harness.graphql(
    `mutation($i:CreateDestinationInput!){createDestination(input:$i){id kind}}`,
    { i: { name: "Target", type: "adobe-target", settings } },
    headers,
  );
const audience = async (name: string, value = `loyalty.tier = "${name}"`): Promise<string> =>
  dataOf<{ createAudience: { id: string } }>(
    await harness.graphql(`mutation($i:CreateAudienceInput!){createAudience(input:$i){id}}`, {
      i: { name, expression: { value } },
    }),
  ).createAudience.id;
const activate = (destinationId: string, audienceIds: readonly string[], mapping: object[] = []) =>
  harness.graphql(
    `mutation($i:ActivateAudiencesInput!){activateAudiences(input:$i){dataflowId warnings{code}}}`,
    { i: { destinationId, audienceIds, mapping } },
  );
const datastream = (id: string, services: object): Promise<Answer> =>
  harness.graphql(`mutation($d:JSONObject!){saveDatastream(definition:$d)}`, { d: { id, services } });
const platform = { eventDatasets: ["web"], edgeSegmentation: true, personalizationDestinations: true };
const activity = (audiences: readonly string[], more: object = {}): Promise<Answer> =>
  harness.graphql(`mutation($d:JSONObject!){saveActivity(definition:$d)}`, {
    d: {
      id: 7,
      name: "Gold banner",
      type: "xt",
      workspace: "Shop",
      audience: { kind: "any", audiences },
      experiences: [
        { id: 0, name: "E", offers: [{ location: { kind: "page-load" }, offer: { kind: "default" } }] },
      ],
      ...more,
    },
  });
const attributes = (from: number, to: number): object[] =>
  Array.from({ length: to - from }, (_, n) => ({
    source: { kind: "attribute", path: `loyalty.field${from + n}` },
    target: `field${from + n}`,
  }));

let destinationId = "";
let gold = "";

it("connects to Target by its documented rules, every violation at once", async () => {
  await datastream("plain", { platform });
  await datastream("shop", { platform, target: {} });
  const dev = { "x-sandbox-name": "dev" };
  dataOf(await harness.graphql(`mutation{createSandbox(name:"dev"){name}}`));
  expect(codes(await connect({ datastreamId: "nowhere", organisation: "other@Org" }, dev))).toEqual([
    "target.organisation",
    "target.sandbox",
    "target.datastream",
  ]);
  expect(codes(await connect({ datastreamId: "plain" }))).toEqual(["target.datastream-services"]);
  expect(codes(await connect({ workspace: "Shop" }))).toEqual(["settings.required"]);
  const made = await connect({ datastreamId: "shop", workspace: "Shop", description: "Banners" });
  const { createDestination } = dataOf<{ createDestination: { id: string; kind: string } }>(made);
  expect(createDestination.kind).toBe("profile-request");
  destinationId = createDestination.id;
  expect(codes(await connect({ datastreamId: "shop" }))).toEqual(["target.datastream-taken"]);
});

it("maps audiences and attributes within Target's limits", async () => {
  gold = await audience("gold");
  const bad = [
    ...attributes(0, 31),
    { source: { kind: "pql", expression: "loyalty.points" }, target: "points" },
  ];
  expect(codes(await activate(destinationId, [gold, "nobody"], bad)).toSorted()).toEqual([
    "dataflow.unknown-audience",
    "limit.target.attributes",
    "mapping.profile-request",
  ]);
  expect(codes(await activate(destinationId, [gold], attributes(0, 20)))).toEqual([]);
  // The 30 are those of the sandbox: a second personalization destination has 10 left.
  const page = dataOf<{ createDestination: { id: string } }>(
    await harness.graphql(`mutation($i:CreateDestinationInput!){createDestination(input:$i){id}}`, {
      i: { name: "Page", type: "custom-personalization", settings: { integrationAlias: "page" } },
    }),
  ).createDestination.id;
  expect(codes(await activate(page, [gold], attributes(20, 31)))).toEqual([
    "limit.destinations.personalization-attributes",
  ]);
  const many = await Promise.all(Array.from({ length: 50 }, (_, n) => audience(`tier${n}`)));
  const warned = dataOf<{ activateAudiences: { warnings: { code: string }[] } }>(
    await activate(destinationId, many, attributes(0, 20)),
  );
  expect(warned.activateAudiences.warnings.map(({ code }) => code)).toContain(
    "limit.target.audiences-per-destination",
  );
});

it("takes only audiences of the edge's merge policy, and none that came in files", async () => {
  const policy = dataOf<{ saveMergePolicy: { id: string } }>(
    await harness.graphql(`mutation($d:JSONObject!){saveMergePolicy(definition:$d)}`, {
      d: { name: "Hub only", attributeMerge: { type: "timestampOrdered" } },
    }),
  ).saveMergePolicy.id;
  const hubOnly = dataOf<{ createAudience: { id: string } }>(
    await harness.graphql(`mutation($i:CreateAudienceInput!){createAudience(input:$i){id}}`, {
      i: { name: "hub", mergePolicyId: policy, expression: { value: 'loyalty.tier = "hub"' } },
    }),
  ).createAudience.id;
  const upload = await harness.request("/collect/audience?name=VIPs&namespace=CRMID&column=id", {
    method: "POST",
    body: "id\nC1\n",
  });
  const { audienceId } = (await upload.json()) as { readonly audienceId: string };
  expect(codes(await activate(destinationId, [hubOnly, audienceId], attributes(0, 20)))).toEqual([
    "target.merge-policy",
    "target.audience-origin",
  ]);
});

it("saves activities that are right, and keeps the audiences that a live one uses", async () => {
  expect(codes(await activity([], { priority: 1000, type: "mvt" }))).toEqual(
    Array.from({ length: 3 }, () => "activity.invalid"),
  );
  // Its workspace is that of the connection: no other one maps the audience.
  expect(codes(await activity([gold], { workspace: "Attic" }))).toEqual(["target.audience-not-mapped"]);
  expect(codes(await activity([gold], { workspace: undefined }))).toEqual(["target.audience-not-mapped"]);
  const unmapped = await audience("unmapped");
  expect(codes(await activity([gold, unmapped]))).toEqual(["target.audience-not-mapped"]);
  expect(codes(await activity([gold, unmapped], { status: "inactive" }))).toEqual([]);
  dataOf(await activity([gold]));
  const { destinations } = dataOf<{
    destinations: { id: string; dataflows: { id: string; audiences: { id: string }[] }[] }[];
  }>(await harness.graphql(`{destinations{id dataflows{id audiences{id}}}}`));
  const dataflow = destinations.find(({ id }) => id === destinationId)?.dataflows[0];
  const others = (dataflow?.audiences ?? []).filter(({ id }) => id !== gold).map(({ id }) => ({ id }));
  const save = (change: object): Promise<Answer> =>
    harness.graphql(`mutation($i:UpdateDataflowInput!){updateDataflow(input:$i){id}}`, {
      i: { id: dataflow?.id, ...change },
    });
  expect(codes(await save({ audiences: others }))).toEqual(["target.audience-in-use"]);
  expect(codes(await save({ enabled: false }))).toEqual(["target.audience-in-use"]);
  const retire = (status: string): Promise<Answer> =>
    harness.graphql(`mutation($id:ID!,$s:String!){setAudienceStatus(id:$id,status:$s){status}}`, {
      id: gold,
      s: status,
    });
  expect(codes(await retire("inactive"))).toEqual(["target.audience-in-use"]);
  expect(codes(await retire("deleted"))).toEqual(["target.audience-in-use"]);
  dataOf(await activity([gold], { status: "inactive" }));
  expect(codes(await save({ audiences: others }))).toEqual([]);
});

it("says which mode applies and why, of a connection and of a datastream", async () => {
  const fields = "client samePage nextPage nextSession attributes ecidOnly reason explanation";
  const { destinations } = dataOf<{ destinations: { id: string; target: object | null }[] }>(
    await harness.graphql(
      `{destinations{id target{workspace datastreamId liveActivityIds modes{${fields}}}}}`,
    ),
  );
  const later = { samePage: false, nextPage: false, nextSession: true, attributes: true };
  const api = [
    { client: "at.js", ...later, ecidOnly: true, reason: "delivery-api" },
    { client: "server", ...later, ecidOnly: false, reason: "delivery-api" },
  ];
  const now = { samePage: true, nextPage: true, nextSession: true, attributes: true, ecidOnly: false };
  expect(destinations.find(({ id }) => id === destinationId)?.target).toMatchObject({
    workspace: "Shop",
    datastreamId: "shop",
    modes: [{ client: "web-sdk", ...now, reason: "edge-segmentation" }, ...api],
  });
  expect(destinations.filter(({ target }) => target === null)).toHaveLength(1);
  await datastream("calm", { platform: { ...platform, edgeSegmentation: false }, target: {} });
  const of = async (id?: string): Promise<unknown> => {
    const query = `query($d:ID!="none"){targetModes(datastreamId:$d){client samePage nextPage nextSession reason}}`;
    const { targetModes } = dataOf<{ targetModes: { reason: string }[] }>(
      await harness.graphql(query, { d: id }),
    );
    return targetModes[0];
  };
  const none = { client: "web-sdk", samePage: false, nextPage: false };
  expect([await of("calm"), await of(), await of("plain"), await of("nowhere")]).toEqual([
    { ...none, nextSession: true, reason: "no-edge-segmentation" },
    { ...none, nextSession: true, reason: "no-datastream" },
    { ...none, nextSession: false, reason: "no-target-service" },
    { ...none, nextSession: false, reason: "unknown-datastream" },
  ]);
});

it("moves a connection by the rules that it was made by", async () => {
  await datastream("second", { platform, target: {} });
  dataOf(await connect({ datastreamId: "second" }));
  const move = (settings: object): Promise<Answer> =>
    harness.graphql(`mutation($i:UpdateDestinationInput!){updateDestination(input:$i){settings}}`, {
      i: { id: destinationId, settings },
    });
  expect(codes(await move({ datastreamId: "second" }))).toEqual(["target.datastream-taken"]);
  expect(codes(await move({ datastreamId: "plain", organisation: "other@Org" }))).toEqual([
    "target.organisation",
    "target.datastream-services",
  ]);
  expect(codes(await move({ description: "The same datastream is its own" }))).toEqual([]);
});

it("deletes datastreams that nothing serves, and activities", async () => {
  const remove = (what: string, id: string): Promise<Answer> =>
    harness.graphql(`mutation($id:ID!){delete${what}(id:$id)}`, { id });
  expect(codes(await remove("Datastream", "shop"))).toEqual(["datastream.in-use"]);
  dataOf(await remove("Datastream", "calm"));
  expect((await remove("Datastream", "calm")).errors?.[0]?.extensions.code).toBe("NOT_FOUND");
  dataOf(await remove("Activity", "7"));
  expect(dataOf<{ activities: object[] }>(await harness.graphql(`{activities}`)).activities).toEqual([]);
});

it("tells the edge of an audience while its time lasts", async () => {
  const snapshot = async (): Promise<readonly string[]> => {
    const answer = (await (await harness.request("/edge/snapshot")).json()) as {
      readonly destinations: readonly { readonly id: string; readonly audienceIds: readonly string[] }[];
    };
    return answer.destinations.find(({ id }) => id === destinationId)?.audienceIds ?? [];
  };
  const { destinations } = dataOf<{ destinations: { id: string; dataflows: { id: string }[] }[] }>(
    await harness.graphql(`{destinations{id dataflows{id}}}`),
  );
  const id = destinations.find((one) => one.id === destinationId)?.dataflows[0]?.id;
  const audiences = [
    {
      id: gold,
      startsAt: new Date(NOW + 60_000).toISOString(),
      endsAt: new Date(NOW + 120_000).toISOString(),
    },
  ];
  dataOf(
    await harness.graphql(`mutation($i:UpdateDataflowInput!){updateDataflow(input:$i){id}}`, {
      i: { id, audiences },
    }),
  );
  const seen: (readonly string[])[] = [];
  for (const ms of [0, 60_000, 120_000]) {
    harness.setNow(NOW + ms);
    seen.push(await snapshot());
  }
  expect(seen).toEqual([[], [gold], []]);
});

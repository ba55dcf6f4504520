import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { createMemoryStore } from "@tessera/profile-store";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type Answer, dataOf, type Harness, NOW, startHarness } from "./harness.ts";

interface Call {
  readonly authorization: string | undefined;
  readonly body: string;
}

const calls: Call[] = [];
/** What the receiver answers; 503 makes everything wait. */
let answers = 200;
const receiver = createServer(async (request, response) => {
  let body = "";
  for await (const piece of request) body += String(piece);
  if (answers === 200) calls.push({ authorization: request.headers.authorization, body });
  response.writeHead(answers).end();
});
const SECRETS = {
  TESSERA_SECRET_OLD_TOKEN: "first-of-all-secrets",
  TESSERA_SECRET_NEW_TOKEN: "second-secret",
};
const MAPPING = [{ source: { kind: "identity", namespace: "CRMID" }, target: "CRMID" }];

describe("edits and removals of destinations", () => {
  const store = createMemoryStore();
  let harness: Harness;
  let moment = NOW;
  let audienceId = "";
  beforeAll(async () => {
    Object.assign(process.env, SECRETS);
    await new Promise<void>((resolve) => receiver.listen(0, "127.0.0.1", resolve));
    harness = await startHarness({}, store);
    audienceId = (
      await run<{ createAudience: { id: string } }>(
        `mutation($i:CreateAudienceInput!){createAudience(input:$i){id}}`,
        { i: { name: "Ada", expression: { value: 'person.name.firstName = "Ada"' } } },
      )
    ).createAudience.id;
    await ingest("C1", "Ada");
  });
  afterAll(async () => {
    await harness.close();
    receiver.closeAllConnections();
    receiver.close();
    for (const name of Object.keys(SECRETS)) delete process.env[name];
  });

  const run = async <T>(document: string, variables: object = {}): Promise<T> =>
    dataOf<T>(await harness.graphql(document, variables));
  const codes = ({ errors }: Answer): readonly string[] =>
    (errors ?? []).flatMap(({ extensions }) => (extensions.issues ?? []).map(({ code }) => code));
  const later = (ms: number): void => harness.setNow((moment += ms));
  const ingest = async (id: string, firstName: string): Promise<void> => {
    later(1_000);
    await harness.request("/collect/records?datasetId=crm", {
      method: "POST",
      body: JSON.stringify([
        { identityMap: { CRMID: [{ id, primary: true }] }, person: { name: { firstName } } },
      ]),
    });
  };
  const connect = async (): Promise<{ readonly id: string; readonly dataflowId: string }> => {
    const { port } = receiver.address() as AddressInfo;
    const settings = { url: `http://127.0.0.1:${port}/`, bearer: { secret: "old-token" } };
    const { createDestination } = await run<{ createDestination: { id: string } }>(
      `mutation($i:CreateDestinationInput!){createDestination(input:$i){id}}`,
      { i: { name: "Receiver", type: "http-profile-export", settings } },
    );
    const { id } = createDestination;
    const { activateAudiences } = await run<{ activateAudiences: { dataflowId: string } }>(
      `mutation($i:ActivateAudiencesInput!){activateAudiences(input:$i){dataflowId}}`,
      { i: { destinationId: id, audienceIds: [audienceId], mapping: MAPPING } },
    );
    return { id, dataflowId: activateAudiences.dataflowId };
  };
  const statuses = (): readonly (string | undefined)[] =>
    calls.map(({ body }) => /realized|exited/.exec(body)?.[0]);
  const remove = (id: string, exits: boolean, discardPending = false): Promise<Answer> =>
    harness.graphql(
      `mutation($id:ID!,$e:Boolean!,$d:Boolean!){deleteDestination(id:$id,exits:$e,discardPending:$d){id destinationId status exits waiting}}`,
      { id, e: exits, d: discardPending },
    );
  const status = async (id: string): Promise<string | undefined> =>
    (
      await run<{ destination: { status: string } | null }>(`query($id:ID!){destination(id:$id){status}}`, {
        id,
      })
    ).destination?.status;
  /** Time passes until the schedules have seen to it that the destination is gone. */
  const isGone = (id: string): Promise<void> =>
    expect
      .poll(
        async () => {
          later(11_000);
          return status(id);
        },
        { timeout: 30_000, interval: 250 },
      )
      .toBeUndefined();

  it("rotates a secret by its name, from the next delivery on; its value stands nowhere", async () => {
    const { id } = await connect();
    await expect
      .poll(() => calls.at(-1)?.authorization, { timeout: 10_000 })
      .toBe(`Bearer ${SECRETS.TESSERA_SECRET_OLD_TOKEN}`);
    const update = `mutation($i:UpdateDestinationInput!){updateDestination(input:$i){name type settings}}`;
    const i = { id, name: "Renamed", settings: { bearer: { secret: "new-token" }, batchSize: 1 } };
    const answer = await run<{ updateDestination: object }>(update, { i });
    expect(answer).toMatchObject({
      updateDestination: { name: "Renamed", settings: { bearer: { secret: "new-token" }, batchSize: 1 } },
    });
    await ingest("C2", "Ada");
    await expect
      .poll(() => calls.at(-1)?.authorization, { timeout: 10_000 })
      .toBe(`Bearer ${SECRETS.TESSERA_SECRET_NEW_TOKEN}`);
    const { auditLog } = await run<{ auditLog: { action: string; subject: string }[] }>(
      `{auditLog(first:20){action subject}}`,
    );
    const own = auditLog.filter(({ subject }) => subject === id).map(({ action }) => action);
    expect(own).toEqual(expect.arrayContaining(["destination.update", "destination.secret.rotate"]));
    for (const secret of Object.values(SECRETS))
      expect(JSON.stringify([answer, auditLog])).not.toContain(secret);
    const refused = await harness.graphql(update, {
      i: { id, settings: { bearer: "a value", batchSize: 0 } },
    });
    expect(codes(refused)).toEqual(["settings.type", "settings.range"]);
    await run(update, { i: { id, settings: { batchSize: null } } });
    expect(await run(`query($id:ID!){destination(id:$id){settings}}`, { id })).toMatchObject({
      destination: { settings: expect.not.objectContaining({ batchSize: 1 }) },
    });
    await remove(id, false);
    await isGone(id);
  });

  it("tells members to leave behind what waits, over a restart, and is gone then", async () => {
    answers = 503;
    const { id } = await connect();
    const from = calls.length;
    const removal = dataOf<{ deleteDestination: object }>(await remove(id, true)).deleteDestination;
    expect(removal).toEqual({ id, destinationId: id, status: "leaving", exits: true, waiting: 4 });
    expect(await status(id)).toBe("leaving");
    await harness.close();
    harness = await startHarness({}, store);
    harness.setNow(moment);
    answers = 200;
    await isGone(id);
    expect(statuses().slice(from).sort()).toEqual(["exited", "exited", "realized", "realized"]);
    for (const person of ["C1", "C2"]) {
      const own = calls.slice(from).filter(({ body }) => body.includes(person));
      expect(own.map(({ body }) => /realized|exited/.exec(body)?.[0])).toEqual(["realized", "exited"]);
    }
    expect(await store.documents("destination")).toEqual([]);
    expect(await store.documents("dataflow")).toEqual([]);
  });

  it("is gone without a word when what waits is given up, with its dead letters", async () => {
    answers = 503;
    const { id } = await connect();
    const from = calls.length;
    expect(codes(await remove(id, true, true))).toEqual(["destination.removal"]);
    await run(`mutation($id:ID!){pauseDestination(id:$id){waiting}}`, { id });
    dataOf(await remove(id, false, true));
    await isGone(id);
    answers = 200;
    expect(calls).toHaveLength(from);
    expect(await store.documents(`deadLetter:${id}`)).toEqual([]);
    expect(await store.outbox(id, 0, 1)).toEqual([]);
  });

  it("removes a dataflow and keeps its destination, which takes another one", async () => {
    const { id, dataflowId } = await connect();
    const from = calls.length;
    const deleted = `mutation($id:ID!,$e:Boolean!){deleteDataflow(id:$id,exits:$e){id destinationId status exits}}`;
    expect(await run(deleted, { id: dataflowId, e: true })).toEqual({
      deleteDataflow: { id: dataflowId, destinationId: id, status: "leaving", exits: true },
    });
    await expect
      .poll(
        () =>
          statuses()
            .slice(from)
            .filter((one) => one === "exited").length,
        { timeout: 10_000 },
      )
      .toBe(2);
    expect(await run(`query($id:ID!){destination(id:$id){status dataflows{id}}}`, { id })).toEqual({
      destination: { status: "enabled", dataflows: [] },
    });
    const again = await run<{ activateAudiences: { dataflowId: string } }>(
      `mutation($i:ActivateAudiencesInput!){activateAudiences(input:$i){dataflowId}}`,
      { i: { destinationId: id, audienceIds: [audienceId], mapping: MAPPING } },
    );
    expect(again.activateAudiences.dataflowId).not.toBe(dataflowId);
  });

  it("tells refusals as data: what is not there, and what a live activity uses", async () => {
    const refusal = (id: string): Promise<object> =>
      run(
        `mutation($id:ID!){tryDeleteDestination(id:$id,exits:false){__typename ... on Refusal{code issues{code}}}}`,
        { id },
      );
    expect(await refusal("nowhere")).toMatchObject({
      tryDeleteDestination: { __typename: "Refusal", code: "NOT_FOUND" },
    });
    const { createDestination } = await run<{ createDestination: { id: string } }>(
      `mutation($i:CreateDestinationInput!){createDestination(input:$i){id}}`,
      { i: { name: "Target", type: "adobe-target", settings: { datastreamId: "default" } } },
    );
    const { id } = createDestination;
    const activated = await run<{ activateAudiences: { dataflowId: string } }>(
      `mutation($i:ActivateAudiencesInput!){activateAudiences(input:$i){dataflowId}}`,
      { i: { destinationId: id, audienceIds: [audienceId] } },
    );
    const activity = (liveness: string): Promise<object> =>
      run(`mutation($d:JSONObject!){saveActivity(definition:$d)}`, {
        d: {
          id: 1,
          name: "A",
          type: "xt",
          status: liveness,
          audience: { kind: "any", audiences: [audienceId] },
          experiences: [
            { id: 0, name: "E", offers: [{ location: { kind: "page-load" }, offer: { kind: "default" } }] },
          ],
        },
      });
    await activity("live");
    const inUse = { __typename: "Refusal", issues: [{ code: "target.audience-in-use" }] };
    expect(await refusal(id)).toMatchObject({ tryDeleteDestination: inUse });
    const flow = await harness.graphql(`mutation($id:ID!){deleteDataflow(id:$id,exits:false){id}}`, {
      id: activated.activateAudiences.dataflowId,
    });
    expect(codes(flow)).toEqual(["target.audience-in-use"]);
    const moved = await harness.graphql(
      `mutation($i:UpdateDestinationInput!){updateDestination(input:$i){id}}`,
      { i: { id, settings: { workspace: "Attic" } } },
    );
    expect(codes(moved)).toEqual(["target.audience-in-use"]);
    await activity("inactive");
    expect(dataOf(await remove(id, false))).toMatchObject({ deleteDestination: { status: "deleted" } });
    expect(await status(id)).toBeUndefined();
  });
});

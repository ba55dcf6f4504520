import { mkdtempSync, readFileSync, readdirSync, rmSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createMemoryStore } from "@tessera/profile-store";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { createExportScheduler } from "../src/delivery/export-schedule.ts";
import { openSandbox } from "../src/sandbox.ts";
import { CATALOG } from "../src/catalog.ts";
import { createSender } from "../src/transports/send.ts";
import { type Answer, dataOf, type Harness, NOW, startHarness } from "./harness.ts";

const received: string[] = [];
const receiver = createServer(async (request, response) => {
  let body = "";
  for await (const piece of request) body += String(piece);
  received.push(body);
  response.writeHead(200).end();
});
const MAPPING = [{ source: { kind: "identity", namespace: "CRMID" }, target: "CRMID" }];
const record = (id: string, firstName: string): object => ({
  identityMap: { CRMID: [{ id, primary: true }] },
  person: { name: { firstName } },
});

describe("a dataflow", () => {
  const store = createMemoryStore();
  const filesFolder = mkdtempSync(join(tmpdir(), "tessera-flows-"));
  let harness: Harness;
  let moment = NOW;
  let audienceId = "";
  let destinationId = "";
  let dataflowId = "";
  beforeAll(async () => {
    await new Promise<void>((resolve) => receiver.listen(0, "127.0.0.1", resolve));
    harness = await startHarness({ filesFolder }, store);
  });
  afterAll(async () => {
    await harness.close();
    receiver.closeAllConnections();
    receiver.close();
    rmSync(filesFolder, { recursive: true, force: true });
  });

  const ingest = async (...records: object[]): Promise<void> => {
    moment += 1_000;
    harness.setNow(moment);
    await harness.request("/collect/records?datasetId=crm", {
      method: "POST",
      body: JSON.stringify(records),
    });
  };
  const run = async <T>(document: string, variables: object = {}): Promise<T> =>
    dataOf<T>(await harness.graphql(document, variables));
  const codes = ({ errors }: Answer): readonly string[] =>
    (errors ?? []).flatMap(({ extensions }) => (extensions.issues ?? []).map(({ code }) => code));
  const log = (): Promise<{ deliveryLog: { nodes: object[]; totalCount: number } }> =>
    run(
      `query($d:ID){deliveryLog(identity:{namespace:"CRMID",id:"C1"},destinationId:$d){totalCount nodes{destinationId outcome attributes namespaces changes{audienceId status}}}}`,
      { d: destinationId },
    );

  it("is refused with every violation at once, and saved when it is right", async () => {
    const made = await run<{ a: { id: string }; d: { id: string } }>(
      `mutation($a:CreateAudienceInput!,$d:CreateDestinationInput!){a:createAudience(input:$a){id} d:createDestination(input:$d){id}}`,
      {
        a: { name: "Ada", expression: { value: 'person.name.firstName = "Ada"' } },
        d: {
          name: "Receiver",
          type: "http-profile-export",
          settings: { url: `http://127.0.0.1:${(receiver.address() as AddressInfo).port}/` },
        },
      },
    );
    [audienceId, destinationId] = [made.a.id, made.d.id];
    const activate = (mapping: object[]): Promise<Answer> =>
      harness.graphql(
        `mutation($i:ActivateAudiencesInput!){activateAudiences(input:$i){dataflowId warnings{code}}}`,
        { i: { destinationId, audienceIds: [audienceId], mapping } },
      );
    const twice = { source: { kind: "attribute", path: "person.name.firstName" }, target: "first" };
    const badQuery = { source: { kind: "pql", expression: "person.name.(" }, target: "q" };
    const refused = codes(await activate([...MAPPING, twice, twice, badQuery]));
    expect(refused).toContain("mapping.target-twice");
    expect(refused.some((code) => code.startsWith("pql"))).toBe(true);
    const activated = await activate([...MAPPING, twice]);
    dataflowId = dataOf<{ activateAudiences: { dataflowId: string } }>(activated).activateAudiences
      .dataflowId;
    await ingest(record("C1", "Ada"), record("C2", "Bea"));
    await expect.poll(() => received.join(), { timeout: 10_000 }).toContain("C1");
  });

  it("is checked without being saved", async () => {
    const input = {
      id: dataflowId,
      audiences: [{ id: "nobody", schedule: { mode: "full", when: "after-evaluation" } }],
    };
    const { checkDataflow } = await run<{
      checkDataflow: {
        valid: boolean;
        violations: { code: string }[];
        limits: { limit: string; kind: string }[];
      };
    }>(
      `query($i:UpdateDataflowInput!){checkDataflow(input:$i){valid violations{code path} warnings{code} limits{limit kind value message whatToDo}}}`,
      { i: input },
    );
    expect(checkDataflow.valid).toBe(false);
    expect(checkDataflow.violations.map(({ code }) => code).sort()).toEqual([
      "dataflow.unknown-audience",
      "schedule.streaming",
    ]);
    expect(checkDataflow.limits).toContainEqual(
      expect.objectContaining({ limit: "destinations.audiences-per-dataflow", kind: "ok" }),
    );
  });

  it("tells who was told what, by name of field and not by value, also after a restart", async () => {
    const told = {
      outcome: "delivered",
      changes: [{ audienceId, status: "realized" }],
      namespaces: ["CRMID"],
    };
    await expect.poll(async () => (await log()).deliveryLog.nodes).toMatchObject([told]);
    await harness.close();
    harness = await startHarness({ filesFolder }, store);
    harness.setNow(moment);
    const after = await log();
    expect(after.deliveryLog).toMatchObject({ totalCount: 1, nodes: [told] });
    expect(JSON.stringify(after)).not.toContain("Ada");
  });

  it("shows what a mapping gives, and why a person is or is not told", async () => {
    const shown = await run(
      `query($m:[JSONObject!]!){previewMapping(mapping:$m,identity:{namespace:"CRMID",id:"C2"}){target values state}}`,
      {
        m: [
          {
            source: { kind: "attribute", path: "person.name.firstName" },
            target: "first",
            transform: "sha256",
          },
          { source: { kind: "attribute", path: "person.birthDate" }, target: "born", required: true },
        ],
      },
    );
    expect(shown).toEqual({
      previewMapping: [
        { target: "first", values: [expect.stringMatching(/^[0-9a-f]{64}$/)], state: "ok" },
        { target: "born", values: [], state: "required-missing" },
      ],
    });
    const why = `query($f:ID!,$i:IdentityInput!){explainActivation(dataflowId:$f,identity:$i){audienceIds obstacles}}`;
    const of = (id: string): Promise<object> => run(why, { f: dataflowId, i: { namespace: "CRMID", id } });
    expect(await of("C1")).toEqual({ explainActivation: { audienceIds: [audienceId], obstacles: [] } });
    expect(await of("C2")).toEqual({
      explainActivation: { audienceIds: [], obstacles: [{ kind: "not-a-member", audienceId }] },
    });
  });

  it("waits while its destination is paused, over a restart, and goes on in order", async () => {
    await run(`mutation($d:ID!){pauseDestination(id:$d,reason:"maintenance"){pauseReason}}`, {
      d: destinationId,
    });
    await ingest(record("C3", "Ada"));
    await ingest(record("C3", "Bea"));
    await harness.close();
    harness = await startHarness({ filesFolder }, store);
    harness.setNow((moment += 1_000));
    const backlog = `query($d:ID!){deliveryBacklog(destinationId:$d){waiting pauseReason}}`;
    expect(await run(backlog, { d: destinationId })).toEqual({
      deliveryBacklog: { waiting: 2, pauseReason: "maintenance" },
    });
    expect(received.join()).not.toContain("C3");
    await run(`mutation($d:ID!){resumeDestination(id:$d){pausedAt}}`, { d: destinationId });
    await expect
      .poll(
        () => received.filter((body) => body.includes("C3")).map((body) => /realized|exited/.exec(body)?.[0]),
        {
          timeout: 10_000,
        },
      )
      .toEqual(["realized", "exited"]);
  });

  it("tells members to leave when it is switched off, and to enter when it is on again", async () => {
    const toggle = (enabled: boolean): Promise<object> =>
      run(`mutation($i:UpdateDataflowInput!){updateDataflow(input:$i){enabled}}`, {
        i: { id: dataflowId, enabled },
      });
    const before = received.length;
    expect(await toggle(false)).toEqual({ updateDataflow: { enabled: false } });
    await expect
      .poll(() => received.slice(before).join(), { timeout: 10_000 })
      .toMatch(/C1.*exited|exited.*C1/s);
    const off = received.length;
    await toggle(true);
    await expect.poll(() => received.slice(off).join(), { timeout: 10_000 }).toMatch(/C1/);
  });

  it("writes files by its schedule: a full one first, then who came and went, each once", async () => {
    const scheduled = await openSandbox({
      name: "prod",
      organisation: "o@Org",
      store: createMemoryStore(),
      catalog: CATALOG,
      clock: () => moment,
      newId: (() => {
        let n = 0;
        return () => `id${(n += 1)}`;
      })(),
      timers: false,
      onError: (what, error) => {
        throw new Error(what, { cause: error });
      },
    });
    const { hub } = scheduled;
    const send = createSender({ filesFolder, secret: () => undefined, now: () => moment });
    const delivery = { record: async () => undefined };
    const exports = createExportScheduler(scheduled, { send, clock: () => moment, delivery });
    const made = await hub.createAudience({
      name: "Ada",
      expression: { type: "PQL", format: "pql/text", value: 'person.name.firstName = "Ada"' },
    });
    const folder = await hub.createDestination({
      name: "Folder",
      type: "csv-local",
      settings: { target: { folder: "scheduled" } },
    });
    if (!made.ok || !folder.ok) throw new Error("It could not be made.");
    moment = Date.parse("2026-03-02T00:30:00Z");
    await hub.ingestRecords("crm", [record("F1", "Ada"), record("F2", "Ada")]);
    const activated = await hub.activateAudiences({
      destinationId: folder.value.stored.id,
      audienceIds: [made.value.id],
      mapping: [
        { source: { kind: "identity", namespace: "CRMID" }, target: "crm" },
        { source: { kind: "membership-status" }, target: "status" },
      ],
    });
    if (!activated.ok) throw new Error(JSON.stringify(activated.error));
    const schedule = { mode: "incremental", everyHours: 3, time: "00:00" } as const;
    await hub.saveDataflow({
      ...activated.value,
      audiences: activated.value.audiences.map((audience) => ({ ...audience, schedule })),
    });
    const files = (): readonly string[] =>
      readdirSync(join(filesFolder, "scheduled"))
        .sort()
        .map((name) => readFileSync(join(filesFolder, "scheduled", name), "utf8"));
    expect(await exports.run()).toBe(0);
    moment = Date.parse("2026-03-02T03:00:00Z");
    expect([await exports.run(), await exports.run()]).toEqual([1, 0]);
    expect(files()[0]?.trim().split(/\r?\n/).slice(1).sort()).toEqual(["F1,realized", "F2,realized"]);
    moment += 60_000;
    await hub.ingestRecords("crm", [record("F2", "Bea"), record("F3", "Ada")]);
    moment = Date.parse("2026-03-02T10:00:00Z"); // a run was missed; it is caught up once
    const again = createExportScheduler(scheduled, { send, clock: () => moment, delivery });
    expect(await Promise.all([again.run(), exports.run()])).toSatisfy(
      (written: number[]) => written.reduce((a, b) => a + b) === 1,
    );
    expect(files()[1]?.trim().split(/\r?\n/).slice(1).sort()).toEqual(["F2,exited", "F3,realized"]);
    await scheduled.close();
  });
});

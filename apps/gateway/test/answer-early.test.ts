import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createMemoryStore, type HubStore } from "@tessera/profile-store";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { dataOf, type Harness, startHarness } from "./harness.ts";

const PERSONS = 1_200;
const folder = mkdtempSync(join(tmpdir(), "tessera-early-"));
const told = new Set<string>();
const receiver = createServer((request, response) => {
  let text = "";
  request.on("data", (chunk: Buffer) => (text += chunk.toString()));
  request.on("end", () => {
    for (const [id] of text.matchAll(/C-\d+/g)) told.add(id);
    response.writeHead(200).end();
  });
});

/** Scans wait until they are let go. */
function held(store: HubStore): { readonly letGo: () => void } {
  const scan = store.scan.bind(store);
  let letGo = (): void => undefined;
  const waiting = new Promise<void>((resolve) => (letGo = resolve));
  store.scan = async (...asked) => {
    await waiting;
    return scan(...asked);
  };
  return {
    letGo: () => {
      letGo();
      store.scan = scan;
    },
  };
}

describe("a change that concerns many persons", () => {
  const store = createMemoryStore();
  const close = store.close.bind(store);
  store.close = async () => undefined;
  let harness: Harness;
  let audienceId = "";
  const run = async <T>(query: string, variables: object = {}): Promise<T> =>
    dataOf<T>(await harness.graphql(query, variables));
  const start = (): Promise<Harness> => startHarness({ changeWaitMs: 0, filesFolder: folder }, store);
  const destination = async (type: string, settings: object): Promise<string> =>
    (
      await run<{ createDestination: { id: string } }>(
        `mutation($i:CreateDestinationInput!){createDestination(input:$i){id}}`,
        { i: { name: type, type, settings } },
      )
    ).createDestination.id;
  const url = (): string => `http://127.0.0.1:${(receiver.address() as AddressInfo).port}/`;
  const activate = async (
    destinationId: string,
  ): Promise<{ job: { id: string; status: string } | null; files: object[] }> =>
    (
      await run<{ activateAudiences: { job: { id: string; status: string } | null; files: object[] } }>(
        `mutation($i:ActivateAudiencesInput!){activateAudiences(input:$i){job{id status kind} files{name rows}}}`,
        {
          i: {
            destinationId,
            audienceIds: [audienceId],
            mapping: [{ source: { kind: "identity", namespace: "CRMID" }, target: "CRMID" }],
          },
        },
      )
    ).activateAudiences;
  const job = async (id: string): Promise<{ status: string; done: number; total: number }> =>
    (
      await run<{ job: { status: string; done: number; total: number } }>(
        `query($id:ID!){job(id:$id){status done total}}`,
        { id },
      )
    ).job;

  beforeAll(async () => {
    await new Promise<void>((resolve) => receiver.listen(0, "127.0.0.1", resolve));
    harness = await start();
    const made = await run<{ createAudience: { id: string } }>(
      `mutation($i:CreateAudienceInput!){createAudience(input:$i){id}}`,
      { i: { name: "Ada", expression: { value: 'person.name.firstName = "Ada"' } } },
    );
    audienceId = made.createAudience.id;
    const records = Array.from({ length: PERSONS }, (_, n) => ({
      identityMap: { CRMID: [{ id: `C-${n}`, primary: true }] },
      person: { name: { firstName: "Ada" } },
    }));
    await harness.request("/collect/records?datasetId=crm", {
      method: "POST",
      body: JSON.stringify(records),
    });
  });
  afterAll(async () => {
    await harness.close();
    await close();
    receiver.closeAllConnections();
    receiver.close();
    rmSync(folder, { recursive: true, force: true });
  });

  it("is answered while a job tells the members, with its progress; cancelled, the rest is told at the next start", async () => {
    const destinationId = await destination("http-profile-export", { url: url() });
    const first = held(store);
    const activation = await activate(destinationId);
    expect(activation.job).toMatchObject({
      status: "running",
      kind: expect.stringContaining("tell members"),
    });
    const id = activation.job?.id ?? "";
    await run(`mutation($id:ID!){cancelJob(id:$id){id}}`, { id });
    first.letGo();
    await expect.poll(() => job(id)).toMatchObject({ status: "cancelled", done: 500, total: PERSONS });
    await expect.poll(() => told.size, { timeout: 10_000 }).toBe(500);
    await harness.close();
    harness = await start();
    await expect.poll(() => told.size, { timeout: 20_000 }).toBe(PERSONS);
  }, 40_000);

  it("tells of the job that members who leave are followed in", async () => {
    const scans = held(store);
    const { setAudienceStatus } = await run<{
      setAudienceStatus: { status: string; job: { id: string } | null };
    }>(`mutation($id:ID!){setAudienceStatus(id:$id,status:"inactive"){status job{id kind}}}`, {
      id: audienceId,
    });
    expect(setAudienceStatus).toMatchObject({
      status: "inactive",
      job: { kind: expect.stringContaining(audienceId) },
    });
    scans.letGo();
    await expect
      .poll(() => job(setAudienceStatus.job?.id ?? ""))
      .toMatchObject({ status: "done", done: PERSONS });
    expect(await run(`query($id:ID!){audience(id:$id){count job{id}}}`, { id: audienceId })).toEqual({
      audience: { count: 0, job: null },
    });
    await run(
      `mutation($id:ID!){setAudienceStatus(id:$id,status:"published"){status} evaluateAudiences{count}}`,
      {
        id: audienceId,
      },
    );
  }, 40_000);

  it("writes first files as a job", async () => {
    const destinationId = await destination("csv-local", { target: { folder: "out" } });
    const scans = held(store);
    const activation = await activate(destinationId);
    expect(activation).toMatchObject({ files: [], job: { status: "running" } });
    scans.letGo();
    const id = activation.job?.id ?? "";
    await expect.poll(() => job(id), { timeout: 10_000 }).toMatchObject({ status: "done" });
    expect(
      (await run<{ job: { result: object } }>(`query($id:ID!){job(id:$id){result}}`, { id })).job.result,
    ).toMatchObject([{ rows: PERSONS }]);
  }, 40_000);
});

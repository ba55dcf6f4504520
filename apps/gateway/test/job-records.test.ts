import { createMemoryStore, type HubStore } from "@tessera/profile-store";
import { expect, it } from "vitest";
import { createJobs, type Job, type Jobs } from "../src/jobs.ts";
import { type JobRecords, openJobRecords } from "../src/job-records.ts";
import { dataOf, type Harness, NOW, startHarness } from "./harness.ts";
import { inDatabase, withMongo } from "./mongo-gateways.ts";

const TOO_LONG = { timeout: 20_000 };

/** The jobs of one process, with their records in a store that others share. */
async function processOn(
  store: HubStore,
  more: { readonly isShared?: boolean; readonly clock?: () => number } = {},
): Promise<{ readonly jobs: Jobs; readonly records: JobRecords }> {
  const { isShared = true, clock = () => NOW } = more;
  let number = 0;
  const name = Math.random().toString(36).slice(2);
  const jobs = createJobs({ clock, newId: () => `${name}-${(number += 1)}`, onError: () => undefined });
  const records = await openJobRecords({
    sandbox: "prod",
    store,
    jobs,
    clock,
    isShared,
    leaseMs: 1_000,
    onError: (what, error) => {
      throw new Error(what, { cause: error });
    },
  });
  return { jobs, records };
}

/** Work that goes on, step by step, until it is let go. */
function endless(): { readonly work: Parameters<Jobs["start"]>[2]; readonly letGo: () => void } {
  let isOver = false;
  return {
    work: async (progress) => {
      for (let done = 1; !isOver; done += 1) {
        progress(done, 1_000_000);
        await new Promise((resolve) => setTimeout(resolve, 5));
      }
      return { found: 7 };
    },
    letGo: () => (isOver = true),
  };
}

const statusOf = async (records: JobRecords, id: string): Promise<string | undefined> =>
  (await records.get(id))?.status;

it("tells jobs of other processes, with their progress and their result", async () => {
  const store = createMemoryStore();
  const [one, other] = [await processOn(store), await processOn(store)];
  const told: Job[] = [];
  const unfollow = other.records.follow((job) => told.push(job));
  const { work, letGo } = endless();
  const { id } = one.jobs.start("prod", "long work", work);
  await expect.poll(async () => (await other.records.get(id))?.done ?? 0, TOO_LONG).toBeGreaterThan(1);
  expect((await other.records.list()).map((job) => [job.id, job.status])).toEqual([[id, "running"]]);
  letGo();
  await expect.poll(() => statusOf(other.records, id), TOO_LONG).toBe("done");
  expect(await other.records.get(id)).toMatchObject({
    kind: "long work",
    result: { found: 7 },
    endedAt: NOW,
  });
  await expect.poll(() => told.at(-1)?.status, TOO_LONG).toBe("done");
  expect(told.length).toBeGreaterThan(1);
  unfollow();
  for (const { jobs, records } of [one, other]) {
    await jobs.close();
    await records.close();
  }
});

it("stops a job of another process", async () => {
  const store = createMemoryStore();
  const [one, other] = [await processOn(store), await processOn(store)];
  const { id } = one.jobs.start("prod", "long work", endless().work);
  await expect.poll(() => statusOf(other.records, id), TOO_LONG).toBe("running");
  expect(await other.records.cancel(id)).toMatchObject({ id, status: "running" });
  await expect.poll(() => statusOf(other.records, id), TOO_LONG).toBe("cancelled");
  expect(one.jobs.get(id)?.status).toBe("cancelled");
  expect(await other.records.cancel("none")).toBeUndefined();
  await one.records.close();
  await other.records.close();
});

it("tells a job as failed whose process gives no sign of life", async () => {
  const store = createMemoryStore();
  let now = NOW;
  const clock = (): number => now;
  const [one, other] = [await processOn(store, { clock }), await processOn(store, { clock })];
  const { work, letGo } = endless();
  const { id } = one.jobs.start("prod", "long work", work);
  await expect.poll(() => statusOf(other.records, id), TOO_LONG).toBe("running");
  // it is not heard of any more: as for a process that was killed
  await one.records.close();
  now += 2_001;
  expect(await other.records.get(id)).toMatchObject({
    status: "failed",
    message: expect.stringContaining("process"),
  });
  letGo();
  await one.jobs.close();
  await other.records.close();
});

it("keeps no result that names persons, and none that is too long", async () => {
  const store = createMemoryStore();
  const { jobs, records } = await processOn(store);
  const named = jobs.start("prod", { kind: "rehearsal", namesPersons: true }, async () => ({
    sample: ["C-4711"],
  }));
  const long = jobs.start("prod", "export", async () => "x".repeat(300_000));
  await expect.poll(() => jobs.list("prod").every(({ status }) => status === "done")).toBe(true);
  expect((await records.get(named.id))?.result).toEqual({ sample: ["C-4711"] });
  await records.close();
  expect(JSON.stringify(await store.documents("job"))).not.toContain("C-4711");
  const { records: later } = await processOn(store, { isShared: false });
  for (const id of [named.id, long.id])
    expect(await later.get(id)).toMatchObject({
      status: "done",
      message: expect.stringContaining("not kept"),
    });
  await later.close();
});

it("forgets the oldest of more than a thousand", async () => {
  const store = createMemoryStore();
  let now = NOW;
  const { jobs, records } = await processOn(store, { isShared: false, clock: () => (now += 1) });
  for (let n = 0; n < 1_005; n += 1) jobs.start("prod", `job ${n}`, async () => n);
  await jobs.close();
  await records.close();
  expect((await store.documents("job")).length).toBe(1_000);
  expect((await records.list())[0]?.kind).toBe("job 1004");
});

it("survive a restart in the list, with their end", async () => {
  const store = createMemoryStore();
  const close = store.close.bind(store);
  store.close = async () => undefined;
  const ask = async <T>(harness: Harness, query: string): Promise<T> =>
    dataOf<T>(await harness.graphql(query));
  const first = await startHarness({}, store);
  const { startRebuild } = await ask<{ startRebuild: { id: string } }>(first, "mutation{startRebuild{id}}");
  const job = (harness: Harness): Promise<{ job: object }> =>
    ask(harness, `{job(id:"${startRebuild.id}"){kind status result message endedAt}}`);
  await expect.poll(async () => (await job(first)).job).toMatchObject({ status: "done" });
  const before = await job(first);
  await first.close();
  const second = await startHarness({}, store);
  expect(await job(second)).toEqual(before);
  expect(await ask(second, '{jobs{id} jobConnection(statuses:["done"]){totalCount}}')).toEqual({
    jobs: [{ id: startRebuild.id }],
    jobConnection: { totalCount: 1 },
  });
  await second.close();
  await close();
});

withMongo("jobs of gateways that share a store", (uri) => {
  it("are seen, followed and stopped by every one", TOO_LONG, () =>
    inDatabase(uri, async (store) => {
      const [one, other] = [await processOn(store), await processOn(store)];
      const { id } = one.jobs.start("prod", "long work", endless().work);
      await expect.poll(() => statusOf(other.records, id), TOO_LONG).toBe("running");
      await other.records.cancel(id);
      await expect.poll(() => statusOf(other.records, id), TOO_LONG).toBe("cancelled");
      await one.records.close();
      await other.records.close();
    }),
  );
});

import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createHub } from "@tessera/hub";
import { createMemoryStore } from "@tessera/profile-store";
import { openSqliteStore } from "@tessera/store-sqlite";
import { afterAll, describe, expect, it, vi } from "vitest";
import { writeDocuments } from "../src/documents.ts";
import { createJobs } from "../src/jobs.ts";
import { createEvaluationRuns } from "../src/schedules/evaluation-runs.ts";
import { dataOf, NOW, startHarness, viewEvent } from "./harness.ts";

const folder = mkdtempSync(join(tmpdir(), "tessera-runs-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const newJobs = () => {
  let ids = 0;
  return createJobs({ clock: () => NOW, newId: () => `job-${(ids += 1)}`, onError: () => undefined });
};
const exports = { afterEvaluation: async () => 0 };

describe("evaluations as jobs", () => {
  it("a gateway goes on with what the one before it left behind", async () => {
    const path = join(folder, "left.db");
    const first = await startHarness({}, openSqliteStore({ path }));
    const made = dataOf<{ createAudience: { id: string } }>(
      await first.graphql(
        `mutation{createAudience(input:{name:"Viewers",evaluation:"batch",expression:{value:"xEvent.exists(eventType = \\"commerce.productViews\\")"}}){id}}`,
      ),
    );
    const { id } = made.createAudience;
    await first.request("/collect/events?datasetId=web", {
      method: "POST",
      body: JSON.stringify([viewEvent("1", "a1")]),
    });
    const left = { kind: "evaluationRun", id: "left" };
    await writeDocuments(first.store, [{ ...left, body: { audienceIds: [id, "one that was deleted"] } }]);
    await first.close();

    const second = await startHarness({}, openSqliteStore({ path }));
    await vi.waitFor(
      async () => {
        const answer = dataOf<{ jobs: readonly { status: string; kind: string }[] }>(
          await second.graphql("{jobs{status kind}}"),
        );
        expect(answer.jobs).toEqual([{ status: "done", kind: `evaluate ${id}` }]);
      },
      { timeout: 20_000, interval: 50 },
    );
    const { audience } = dataOf<{ audience: { count: number } }>(
      await second.graphql("query($id:ID!){audience(id:$id){count}}", { id }),
    );
    expect(audience.count).toBe(1);
    expect(await second.store.documents("evaluationRun")).toEqual([]);
    await second.close();
  });

  it.each([
    { how: "was cancelled", closes: false, notes: 0 },
    { how: "was broken off by the end of the process", closes: true, notes: 1 },
  ])("a run that $how leaves $notes notes", async ({ closes, notes }) => {
    const store = createMemoryStore();
    const jobs = newJobs();
    const hub = await createHub({ store, clock: () => NOW, newId: () => "id" });
    const endless: typeof hub.evaluateAudiences = async (_ids, progress) => {
      for (;;) {
        progress?.(1, 2);
        await new Promise((resolve) => setImmediate(resolve));
      }
    };
    const sandbox = { name: "prod", store, hub: { ...hub, evaluateAudiences: endless } };
    const runs = createEvaluationRuns({ sandbox, exports, jobs, keeps: true });
    const { id } = runs.start(undefined);
    expect(runs.start(undefined).id).toBe(id);
    await vi.waitFor(() => expect(jobs.get(id)?.total).toBe(2));
    if (closes) runs.close();
    await jobs.finish("prod");
    expect(await store.documents("evaluationRun")).toHaveLength(notes);
  });

  it("a run that is refused says why", async () => {
    const store = createMemoryStore();
    const jobs = newJobs();
    const hub = await createHub({ store, clock: () => NOW, newId: () => "id" });
    const runs = createEvaluationRuns({ sandbox: { name: "prod", store, hub }, exports, jobs, keeps: true });
    const { id } = runs.start(["no such audience"]);
    await vi.waitFor(() => expect(jobs.get(id)?.status).toBe("failed"));
    expect(jobs.get(id)?.message).toContain("No such published audience");
  });
});

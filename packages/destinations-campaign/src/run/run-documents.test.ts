import { describe, expect, it } from "vitest";
import { runDocumentCases } from "../conformance/index.ts";
import { createMemoryRunDocuments, createRunLedger } from "../index.ts";

describe("documents in memory", () => {
  const cases = runDocumentCases(() => {
    const documents = createMemoryRunDocuments();
    return Promise.resolve(() => documents);
  });
  for (const { name, run } of cases) it(name, run);
});

describe("the suite finds a store that", () => {
  const memory = createMemoryRunDocuments();
  const broken = {
    "does not look at the version": () => {
      const documents = createMemoryRunDocuments();
      return {
        ...documents,
        write: async (id: string, body: object) =>
          documents.write(id, { ...body }, (await documents.read(id))?.version ?? 0),
      };
    },
    forgets: () => ({ ...memory, read: () => Promise.resolve(undefined) }),
  };
  it.each(Object.entries(broken))("%s", async (_, make) => {
    const cases = runDocumentCases(() => {
      const documents = make();
      return Promise.resolve(() => documents);
    });
    const failures = await Promise.allSettled(cases.map(({ run }) => run()));
    expect(failures.filter(({ status }) => status === "rejected").length).toBeGreaterThan(0);
  });
});

it("a ledger reads a damaged document as never run", async () => {
  const documents = createMemoryRunDocuments();
  const series = { dataflowId: "f", audienceId: "a" };
  await documents.write(
    "f/a",
    { history: { exportedUntil: "soon", mapping: 3 }, lastSlot: 1, run: ["x"] },
    0,
  );
  const ledger = createRunLedger(documents);
  expect(await ledger.state(series)).toEqual({ history: {} });
  const claim = { token: "t", now: "2026-02-01T06:00:00Z", leasedUntil: "2026-02-01T06:15:00Z" };
  expect(await ledger.claim(series, "2026-02-01T06:00:00.000Z", claim)).toMatchObject({ redone: false });
});

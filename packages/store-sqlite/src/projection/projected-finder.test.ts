import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DEFAULT_MERGE_POLICY } from "@tessera/profile-store";
import { personFinderCases } from "@tessera/profile-store/conformance";
import { afterAll, describe, expect, test } from "vitest";
import { createProjectedFinder, openSqliteStore } from "../index.ts";

const folder = mkdtempSync(join(tmpdir(), "tessera-finder-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
let files = 0;

describe("finding persons by the columns of a projection", () => {
  for (const { name, run } of personFinderCases)
    test(name, () =>
      run(async () => {
        const store = openSqliteStore({ path: join(folder, `${(files += 1)}.db`), synchronous: "normal" });
        const projection = store.openProjection({ threads: 2 });
        return {
          store,
          finder: createProjectedFinder(projection),
          close: async () => {
            await projection.close();
            await store.close();
          },
        };
      }),
    );

  test("nobody is kept waiting for an evaluation", async () => {
    const store = openSqliteStore({ path: join(folder, "busy.db"), synchronous: "normal" });
    const projection = store.openProjection({ threads: 1 });
    const finder = createProjectedFinder(projection);
    const ask = (): ReturnType<typeof finder.find> =>
      finder.find({
        condition: { kind: "in", path: "tier", values: ["gold"] },
        policy: DEFAULT_MERGE_POLICY,
        after: "",
        limit: 1,
      });
    const filling = finder.index(["tier"], { policy: DEFAULT_MERGE_POLICY });
    expect(await ask()).toBeUndefined();
    await filling;
    expect(await ask()).toEqual([]);
    await projection.close();
    await store.close();
  });
});

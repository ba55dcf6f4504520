import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { openSqliteStore } from "@tessera/store-sqlite";
import { expect, it } from "vitest";
import { dataOf, startHarness } from "./harness.ts";

it("answers others while someone searches among everyone", async () => {
  const folder = mkdtempSync(join(tmpdir(), "tessera-turns-"));
  const harness = await startHarness(
    {},
    openSqliteStore({ path: join(folder, "t.db"), synchronous: "normal" }),
  );
  const records = Array.from({ length: 6_000 }, (_, n) => ({
    identityMap: { CRMID: [{ id: `C${n}`, primary: true }] },
    loyalty: { points: n },
  }));
  await harness.request("/collect/records?datasetId=crm", { method: "POST", body: JSON.stringify(records) });
  let isSearching = true;
  const searching = harness
    .graphql(`query($w:String!){searchProfiles(where:$w){plan{examined}}}`, { w: "loyalty.points = -1" })
    .finally(() => (isSearching = false));
  let answered = 0;
  while (isSearching) {
    await fetch(`${harness.url}/healthz`);
    if (isSearching) answered += 1;
  }
  expect(dataOf<{ searchProfiles: object }>(await searching).searchProfiles).toEqual({
    plan: { examined: 6_000 },
  });
  // every page of the walk lets in whoever waits
  expect(answered).toBeGreaterThan(1);
  await harness.close();
  rmSync(folder, { recursive: true, force: true });
}, 30_000);

it("runs a few searches at once, and turns away those that would wait for long", async () => {
  const harness = await startHarness();
  const scan = harness.store.scan.bind(harness.store);
  let letGo = (): void => undefined;
  const held = new Promise<void>((resolve) => (letGo = resolve));
  harness.store.scan = async (...asked) => {
    await held;
    return scan(...asked);
  };
  let refused = 0;
  const searches = Array.from({ length: 60 }, async () => {
    const answer = await harness.graphql(`{searchProfiles(where:"a = 1"){examined}}`);
    if (answer.errors !== undefined) refused += 1;
    return answer;
  });
  await expect.poll(() => refused, { timeout: 10_000 }).toBe(6);
  letGo();
  const codes = (await Promise.all(searches)).map(({ errors }) => errors?.[0]?.extensions.code);
  expect(codes.filter((code) => code === undefined)).toHaveLength(54);
  expect(codes.filter((code) => code === "UNAVAILABLE")).toHaveLength(6);
  const long = await harness.graphql(`query($w:String!){searchProfiles(where:$w){examined}}`, {
    w: Array.from({ length: 5_000 }, (_, n) => `a = ${n}`).join(" or "),
  });
  expect(long.errors?.[0]?.extensions.code).toBe("TOO_MUCH");
  await harness.close();
});

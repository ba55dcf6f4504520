import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { copyStore } from "@tessera/profile-store";
import { openSqliteStore } from "@tessera/store-sqlite";
import { afterAll, expect, it } from "vitest";
import { dataOf, startHarness, viewEvent } from "./harness.ts";

const folder = mkdtempSync(join(tmpdir(), "tessera-migrate-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

it("moves a sandbox to another store: persons, memberships and definitions answer as before, also cut short once", async () => {
  const before = await startHarness();
  const events = Array.from({ length: 1_500 }, (_, n) => viewEvent(`e${n}`, `C${n % 40}`));
  await before.request("/collect/events?datasetId=web", { method: "POST", body: JSON.stringify(events) });
  const expression = { value: 'chain(xEvent, timestamp, [A: WHAT(eventType = "commerce.productViews")])' };
  dataOf(
    await before.graphql(`mutation($i:CreateAudienceInput!){createAudience(input:$i){id}}`, {
      i: { name: "Viewers", expression },
    }),
  );
  dataOf(await before.graphql(`mutation{evaluateAudiences{count}}`));
  const question = `{audiences{name count} totals{persons events identities} profile(identity:{namespace:"CRMID",id:"C7"}){personId eventCount memberships{status} identities{id}}}`;
  const told = await before.graphql(question);
  const target = openSqliteStore({ path: join(folder, "moved.db") });
  let cut: string | undefined;
  const stop = copyStore(before.store, target, {
    onPage: (_copied, next) => {
      cut = next;
      throw new Error("cut short");
    },
  });
  await expect(stop).rejects.toThrow("cut short");
  if (cut === undefined) throw new Error("There was more than one page to copy.");
  await copyStore(before.store, target, { after: cut });
  await before.close();
  const after = await startHarness({}, target);
  expect(await after.graphql(question)).toEqual(told);
  const again = await after.request("/collect/events?datasetId=web", {
    method: "POST",
    body: JSON.stringify(events.slice(0, 10)),
  });
  expect(await again.json()).toMatchObject({ accepted: 0, duplicates: 10 });
  await after.close();
});

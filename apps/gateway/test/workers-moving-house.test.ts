import { type ChildProcess, spawn } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { createHub } from "@tessera/hub";
import type { HubStore } from "@tessera/profile-store";
import { openSqliteStore } from "@tessera/store-sqlite";
import { canonicalJson, type JsonValue } from "@tessera/xdm";
import { expect, test } from "vitest";
import { NOW, viewEvent } from "./harness.ts";
import { inDatabase, withMongo } from "./mongo-gateways.ts";

const COMMAND = fileURLToPath(new URL("../src/commands/migrate-store.ts", import.meta.url));
const EVENTS = 4_000;
const PERSONS = 300;

function start(args: readonly string[]): { readonly child: ChildProcess; readonly ended: Promise<string> } {
  const child = spawn(process.execPath, ["--conditions=@tessera/source", COMMAND, ...args], {
    env: { ...process.env, NODE_OPTIONS: "" },
  });
  let text = "";
  for (const stream of [child.stdout, child.stderr])
    stream.on("data", (piece: Buffer) => (text += piece.toString()));
  const ended = new Promise<string>((resolve) =>
    child.on("close", (code, signal) => resolve(`${text}\n${code ?? signal}`)),
  );
  return { child, ended };
}

function plain(_name: string, value: unknown): unknown {
  return value instanceof Uint8Array ? [...value] : value;
}

/** All that a store holds, as texts in one order. */
async function contentOf(store: HubStore): Promise<readonly string[]> {
  const items: string[] = [];
  for (let after: string | undefined; ;) {
    const page = await store.exportItems({ limit: 1_000, ...(after === undefined ? {} : { after }) });
    for (const item of page.items)
      items.push(canonicalJson(JSON.parse(JSON.stringify(item, plain)) as JsonValue));
    if (page.next === undefined) return items.sort();
    after = page.next;
  }
}

async function fill(path: string): Promise<readonly string[]> {
  const store = openSqliteStore({ path });
  const hub = await createHub({ store, clock: () => NOW, newId: () => "an-audience" });
  const made = await hub.createAudience({
    name: "Viewers",
    expression: {
      type: "PQL",
      format: "pql/text",
      value: 'select X from xEvent where X.eventType = "commerce.productViews"',
    },
    status: "published",
  });
  expect(made).toMatchObject({ ok: true });
  const events = Array.from({ length: EVENTS }, (_, index) => viewEvent(`e${index}`, `C${index % PERSONS}`));
  await hub.ingestEvents("web", events);
  await hub.ingestRecords("crm", [
    {
      identityMap: { CRMID: [{ id: "C1", primary: true }] },
      "odd.name$": "\u{1f600}\ufffd",
      person: { name: "Ada" },
    },
    { nothing: "that says who" },
  ]);
  const content = await contentOf(store);
  await store.close();
  return content;
}

withMongo("moving house", (uri) => {
  test(
    "from SQLite to MongoDB, killed in the middle and run again, and back: nothing is lost or changed",
    { timeout: 240_000 },
    async () => {
      const folder = mkdtempSync(join(tmpdir(), "tessera-move-"));
      const [first, second] = [join(folder, "first.db"), join(folder, "second.db")];
      const content = await fill(first);
      await inDatabase(uri, async (store, own) => {
        const there = ["--from", `sqlite:${first}`, "--to", own, "--progress", join(folder, "there.json")];
        const killed = start(there);
        killed.child.stderr?.on("data", (piece: Buffer) => {
          if (piece.toString().includes("items copied")) killed.child.kill("SIGKILL");
        });
        expect(await killed.ended).toMatch(/SIGKILL$/);
        const some = (await contentOf(store)).length;
        expect(some).toBeGreaterThan(0);
        expect(some).toBeLessThan(content.length);

        const again = await start(there).ended;
        expect(again).toContain("going on where it stopped");
        expect(again).toMatch(/All of it is there\.\n\n?0$/);
        expect(await contentOf(store)).toEqual(content);

        const back = await start([
          "--from",
          own,
          "--to",
          `sqlite:${second}`,
          "--progress",
          join(folder, "back.json"),
        ]).ended;
        expect(back).toMatch(/All of it is there\.\n\n?0$/);
        const returned = openSqliteStore({ path: second });
        expect(await contentOf(returned)).toEqual(content);
        await returned.close();

        const twice = await start(there).ended;
        expect(twice).toContain("is not empty");
        expect(twice).toMatch(/1$/);
      });
      rmSync(folder, { recursive: true, force: true });
    },
  );
});

test("a move that is not said clearly is not begun", async () => {
  const { ended } = start(["--from", "memory:", "--to", "sqlite:x.db"]);
  expect(await ended).toContain("A memory store ends with its process");
});

import { execFile } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { openSqliteStore } from "@tessera/store-sqlite";
import { canonicalJson, type JsonValue } from "@tessera/xdm";
import { afterAll, beforeAll, expect, test } from "vitest";
import { everyoneIn } from "./everyone.ts";
import { bundled, inDatabase, withMongo } from "./mongo-gateways.ts";

const DEMO = fileURLToPath(new URL("../src/demo/demo.ts", import.meta.url));
const PERSONS = 200;
const run = promisify(execFile);

withMongo("the demo on MongoDB", (uri) => {
  const folder = mkdtempSync(join(tmpdir(), "tessera-demo-"));
  let program = "";
  beforeAll(async () => {
    program = await bundled(DEMO);
  });
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  const demo = async (name: string, store: string): Promise<object> => {
    const cwd = join(folder, name);
    mkdirSync(cwd);
    const { stdout } = await run(
      process.execPath,
      [program, "--json", "--now=2026-03-01T12:00:00Z", `--persons=${PERSONS}`],
      { cwd, env: { ...process.env, NODE_OPTIONS: "", TESSERA_STORE: store }, timeout: 120_000 },
    );
    const { seconds: _seconds, ...summary } = JSON.parse(stdout) as { readonly seconds: number };
    return summary;
  };

  test("gives the same persons and the same memberships as on SQLite, byte for byte", async () => {
    const told = await demo("sqlite", "sqlite:store.db");
    const sqlite = openSqliteStore({ path: join(folder, "sqlite", "store.db") });
    const expected = (await everyoneIn(sqlite)).map((person) => canonicalJson(person as JsonValue));
    await sqlite.close();
    expect(expected.length).toBeGreaterThanOrEqual(PERSONS);
    expect(expected.filter((person) => person.includes('"realized"')).length).toBeGreaterThan(PERSONS / 10);

    await inDatabase(uri, async (store, own) => {
      expect(await demo("mongodb", own)).toEqual(told);
      const came = (await everyoneIn(store)).map((person) => canonicalJson(person as JsonValue));
      expect(came.join("\n")).toBe(expected.join("\n"));
    });
  }, 240_000);
});

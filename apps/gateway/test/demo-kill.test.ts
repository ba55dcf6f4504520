import { execFile, spawn } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { openSqliteStore } from "@tessera/store-sqlite";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { everyoneIn } from "./everyone.ts";

const ROOT = fileURLToPath(new URL("../../..", import.meta.url));
const ROWS = 6_000;
const NOW = "2026-01-01T03:00:00Z";
/** The import is killed when its progress bar has told this many rows for the first time. */
const KILLED_AT = [1, 1_500, 4_000];

/** An event log in the REES46 form: customers with several sessions, equal rows, and rows that cannot be read. */
function eventLog(): string {
  const lines = [
    "event_time,event_type,product_id,category_id,category_code,brand,price,user_id,user_session",
  ];
  let state = 7;
  const random = (below: number): number => (state = (state * 48_271) % 2_147_483_647) % below;
  for (let row = 0; row < ROWS; row++) {
    const second = Math.floor((row * 10_000) / ROWS);
    const time = new Date(Date.parse("2026-01-01T00:00:00Z") + second * 1_000);
    const user = 1 + random(900);
    const type = ["view", "view", "view", "cart", "purchase"][random(5)];
    lines.push(
      `${time.toISOString().slice(0, 19).replace("T", " ")} UTC,${type},${random(50)},7,a.b,brand,${random(99)}.50,${user},s${user}-${random(3)}`,
    );
    if (row % 1_000 === 0) lines.push(lines.at(-1) ?? "");
  }
  lines.splice(2_000, 0, "yesterday,view,1,7,a.b,brand,1.00,5,s5-1", "2026-01-01 00:40:00 UTC,view,1");
  return `${lines.join("\n")}\n`;
}

describe("an import that is killed and run again", () => {
  const folder = mkdtempSync(join(tmpdir(), "tessera-demo-"));
  const log = join(folder, "log.csv");
  beforeAll(async () => {
    writeFileSync(log, eventLog());
    await promisify(execFile)(
      join(ROOT, "node_modules/.bin/turbo"),
      ["run", "build", "--filter=@tessera/gateway"],
      { cwd: ROOT, env: { ...process.env, TURBO_TELEMETRY_DISABLED: "1" } },
    );
  }, 240_000);
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  const start = (name: string) => {
    mkdirSync(join(folder, name), { recursive: true });
    return spawn(
      process.execPath,
      [join(ROOT, "apps/gateway/dist/demo/demo.js"), "--events", log, "--now", NOW, "--json"],
      {
        cwd: join(folder, name),
        env: { ...process.env, NODE_OPTIONS: "", TESSERA_STORE: "sqlite:store.db" },
      },
    );
  };
  const finish = async (name: string) => {
    const child = start(name);
    let [out, err] = ["", ""];
    child.stdout.on("data", (piece: Buffer) => (out += piece.toString()));
    child.stderr.on("data", (piece: Buffer) => (err += piece.toString()));
    const code = await new Promise((resolve) => child.on("close", resolve));
    expect(code, err).toBe(0);
    const { seconds: _seconds, ...summary } = JSON.parse(out) as Record<string, unknown>;
    return { summary, err };
  };
  const killWhen = (name: string, rows: number): Promise<void> => {
    const child = start(name);
    let text = "";
    child.stderr.on("data", (piece: Buffer) => {
      text += piece.toString();
      const told = [...text.matchAll(/([\d,]+) of /g)].map(([, count]) => Number(count?.replaceAll(",", "")));
      if (told.some((count) => count >= rows)) child.kill("SIGKILL");
    });
    return new Promise((resolve) =>
      child.on("close", (_code, signal) => {
        expect(signal).toBe("SIGKILL");
        resolve();
      }),
    );
  };
  const everyone = async (name: string): Promise<readonly unknown[]> => {
    const store = openSqliteStore({ path: join(folder, name, "store.db") });
    try {
      return await everyoneIn(store);
    } finally {
      await store.close();
    }
  };

  it("ends with the same persons, events and memberships as an undisturbed one", async () => {
    const undisturbed = await finish("undisturbed");
    expect(undisturbed.summary).toMatchObject({ accepted: ROWS + 6, duplicates: 0, rejected: 2 });
    expect(undisturbed.err).toMatch(/line 2001: .*\n.*line 2002: /s);

    for (const rows of KILLED_AT) await killWhen("killed", rows);
    const again = await finish("killed");
    const { accepted, duplicates, ...rest } = again.summary;
    expect(Number(accepted) + Number(duplicates)).toBe(ROWS + 6);
    expect(duplicates).toBeGreaterThan(0);
    expect(undisturbed.summary).toMatchObject(rest);
    const persons = await everyone("killed");
    expect(persons.length).toBe(rest["persons"]);
    expect(JSON.stringify(persons)).toContain('"name":"Purchasers"');
    expect(persons).toEqual(await everyone("undisturbed"));
  }, 120_000);
});

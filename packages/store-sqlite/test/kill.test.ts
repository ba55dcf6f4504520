import { spawn } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, expect, test } from "vitest";
import { openSqliteStore } from "../src/index.ts";

const WRITER = fileURLToPath(new URL("./writer.ts", import.meta.url));
const WRITERS = ["w1", "w2", "w3", "w4"];
const EVENTS = 20;
/** TESSERA_KILL_ROUNDS=200 tries longer; TESSERA_KILL_SEED=… tries the same moments again. */
const ROUNDS = Number(process.env["TESSERA_KILL_ROUNDS"] ?? 8);
const SEED = Number(process.env["TESSERA_KILL_SEED"] ?? Date.now() % 2 ** 31);
const MOST_ACKNOWLEDGED = 400;
const LATEST_MS = 12;

const folder = mkdtempSync(join(tmpdir(), "tessera-kill-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

test(
  "SIGKILL at any moment loses nothing acknowledged and leaves no half commit",
  { timeout: 30_000 + ROUNDS * 5000 },
  async () => {
    const path = join(folder, "store.db");
    const acknowledged = new Map<string, number>();
    const next = moments(SEED);
    for (let round = 0; round < ROUNDS; round += 1) {
      const [after, later] = next();
      const before = total(acknowledged);
      await writeAndKill(path, { after, later }, acknowledged);
      expect(total(acknowledged), `seed ${SEED}`).toBeGreaterThan(before);
      await verify(path, acknowledged);
    }
  },
);

/** Random moments of a seed: after how many acknowledgements to kill, and how many milliseconds later. */
function moments(seed: number): () => readonly [after: number, later: number] {
  let state = seed;
  const below = (limit: number): number => {
    state = (Math.imul(state, 1_103_515_245) + 12_345) & 0x7fffffff;
    return (state >>> 8) % limit;
  };
  return () => [1 + below(MOST_ACKNOWLEDGED), below(LATEST_MS)];
}

/** Runs the writer, kills it, and adds what it said was acknowledged. */
async function writeAndKill(
  path: string,
  moment: { readonly after: number; readonly later: number },
  acknowledged: Map<string, number>,
): Promise<void> {
  const child = spawn(process.execPath, ["--conditions=@tessera/source", WRITER, path], {
    stdio: ["ignore", "pipe", "pipe"],
  });
  let lines = 0;
  let rest = "";
  let errors = "";
  child.stderr.on("data", (chunk: Buffer) => (errors += chunk.toString()));
  child.stdout.on("data", (chunk: Buffer) => {
    const parts = (rest + chunk.toString()).split("\n");
    rest = parts.pop() ?? "";
    for (const part of parts) {
      const [writer = "", batch] = part.split(" ");
      acknowledged.set(writer, Number(batch));
    }
    const reached = lines < moment.after && lines + parts.length >= moment.after;
    lines += parts.length;
    if (reached) setTimeout(() => child.kill("SIGKILL"), moment.later);
  });
  const signal = await new Promise((resolve) => child.on("close", (_code, ended) => resolve(ended)));
  expect(signal, errors).toBe("SIGKILL");
}

/** Opens the file as it was left and asks every part of it for the same story. */
async function verify(path: string, acknowledged: ReadonlyMap<string, number>): Promise<void> {
  const store = openSqliteStore({ path });
  try {
    let batches = 0;
    for (const writer of WRITERS) {
      const batch = acknowledged.get(writer) ?? 0;
      const owner = `W:${writer}`;
      const seen = await store.load([owner, `V:${writer}`], []);
      const person = seen.persons.get(writer);
      const version = person?.version ?? 0;
      expect(version).toBeGreaterThanOrEqual(batch);
      // At most one commit of a writer was on its way when it died.
      expect(version).toBeLessThanOrEqual(batch + 1);
      batches += version;
      expect(person?.eventCount).toBe(version * EVENTS);
      expect(person?.graph).toEqual({ batch: version });
      expect(person?.fragments.map(({ body }) => body)).toEqual([{ batch: version }]);
      expect(seen.personOf.has(`V:${writer}`)).toBe(version % 2 === 0);
      expect(new Set((await store.events([owner])).map((event) => event.id)).size).toBe(version * EVENTS);
      expect(await store.records([owner])).toHaveLength(version);
      expect(await store.membershipLog(writer)).toHaveLength(version);
      expect(await store.outbox(writer, 0, 1e9)).toHaveLength(version);
      expect((await store.counters())[writer]).toBe(version);
    }
    expect(await store.totals()).toMatchObject({ events: batches * EVENTS, records: batches });
  } finally {
    await store.close();
  }
}

function total(acknowledged: ReadonlyMap<string, number>): number {
  return [...acknowledged.values()].reduce((sum, batch) => sum + batch, 0);
}

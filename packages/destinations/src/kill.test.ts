import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { expect, it } from "vitest";
import { misbehavingServer } from "../test/misbehaving-server.ts";
import { outboxItem } from "./conformance/index.ts";
import type { OutboxItem } from "./index.ts";

const WORKER = fileURLToPath(new URL("../test/delivery-worker.ts", import.meta.url));
const PERSONS = 20;
const EACH = 15;

it("loses nothing and keeps each person's order when workers are killed with SIGKILL in the middle of it", async () => {
  const folder = mkdtempSync(join(tmpdir(), "tessera-delivery-"));
  const items = Array.from({ length: PERSONS * EACH }, (_, index): OutboxItem => {
    const person = `p${index % PERSONS}`;
    const n = Math.floor(index / PERSONS);
    const item = outboxItem(`${person}-${n}`, [person]);
    if (item.payload.kind !== "profile") throw new Error("not a profile");
    return {
      ...item,
      payload: { kind: "profile", item: { ...item.payload.item, attributes: { person, n } } },
    };
  });
  writeFileSync(join(folder, "queue.ndjson"), items.map((item) => `${JSON.stringify(item)}\n`).join(""));
  const read = (name: string): readonly string[] =>
    existsSync(join(folder, name))
      ? readFileSync(join(folder, name), "utf8").split("\n").filter(Boolean)
      : [];

  let calls = 0;
  let kill = (): void => undefined;
  const server = await misbehavingServer(() => {
    calls += 1;
    if (calls % 12 === 0) kill();
    return "ok";
  }, new Set());
  let deaths = 0;
  try {
    while (new Set(read("acknowledged.txt")).size < items.length && deaths < 30) {
      const worker = spawn(
        process.execPath,
        ["--conditions=@tessera/source", "--experimental-strip-types", WORKER, folder, server.url],
        { stdio: "ignore" },
      );
      kill = () => worker.kill("SIGKILL");
      const ended = once(worker, "exit").then(() => "ended");
      for (;;) {
        const state = await Promise.race([ended, new Promise((resolve) => setTimeout(resolve, 20))]);
        if (state === "ended") break;
        if (new Set(read("acknowledged.txt")).size === items.length) kill();
      }
      deaths += 1;
    }
  } finally {
    kill();
    await server.close();
  }
  expect(deaths).toBeGreaterThan(3);
  const journal = read("journal.txt").map((line) => line.split(" "));
  expect(new Set(journal.map(([id]) => id)).size).toBe(items.length);
  expect(journal.every(([, kind]) => kind === "delivered")).toBe(true);
  for (let person = 0; person < PERSONS; person += 1) {
    expect(server.taken.get(`p${person}`)).toEqual(Array.from({ length: EACH }, (_, n) => n));
  }
  rmSync(folder, { recursive: true });
}, 60_000);

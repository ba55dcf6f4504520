// node --conditions=@tessera/source bench/hub/kill.ts [--rounds 20] [--seed 1] [--json]
// A real process takes in events through the whole flow, several requests at once; it is killed at random moments, again
// and again. After each kill: every acknowledged event is there, and a rebuild from the truth gives the very same persons.
import { spawn } from "node:child_process";
import { mkdtempSync, rmSync, writeSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { createHub } from "@tessera/hub";
import type { HubStore, PersonState } from "@tessera/profile-store";
import { openSqliteStore } from "@tessera/store-sqlite";
import { type Figure, mustEqual, print } from "../stores/measure.ts";
import { audienceQueries, eventOf, random, recordOf } from "./workload.ts";

const { values } = parseArgs({
  options: {
    rounds: { type: "string", default: "20" },
    seed: { type: "string", default: "1" },
    write: { type: "string" },
    json: { type: "boolean", default: false },
  },
});
const START = Date.parse("2026-02-01T00:00:00Z");
const PERSONS = 200;
const AT_ONCE = 4;
const BATCH = 40;
const AUDIENCES = 40;

if (values.write === undefined) await supervise();
else await write(values.write);

/** Time as the store tells it: later than all that was ever taken in. */
function clockFrom(events: number): () => number {
  let ticks = 0;
  return () => START + events * 1000 + (ticks += 1);
}

/** The process that is killed. Each line it prints is a batch that was acknowledged. */
async function write(path: string): Promise<void> {
  const store = openSqliteStore({ path });
  const { events: before } = await store.totals();
  const clock = clockFrom(before);
  let ids = 0;
  const hub = await createHub({ store, clock, newId: () => `id-${before}-${(ids += 1)}` });
  if ((await hub.audiences()).length === 0) {
    for (const [index, value] of audienceQueries()
      .filter((_, number) => number % 5 === 0)
      .entries()) {
      if (index >= AUDIENCES) break;
      const expression = { type: "PQL", format: "pql/text", value } as const;
      await hub.createAudience({ name: `a${index}`, expression, evaluation: "streaming" });
    }
  }
  const next = random(before + 1);
  let number = before;
  const worker = async (): Promise<void> => {
    for (;;) {
      const events = Array.from({ length: BATCH }, () => {
        number += 1;
        // Some come late.
        const late = next() < 0.1 ? Math.floor(next() * 100_000) : 0;
        const event = eventOf(number, Math.floor(next() * PERSONS), START + number * 1000 - late);
        return { ...event, _id: `e${before}-${number}` };
      });
      if (next() < 0.3) await hub.ingestRecords("crm", [recordOf(Math.floor(next() * PERSONS))]);
      const { accepted } = await hub.ingestEvents("web", events);
      mustEqual("accepted", accepted, BATCH);
      writeSync(1, `${events.map(({ _id }) => _id).join(" ")}\n`);
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, worker));
}

async function supervise(): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), "tessera-kill-hub-"));
  const path = join(folder, "store.db");
  const acknowledged = new Set<string>();
  const next = random(Number(values.seed));
  try {
    for (let round = 0; round < Number(values.rounds); round += 1) {
      await runAndKill(path, acknowledged, { after: 1 + Math.floor(next() * 60), later: next() * 40 });
      await verify(path, acknowledged);
    }
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
  const figures: Figure[] = [
    { what: "kills", value: Number(values.rounds), unit: "" },
    {
      what: "acknowledged events, all of them there after each kill",
      value: acknowledged.size,
      unit: "events",
    },
  ];
  print("SIGKILL at random moments under load: nothing acknowledged is lost, no half person", figures);
}

async function runAndKill(
  path: string,
  acknowledged: Set<string>,
  moment: { readonly after: number; readonly later: number },
): Promise<void> {
  const script = fileURLToPath(import.meta.url);
  const child = spawn(process.execPath, ["--conditions=@tessera/source", script, "--write", path], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  let lines = 0;
  let rest = "";
  child.stdout.on("data", (chunk: Buffer) => {
    const parts = (rest + chunk.toString()).split("\n");
    rest = parts.pop() ?? "";
    for (const part of parts) for (const id of part.split(" ")) acknowledged.add(id);
    const reached = lines < moment.after && lines + parts.length >= moment.after;
    lines += parts.length;
    if (reached) setTimeout(() => child.kill("SIGKILL"), moment.later);
  });
  const signal = await new Promise((resolve) => child.on("close", (_code, ended) => resolve(ended)));
  mustEqual("ended by", signal, "SIGKILL");
}

async function verify(path: string, acknowledged: ReadonlySet<string>): Promise<void> {
  const store = openSqliteStore({ path });
  try {
    const { knownEvents } = await store.load([], [...acknowledged]);
    mustEqual("acknowledged events that are there", knownEvents.size, acknowledged.size);
    const { events } = await store.totals();
    const clock = clockFrom(events);
    const hub = await createHub({ store, clock, newId: () => "unused" });
    while ((await hub.runTimers()) > 0);
    const before = await derived(store);
    await hub.rebuild();
    while ((await hub.runTimers()) > 0);
    mustEqual("persons and members from the truth alone", await derived(store), before);
  } finally {
    await store.close();
  }
}

/** Persons and counters without what only counts writes and evaluations. */
async function derived(store: HubStore): Promise<unknown> {
  const persons = await store.scan("", 100_000);
  return {
    persons: persons.map(
      ({
        version: _version,
        evaluatedAt: _at,
        nextChangeAt: _next,
        eventState: _state,
        ...person
      }: PersonState) => person,
    ),
    counters: await store.counters(),
  };
}

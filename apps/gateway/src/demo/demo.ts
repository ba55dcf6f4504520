import { readFile } from "node:fs/promises";
import { randomBytes } from "node:crypto";
import { DEFAULT_CONFIG, parseStoreAddress } from "../config.ts";
import { startGateway } from "../server.ts";
import { EVENT_LOG_AUDIENCES, SHOP_AUDIENCES } from "./demo-audiences.ts";
import { type DemoOptions, parseDemoOptions } from "./demo-options.ts";
import { activateDemoAudiences, defineAudiences, tellPerson } from "./demo-story.ts";
import { createGatewayClient, type GatewayClient } from "./gateway-client.ts";
import { startBar } from "./progress-bar.ts";
import { type EventLog, readEventLog } from "./rees46-events.ts";
import { makeRetailData } from "./retail-data.ts";

/** What came in. */
interface Imported {
  readonly events: number;
  readonly accepted: number;
  readonly duplicates: number;
  readonly rejected: number;
  /** An identity worth looking at. */
  readonly sample: { readonly namespace: string; readonly id: string };
}

const parsed = parseDemoOptions(process.argv.slice(2), process.env);
if ("usage" in parsed) {
  process.stderr.write(`${parsed.usage}\n`);
  process.exitCode = 2;
} else {
  await run(parsed.options);
}

async function run(options: DemoOptions): Promise<void> {
  const begin = performance.now();
  const say = (line: string): void => void (options.json ? undefined : process.stdout.write(`${line}\n`));
  const store = parseStoreAddress(options.store);
  if (store === undefined) {
    process.stderr.write("TESSERA_STORE: expected sqlite:<path>, memory: or mongodb://…\n");
    process.exitCode = 2;
    return;
  }
  const log = options.eventLog === undefined ? undefined : await openLog(options.eventLog);
  if (typeof log === "string") {
    process.stderr.write(`${log}\n`);
    process.exitCode = 2;
    return;
  }
  const now = options.now ?? (log === undefined ? Date.now() : lastTime(log));
  const token = randomBytes(24).toString("base64url");
  const gateway = await startGateway({
    config: {
      ...DEFAULT_CONFIG,
      port: 0,
      store,
      adminToken: token,
      requestsPerMinute: 1_000_000,
      logLevel: "silent",
    },
    clock: () => now,
  });
  const client = createGatewayClient(gateway.url, token);
  try {
    say(
      `Gateway ${gateway.url}, data in ${options.store}, the clock stands at ${new Date(now).toISOString()}\n`,
    );
    const imported =
      log === undefined
        ? await importShop(client, { persons: options.persons, now })
        : await importLog(client, log);
    const definitions = options.eventLog === undefined ? SHOP_AUDIENCES : EVENT_LOG_AUDIENCES;
    const audiences = await defineAudiences(client, definitions, say);
    const { totals } = await client.graphql<{ totals: { persons: number; events: number } }>(
      "{ totals { persons events } }",
    );
    say(
      `\n${totals.events.toLocaleString("en")} events of ${totals.persons.toLocaleString("en")} persons.\n`,
    );
    await tellPerson(client, { identity: imported.sample, audiences, say });
    await activateDemoAudiences(client, { audiences, shop: options.eventLog === undefined, say });
    const { events, accepted, duplicates, rejected } = imported;
    const seconds = Number(((performance.now() - begin) / 1000).toFixed(1));
    if (options.json) {
      const summary = {
        events,
        accepted,
        duplicates,
        rejected,
        persons: totals.persons,
        audiences: audiences.map(({ name, count }) => ({ name, count })),
        seconds,
      };
      process.stdout.write(`${JSON.stringify(summary)}\n`);
    }
    say(`\nDone in ${seconds} s. The data stays; to ask it more: TESSERA_STORE=${options.store} npm start`);
  } finally {
    await gateway.close();
  }
}

async function importShop(
  client: GatewayClient,
  { persons, now }: { readonly persons: number; readonly now: number },
): Promise<Imported> {
  const { crm, loyalty, events } = makeRetailData({ persons, now, seed: 20_260_101 });
  let accepted = 0;
  let duplicates = 0;
  let rejected = 0;
  const parts = [
    ["records", "crm", crm, "CRM records"],
    ["records", "loyalty", loyalty, "Loyalty records"],
    ["events", "web", events, "Web events"],
  ] as const;
  for (const [kind, datasetId, items, label] of parts) {
    const bar = startBar(label, items.length, process.stderr);
    const report = await client.collect(kind, datasetId, items, bar.at);
    bar.end();
    accepted += report.accepted;
    duplicates += report.duplicates;
    rejected += report.rejected.length;
  }
  const sample = { namespace: "CRMID", id: "C000039" };
  return { events: crm.length + loyalty.length + events.length, accepted, duplicates, rejected, sample };
}

/** Reads the log; a text to print when it cannot be read at all. */
async function openLog(file: string): Promise<EventLog | string> {
  try {
    return readEventLog(await readFile(file, "utf8"), "events");
  } catch (error) {
    return `--events: ${file} cannot be read (${error instanceof Error && "code" in error ? String(error.code) : "unknown reason"}); name a CSV file in the REES46 form`;
  }
}

/** The time (ms) of the last event of a log; now for an empty one. */
function lastTime({ events }: EventLog): number {
  let last: number | undefined;
  for (const { timestamp } of events) {
    const at = Date.parse(String(timestamp));
    if (last === undefined || at > last) last = at;
  }
  return last ?? Date.now();
}

async function importLog(client: GatewayClient, { rows, events, bad }: EventLog): Promise<Imported> {
  for (const { line, reason } of bad) process.stderr.write(`line ${line}: ${reason}; skipped\n`);
  const bar = startBar("Events", events.length, process.stderr);
  const report = await client.collect("events", "events", events, bar.at);
  bar.end();
  for (const { index, message } of report.rejected)
    process.stderr.write(`event ${index}: ${message}; skipped\n`);
  const { accepted, duplicates, rejected } = report;
  return {
    events: rows,
    accepted,
    duplicates,
    rejected: rejected.length + bad.length,
    sample: busiest(events),
  };
}

/** The customer with the most events: the most there is to see. */
function busiest(events: readonly { readonly [field: string]: unknown }[]): {
  readonly namespace: string;
  readonly id: string;
} {
  const counts = new Map<string, number>();
  let best = "";
  for (const event of events) {
    const { CRMID } = event["identityMap"] as { readonly CRMID: readonly { readonly id: string }[] };
    const id = CRMID[0]?.id ?? "";
    const count = (counts.get(id) ?? 0) + 1;
    counts.set(id, count);
    if (count > (counts.get(best) ?? 0)) best = id;
  }
  return { namespace: "CRMID", id: best };
}

//   npx node --conditions=@tessera/source --expose-gc bench/segment-engine/batch-live.ts [--json] [--quick] [--persons=10000]
// The hub on SQLite: batch audiences for everyone while events come in, with the projection and person by person.
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createHub, type Hub } from "@tessera/hub";
import { openSqliteStore } from "@tessera/store-sqlite";
import { bars } from "./chart.ts";
import { definitions } from "./forms.ts";
import { circumstances, keep, median, percentile, personsAsked, report, ROUNDS } from "./measure.ts";
import { audiences, eventAt, NOW, type ProfileEvent, profiles, random } from "./workload.ts";

const PERSONS = personsAsked(10_000, 1_000);
const EVENTS = 10;
const AUDIENCES = 40;
const PAUSE = 10;
const folder = mkdtempSync(join(tmpdir(), "tessera-live-"));
const about = {
  ...circumstances(),
  persons: PERSONS.toLocaleString("en-US"),
  "events a person": String(EVENTS),
  "batch audiences": String(AUDIENCES),
};
let now = NOW;
let ids = 0;

const bodyOf = (person: number, { ts: _ts, ...event }: ProfileEvent): object => ({
  ...event,
  identityMap: { CRMID: [{ id: `c${person}`, primary: true }] },
});

async function fill(hub: Hub): Promise<void> {
  const PAGE = 500;
  for (let first = 0; first < PERSONS; first += PAGE) {
    const page = profiles(Math.min(PAGE, PERSONS - first), { seed: first + 1, events: EVENTS });
    await hub.ingestRecords(
      "crm",
      page.map(({ attributes: { identityMap: _ids, ...attributes } }, index) => ({
        ...attributes,
        identityMap: { CRMID: [{ id: `c${first + index}`, primary: true }] },
      })),
    );
    await hub.ingestEvents(
      "web",
      page.flatMap(({ events }, index) =>
        events.map((event) => bodyOf(first + index, { ...event, _id: `${first + index}-${event._id}` })),
      ),
    );
  }
}

let arrived = 0;
const next = random(77);

/** Takes single events, one after the other, until `until` is settled (or for so many milliseconds); how long each took. */
async function arrivals(until: Promise<unknown> | number, hub: Hub): Promise<readonly number[]> {
  const times: number[] = [];
  let over = false;
  const end = typeof until === "number" ? performance.now() + until : Infinity;
  if (typeof until !== "number") void until.finally(() => (over = true));
  while (!over && performance.now() < end) {
    arrived++;
    const event = eventAt(next, NOW + arrived, `live-${arrived}`);
    const from = performance.now();
    await hub.ingestEvents("web", [bodyOf(Math.floor(next() * PERSONS), event)]);
    times.push(performance.now() - from);
    await new Promise((resolve) => setTimeout(resolve, PAUSE));
  }
  return times;
}

const store = openSqliteStore({ path: join(folder, "live.db") });
const projection = store.openProjection({ threads: 2 });
const options = { store, clock: () => now, newId: () => `id-${(ids += 1)}` };
const withProjection = await createHub({ ...options, projection });
const without = await createHub(options);
await fill(withProjection);
const list = definitions(audiences(200).filter((_, index) => index % 5 === 0)).slice(0, AUDIENCES);
const referring = list.filter(({ expression }) => !expression.value.includes("inSegment"));
for (const { name, expression } of referring) {
  const made = await withProjection.createAudience({
    name,
    expression,
    evaluation: "batch",
    excludeOptOut: false,
  });
  if (!made.ok) throw new Error(JSON.stringify(made.error));
}
await without.reload();

interface Run {
  readonly seconds: number;
  readonly latencies: readonly number[];
}

async function run(hub: Hub): Promise<Run> {
  const from = performance.now();
  const evaluation = hub.evaluateAudiences();
  const latencies = await arrivals(evaluation, hub);
  if (!(await evaluation).ok) throw new Error("Expected an evaluation.");
  return { seconds: (performance.now() - from) / 1_000, latencies };
}

const idle = await arrivals(3_000, withProjection);
const first = await run(withProjection);
const counts = async (hub: Hub): Promise<string> => (await hub.audiences()).map(({ count }) => count).join();
const runs: { readonly kind: string; readonly runs: Run[] }[] = [
  { kind: "projection, nobody moves", runs: [] },
  { kind: "person by person, nobody moves", runs: [] },
];
// Nothing comes in meanwhile: both must find the same.
await withProjection.evaluateAudiences();
const found = await counts(withProjection);
await without.evaluateAudiences();
if ((await counts(without)) !== found) throw new Error("The projection and the plain evaluation disagree.");
for (let round = 0; round < ROUNDS; round++) {
  runs[0]?.runs.push(await run(withProjection));
  runs[1]?.runs.push(await run(without));
  now += 1;
}
await projection.close();
await store.close();
rmSync(folder, { recursive: true });

const line = (what: string, times: readonly number[], took?: number): Readonly<Record<string, unknown>> => {
  const sorted = Float64Array.from(times);
  const ms = (share: number): number => Number(percentile(sorted, share).toPrecision(3));
  return {
    meanwhile: what,
    ...(took === undefined ? {} : { "evaluation s": Number(took.toPrecision(3)) }),
    events: times.length,
    "p50 ms": ms(0.5),
    "p99 ms": ms(0.99),
    "max ms": ms(1),
  };
};
const rows = [
  line("no evaluation", idle),
  line("projection, first time: filled, all members written", first.latencies, first.seconds),
  ...runs.map(({ kind, runs: own }) =>
    line(
      kind,
      own.flatMap(({ latencies }) => latencies),
      median(own.map(({ seconds }) => seconds)),
    ),
  ),
];
report(
  "One event at a time through the hub, committed and flushed, while batch audiences are evaluated",
  rows,
  about,
);
keep(
  "segment-engine-live.svg",
  bars(
    "Taking in one event while batch audiences are evaluated",
    [
      {
        heading: "milliseconds, p50",
        rows: rows.map((row) => [String(row["meanwhile"]), Number(row["p50 ms"])]),
      },
      {
        heading: "milliseconds, p99",
        rows: rows.map((row) => [String(row["meanwhile"]), Number(row["p99 ms"])]),
      },
    ],
    about,
  ),
);

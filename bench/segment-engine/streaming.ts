//   npx node --conditions=@tessera/source --expose-gc bench/segment-engine/streaming.ts [--json] [--quick]
// One event arrives for a person with 40 past events, 200 audiences, in memory.
import { compileAudiences, compileStream, type PersonView, type StreamState } from "@tessera/segment-engine";
import { bars } from "./chart.ts";
import { CONTENDERS } from "./contenders.ts";
import { definitions } from "./forms.ts";
import { circumstances, keep, median, mustAgree, percentile, QUICK, report, ROUNDS } from "./measure.ts";
import {
  audiences,
  eventAt,
  holds,
  NOW,
  type Profile,
  type ProfileEvent,
  profiles,
  random,
} from "./workload.ts";

const PERSONS = 20_000;
const EVENTS = 60_000;
const list = audiences(200);
const compiled = compileAudiences(definitions(list));
if (!compiled.ok) throw new Error(JSON.stringify(compiled.error));
const plan = compiled.value;
const stream = compileStream(plan);
const sample = profiles(PERSONS, { events: 40 });
const view = ({ attributes, events }: Profile): PersonView =>
  ({ attributes, events }) as unknown as PersonView;
const about = {
  ...circumstances([
    "json-logic-engine",
    "json-logic-js",
    "json-rules-engine",
    "mingo",
    "@marcbachmann/cel-js",
  ]),
  persons: PERSONS.toLocaleString("en-US"),
};

interface Arrival {
  readonly person: number;
  readonly event: ProfileEvent;
}

/** Events of the minutes after now, each of a person at random. */
function arrivals(count: number, round: number): readonly Arrival[] {
  const next = random(100 + round);
  return Array.from({ length: count }, (_, index) => ({
    person: Math.floor(next() * PERSONS),
    event: eventAt(next, NOW + round * 200_000 + 1 + index * 3, `r${round}-${index}`),
  }));
}

/** Follows some persons and asks the plan's own evaluation after each event. */
function check(): void {
  const states = new Map<number, StreamState>();
  const seen = new Map<number, Profile>();
  for (const { person, event } of arrivals(2_000, 0)) {
    const number = person % 100;
    const known = seen.get(number) ?? (sample[number] as Profile);
    const grown = { ...known, events: [...known.events, event] };
    seen.set(number, grown);
    const state = states.get(number) ?? stream.rebuild(view(known), NOW);
    states.set(number, state);
    stream.apply(state, { at: event.ts, events: [event] });
    const expected = plan.evaluate(view(grown), event.ts).members;
    const order = plan.audiences.map(({ id }) => id);
    mustAgree(
      "Tessera, streaming",
      order.map((id) => stream.isMember(state, id)),
      order.map((id) => expected.has(id)),
    );
  }
}

interface Latency {
  readonly mean: number;
  readonly p50: number;
  readonly p99: number;
}

const tick = (): number => Number(process.hrtime.bigint());

function inMemory(states: readonly StreamState[], round: number): Latency {
  const events = arrivals(EVENTS, round);
  const half = events.length >>> 1;
  const times = new Float64Array(half);
  let place = 0;
  for (const { person, event } of events.slice(0, half)) {
    const state = states[person] as StreamState;
    const from = tick();
    stream.apply(state, { at: event.ts, events: [event] });
    times[place++] = (tick() - from) / 1_000;
  }
  // Reading the clock for each event would count into the mean: it is taken over the other half as a whole.
  const began = performance.now();
  for (const { person, event } of events.slice(half))
    stream.apply(states[person] as StreamState, { at: event.ts, events: [event] });
  const mean = ((performance.now() - began) * 1_000) / (events.length - half);
  return { ...summary(times), mean };
}

function summary(times: Float64Array): Latency {
  return {
    mean: times.reduce((sum, value) => sum + value, 0) / times.length,
    p50: percentile(times, 0.5),
    p99: percentile(times, 0.99),
  };
}

/** Others have no state: the event joins the profile and all audiences are decided again, the difference is taken. */
async function others(): Promise<readonly (Latency & { readonly name: string; readonly able: number })[]> {
  const found: (Latency & { readonly name: string; readonly able: number })[] = [];
  for (const make of CONTENDERS) {
    const contender = make(list);
    const persons = sample.slice(0, 200);
    const before: (readonly boolean[])[] = [];
    for (const profile of persons) before.push(await contender.decide(contender.shape(profile) as never));
    const [first] = persons;
    if (first)
      mustAgree(
        contender.name,
        before[0] ?? [],
        contender.able.map(({ condition }) => holds(condition, first)),
      );
    const rounds: Latency[] = [];
    for (let round = 0; round < ROUNDS; round++) {
      const began = performance.now();
      const times: number[] = [];
      for (const { person, event } of arrivals(4_000, round)) {
        const number = person % persons.length;
        const profile = persons[number] as Profile;
        const shaped = contender.shape({ ...profile, events: [...profile.events, event] }) as never;
        const from = tick();
        const now = contender.decide(shaped);
        const own = now instanceof Promise ? await now : now;
        let changes = 0;
        for (let index = 0; index < own.length; index++)
          if (own[index] !== before[number]?.[index]) changes++;
        times.push((tick() - from) / 1_000);
        before[number] = own;
        if (changes > own.length || performance.now() - began > (QUICK ? 150 : 700)) break;
      }
      rounds.push(summary(Float64Array.from(times)));
    }
    found.push({ name: contender.name, able: contender.able.length, ...medians(rounds) });
  }
  return found;
}

function medians(rounds: readonly Latency[]): Latency {
  return {
    mean: median(rounds.map(({ mean }) => mean)),
    p50: median(rounds.map(({ p50 }) => p50)),
    p99: median(rounds.map(({ p99 }) => p99)),
  };
}

check();
globalThis.gc?.();
const heapBefore = process.memoryUsage().heapUsed;
const states = sample.map((profile) => stream.rebuild(view(profile), NOW));
globalThis.gc?.();
const heapState = Math.round((process.memoryUsage().heapUsed - heapBefore) / PERSONS);
inMemory(states, 1);
const own = medians(Array.from({ length: ROUNDS }, (_, round) => inMemory(states, round + 2)));
const peers = await others();
const fastest = Math.min(...peers.map(({ mean }) => mean));
const rounded = (value: number): number => Number(value.toPrecision(3));
const rows = [...peers, { name: "Tessera, event by event", able: list.length, ...own }].map((row) => ({
  engine: row.name,
  "audiences expressed": row.able,
  "mean µs": rounded(row.mean),
  "p50 µs": rounded(row.p50),
  "p99 µs": rounded(row.p99),
  "x fastest peer": rounded(fastest / row.mean),
}));
report("One event on a person with 40 past events, 200 audiences (in memory)", rows, about);
report("Memory", [{ "bytes a person in memory": heapState, ...stream.size }], about);
keep(
  "segment-engine-streaming.svg",
  bars(
    "One event on a person with 40 past events, 200 audiences",
    [
      {
        heading: "microseconds, mean (less is better)",
        rows: rows.map((row) => [row.engine, row["mean µs"]]),
      },
    ],
    about,
  ),
);

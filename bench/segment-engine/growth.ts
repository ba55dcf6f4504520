//   npx node --conditions=@tessera/source --expose-gc bench/segment-engine/growth.ts [--json] [--quick]
// What more audiences cost: an event in streaming, a profile in batch, memory, compiling.
import {
  compileAudiences,
  compileColumns,
  compileRows,
  compileStream,
  Columns,
  countMembers,
  type PersonView,
} from "@tessera/segment-engine";
import { lines } from "./chart.ts";
import { definitions } from "./forms.ts";
import { circumstances, keep, median, mustAgree, QUICK, report, ROUNDS } from "./measure.ts";
import { audiences, eventAt, NOW, profiles, random } from "./workload.ts";

const COUNTS = QUICK ? [10, 100, 1_000] : [10, 100, 1_000, 4_000];
const PERSONS = 2_000;
const EVENTS = 20_000;
const views = profiles(PERSONS, { events: 40 }) as unknown as readonly PersonView[];
const sample = profiles(4_096) as unknown as readonly PersonView[];
const about = circumstances();
const rounded = (value: number): number => Number(value.toPrecision(3));

function timed(work: () => unknown): number {
  const from = performance.now();
  work();
  return performance.now() - from;
}

const rows: Readonly<Record<string, number>>[] = [];
for (const count of COUNTS) {
  const list = definitions(audiences(count));
  globalThis.gc?.();
  const before = process.memoryUsage().heapUsed;
  const from = performance.now();
  const compiled = compileAudiences(list);
  if (!compiled.ok) throw new Error(JSON.stringify(compiled.error));
  const plan = compiled.value;
  const stream = compileStream(plan);
  const compiling = performance.now() - from;
  globalThis.gc?.();
  const planBytes = (process.memoryUsage().heapUsed - before) / count;
  const states = views.map((view) => stream.rebuild(view, NOW));
  globalThis.gc?.();
  const order = plan.audiences.map(({ id }) => id);
  for (let person = 0; person < 50; person++) {
    const view = views[person];
    const state = states[person];
    if (view === undefined || state === undefined) continue;
    const { members } = plan.evaluate(view, NOW);
    mustAgree(
      `streaming, ${count}`,
      order.map((id) => stream.isMember(state, id)),
      order.map((id) => members.has(id)),
    );
  }
  let round = 0;
  let changes = 0;
  const feed = (): void => {
    round++;
    const next = random(500 + round);
    const events = Array.from({ length: EVENTS }, (_, index) =>
      eventAt(next, NOW + round * 200_000 + index, `g${round}-${index}`),
    );
    const began = performance.now();
    for (const event of events) {
      const state = states[Math.floor(next() * PERSONS)];
      if (state !== undefined) changes += stream.apply(state, { at: event.ts, events: [event] }).length;
    }
    streaming.push(((performance.now() - began) * 1_000) / EVENTS);
  };
  const streaming: number[] = [];
  for (let index = 0; index < ROUNDS + 1; index++) feed();
  const rowPlan = compileRows(plan);
  const columnPlan = compileColumns(plan);
  const columns = new Columns(columnPlan.layout);
  for (const view of sample) columns.put(view);
  const bits = rowPlan.evaluate(sample, NOW);
  for (const part of columnPlan.evaluate(columns, NOW))
    mustAgree(
      `columns, ${count}`,
      order.map((_, index) => countMembers(part.bits, index) === countMembers(bits, index)),
      order.map(() => true),
    );
  const batch = Array.from({ length: ROUNDS + 1 }, () => timed(() => rowPlan.evaluate(sample, NOW)));
  const column = Array.from({ length: ROUNDS + 1 }, () =>
    timed(() => [...columnPlan.evaluate(columns, NOW)]),
  );
  const perProfile = (times: readonly number[]): number =>
    rounded((median(times.slice(1)) * 1_000) / sample.length);
  rows.push({
    audiences: count,
    "µs an event": rounded(median(streaming.slice(1))),
    "µs a profile, rows": perProfile(batch),
    "µs a profile, columns": perProfile(column),
    "compiling ms": rounded(compiling),
    "plan bytes an audience": Math.round(planBytes),
    "state row bytes a person": Math.round(
      states.reduce((sum, state) => sum + stream.encode(state).length, 0) / PERSONS,
    ),
    "changes an event": rounded(changes / EVENTS / (ROUNDS + 1)),
  });
}
report("Cost as audiences grow", rows, about);
const series = (
  name: string,
): { readonly name: string; readonly points: readonly (readonly [number, number])[] } => ({
  name,
  points: rows.map((row) => [row["audiences"] ?? 0, row[name] ?? 0] as const),
});
keep(
  "segment-engine-growth.svg",
  lines(
    "Cost as audiences grow",
    { x: "audiences", y: "microseconds" },
    [series("µs an event"), series("µs a profile, rows"), series("µs a profile, columns")],
    about,
  ),
);

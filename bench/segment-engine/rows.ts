//   npx node --conditions=@tessera/source --expose-gc bench/segment-engine/rows.ts [--json] [--quick]
// Decoded profiles in memory, one thread: all 200 audiences, and the 150 on attributes alone.
import {
  Columns,
  compileAudiences,
  compileColumns,
  compileRows,
  hasMember,
  type PersonView,
} from "@tessera/segment-engine";
import { bars } from "./chart.ts";
import { type Contender, CONTENDERS, growthbook, siftJs } from "./contenders.ts";
import { definitions } from "./forms.ts";
import { circumstances, keep, median, mustAgree, perSecond, QUICK, report, ROUNDS } from "./measure.ts";
import { type Audience, audiences, holds, NOW, type Profile, profiles } from "./workload.ts";

const PERSONS = 4_096;
const CHECKED = 400;
const sample = profiles(PERSONS);
const views = sample.map(
  ({ attributes, events }) => ({ attributes, events: events as never }) as unknown as PersonView,
);

interface Timed {
  readonly name: string;
  readonly run: () => unknown;
  readonly size: number;
  readonly able: number;
}

async function timed(
  list: readonly Audience[],
  makers: readonly ((l: readonly Audience[]) => Contender)[],
): Promise<readonly Timed[]> {
  const expected = sample
    .slice(0, CHECKED)
    .map((profile) => list.map(({ condition }) => holds(condition, profile)));
  const made = makers.map((make) => make(list));
  const found: Timed[] = [];
  for (const contender of made) {
    const shaped = sample.map((profile: Profile) => contender.shape(profile) as never);
    const places = contender.able.map((audience) => list.indexOf(audience));
    for (let person = 0; person < CHECKED; person++) {
      const own = await contender.decide(shaped[person] as never);
      mustAgree(
        contender.name,
        own,
        places.map((place) => expected[person]?.[place] ?? false),
      );
    }
    let next = 0;
    const run = (): unknown => contender.decide(shaped[next++ % PERSONS] as never);
    found.push({ name: contender.name, run, size: 1, able: contender.able.length });
  }
  const plan = compileAudiences(definitions(list));
  if (!plan.ok) throw new Error(JSON.stringify(plan.error));
  const rows = compileRows(plan.value);
  const bits = rows.evaluate(views, NOW);
  const order = new Map(plan.value.audiences.map(({ id }, index) => [id, index]));
  for (let person = 0; person < CHECKED; person++) {
    const own = list.map(({ id }) => hasMember(bits, order.get(id) ?? 0, person));
    mustAgree("Tessera, batch", own, expected[person] ?? []);
    const members = new Set(rows.members(views[person] as PersonView, NOW));
    mustAgree(
      "Tessera, single",
      list.map(({ id }) => members.has(id)),
      expected[person] ?? [],
    );
  }
  let next = 0;
  const able = list.length;
  found.push({
    name: "Tessera, one at a time",
    size: 1,
    able,
    run: () => rows.members(views[next++ % PERSONS] as PersonView, NOW),
  });
  const columnPlan = compileColumns(plan.value);
  const columns = new Columns(columnPlan.layout);
  for (const view of views) columns.put(view);
  for (const part of columnPlan.evaluate(columns, NOW)) {
    for (let person = part.firstRow; person < CHECKED; person++) {
      const own = list.map(({ id }) => hasMember(part.bits, order.get(id) ?? 0, person - part.firstRow));
      mustAgree("Tessera, columns", own, expected[person] ?? []);
    }
  }
  found.push({
    name: "Tessera, from columns",
    size: PERSONS,
    able,
    run: () => [...columnPlan.evaluate(columns, NOW)].length,
  });
  found.push({ name: "Tessera, batch", size: PERSONS, able, run: () => rows.evaluate(views, NOW) });
  return found;
}

const all = audiences(200);
const workloads = [
  { heading: "200 audiences, profiles a second", list: all, makers: CONTENDERS },
  {
    heading: "150 audiences on attributes, profiles a second",
    list: all.filter((audience) => !audience.events),
    makers: [...CONTENDERS, siftJs, growthbook],
  },
];
const about = circumstances([
  "json-logic-engine",
  "json-logic-js",
  "json-rules-engine",
  "mingo",
  "@marcbachmann/cel-js",
  "sift",
  "@growthbook/growthbook",
]);
const groups: { heading: string; rows: (readonly [string, number])[] }[] = [];
for (const { heading, list, makers } of workloads) {
  const contenders = await timed(list, makers);
  for (const { size, run } of contenders) await perSecond(size, QUICK ? 100 : 400, run);
  const speeds = new Map<string, number[]>(contenders.map(({ name }) => [name, []]));
  for (let round = 0; round < ROUNDS; round++) {
    for (const { name, size, run } of contenders) {
      globalThis.gc?.();
      speeds.get(name)?.push(await perSecond(size, QUICK ? 60 : 300, run));
    }
  }
  const own = contenders.filter(({ name }) => name.startsWith("Tessera"));
  const peers = contenders.filter(({ name }) => !name.startsWith("Tessera"));
  const of = (name: string): number => median(speeds.get(name) ?? []);
  const best = Math.max(...peers.map(({ name }) => of(name)));
  const rules = of("json-rules-engine");
  report(
    heading,
    [...peers, ...own].map(({ name, able }) => ({
      engine: name,
      "audiences expressed": able,
      "profiles/s": Math.round(of(name)),
      range: `${Math.round(Math.min(...(speeds.get(name) ?? [])))}..${Math.round(Math.max(...(speeds.get(name) ?? [])))}`,
      "x fastest peer": Number((of(name) / best).toFixed(2)),
      "x json-rules-engine": Math.round(of(name) / rules),
    })),
    about,
  );
  groups.push({ heading, rows: [...peers, ...own].map(({ name }) => [name, of(name)] as const) });
}
keep("segment-engine-rows.svg", bars("Deciding audiences for decoded profiles, one thread", groups, about));

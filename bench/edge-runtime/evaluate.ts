import { GrowthBookClient } from "@growthbook/growthbook";
import { compileAudiences, compileStream } from "@tessera/segment-engine";
import type { ExperienceEvent } from "@tessera/xdm";
import { attributesOf, questions, viewsOf } from "./definitions.ts";

/**
 * Deciding so many audiences for a visitor: our plan over the visitor's raw events of the day, beside GrowthBook's
 * targeting conditions over facts that were worked out beforehand (it has no windows over events). Answers are compared
 * before anything is timed.
 *
 *   node --conditions=@tessera/source bench/edge-runtime/evaluate.ts [--audiences 150] [--events 5] [--json]
 */
const argument = (name: string, fallback: number): number => {
  const at = process.argv.indexOf(`--${name}`);
  return at < 0 ? fallback : Number(process.argv[at + 1]);
};
const AUDIENCES = argument("audiences", 150);
const EVENTS = argument("events", 5);
const VISITORS = 2000;
const ROUNDS = 7;
const NOW = Date.parse("2026-01-31T12:00:00Z");

const asked = questions(AUDIENCES);
const plan = compileAudiences(asked.map(({ audience }) => audience));
if (!plan.ok) throw new Error(plan.error[0]?.message);
const stream = compileStream(plan.value);

const features = Object.fromEntries(
  asked.map(({ audience, condition }) => [
    audience.id,
    { defaultValue: false, rules: [{ condition: { ...condition }, force: true }] },
  ]),
);
const payload = { features } as Parameters<GrowthBookClient["initSync"]>[0]["payload"];
const growthbook = new GrowthBookClient().initSync({ payload });

const visitors = Array.from({ length: VISITORS }, (_, visitor) => {
  const views = viewsOf(visitor, EVENTS);
  const attributes = attributesOf(visitor);
  const events = views.map(([eventType, name], at): ExperienceEvent => ({
    _id: `${visitor}-${at}`,
    timestamp: new Date(NOW - (EVENTS - at) * 60_000).toISOString(),
    eventType,
    web: { webPageDetails: { name } },
  }));
  const { tier, points } = attributes.loyalty;
  const { country } = attributes.homeAddress;
  const facts = { tier, points, country, events: views.map(([type, name]) => `${type}/${name}`) };
  return { person: { attributes, events }, context: { attributes: facts } };
});

const ours = (index: number): ReadonlySet<string> => {
  const visitor = visitors[index];
  return visitor === undefined ? new Set() : stream.members(stream.rebuild(visitor.person, NOW));
};
const theirs = (index: number): ReadonlySet<string> => {
  const context = visitors[index]?.context ?? {};
  const members = new Set<string>();
  for (const { audience } of asked) if (growthbook.isOn(audience.id, context)) members.add(audience.id);
  return members;
};

let memberships = 0;
for (let index = 0; index < VISITORS; index++) {
  const [a, b] = [[...ours(index)].sort().join(), [...theirs(index)].sort().join()];
  if (a !== b) throw new Error(`Visitor ${index}: ${a} is not ${b}`);
  memberships += ours(index).size;
}

const time = (decide: (index: number) => ReadonlySet<string>): number => {
  const start = performance.now();
  for (let index = 0; index < VISITORS; index++) decide(index);
  return ((performance.now() - start) * 1000) / VISITORS;
};
const median = (values: number[]): number => values.sort((x, y) => x - y)[Math.floor(values.length / 2)] ?? 0;
const taken: { readonly ours: number[]; readonly theirs: number[] } = { ours: [], theirs: [] };
for (let round = 0; round < ROUNDS; round++) {
  taken.ours.push(time(ours));
  taken.theirs.push(time(theirs));
}
const [own, other] = [median(taken.ours), median(taken.theirs)];
const rows = [
  { what: `segment-engine, ${AUDIENCES} audiences, ${EVENTS} raw events`, "µs/visitor": own, ratio: 1 },
  { what: `GrowthBook, ${AUDIENCES} conditions, facts given`, "µs/visitor": other, ratio: other / own },
].map((row) => ({
  ...row,
  "µs/visitor": Number(row["µs/visitor"].toFixed(1)),
  ratio: Number(row.ratio.toFixed(2)),
}));
if (process.argv.includes("--json")) process.stdout.write(`${JSON.stringify(rows, null, 1)}\n`);
else {
  process.stdout.write(`Answers equal for ${VISITORS} visitors (${memberships} memberships).\n`);
  console.table(rows);
}

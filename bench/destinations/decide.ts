// Decisions a second: which offers a visitor gets, out of many activities.
//   npx node --conditions=@tessera/source bench/destinations/decide.ts [--json]
// Checked first against a plain reference: filter, sort, pick.
import {
  type Activity,
  allocationOf,
  decide,
  handleDelivery,
  indexActivities,
  toPropositions,
} from "@tessera/destinations-target";

const at = "2026-01-31T12:00:00.000Z";
const ROUNDS = 5;
const VISITORS = 20_000;

function activities(count: number): readonly Activity[] {
  return Array.from({ length: count }, (_, i): Activity => {
    const location = { kind: "mbox", name: `mbox${i % 20}` } as const;
    const experiences = [0, 1].map((id) => ({
      id,
      name: `e${id}`,
      percentage: 40,
      offers: [{ location, offer: { kind: "json", content: { i, id } } as const }],
    }));
    return {
      id: i + 1,
      name: `activity ${i}`,
      type: "ab",
      status: "live",
      priority: (i * 7) % 1000,
      audience: { kind: "any", audiences: [`a${i % 50}`] },
      experiences,
    };
  });
}

const visitors = Array.from({ length: VISITORS }, (_, v) => ({
  visitorId: `visitor${v}`,
  memberships: {
    ups: Object.fromEntries(
      [v % 50, (v * 3) % 50, (v * 7) % 50].map((a) => [
        `a${a}`,
        { status: "realized", lastQualificationTime: at } as const,
      ]),
    ),
  },
  attributes: {},
}));
const locations = [0, 5, 9].map((i) => ({ kind: "mbox", name: `mbox${i}` }) as const);

/** What a first version would do: every activity for every location. */
function reference(all: readonly Activity[], visitor: (typeof visitors)[number]): readonly string[] {
  return locations.flatMap(({ name }) => {
    const fitting = all
      .filter(
        (a) =>
          a.experiences[0]?.offers[0]?.location.kind === "mbox" &&
          a.experiences[0].offers[0].location.name === name,
      )
      .filter(
        (a) =>
          a.audience.kind === "any" &&
          a.audience.audiences.some((id) => Object.hasOwn(visitor.memberships.ups, id)),
      )
      .map((a) => ({ a, experience: Math.floor(allocationOf("acme", a.id, visitor.visitorId) / 40) }))
      .filter(({ experience }) => experience < 2)
      .sort((x, y) => y.a.priority - x.a.priority || x.a.id - y.a.id);
    return fitting.slice(0, 1).map(({ a, experience }) => `${a.id}:${experience}`);
  });
}

const rows: { name: string; perSecond: number }[] = [];
async function measure(name: string, run: (visitor: (typeof visitors)[number]) => unknown): Promise<void> {
  const times: number[] = [];
  for (let round = 0; round < ROUNDS; round += 1) {
    const from = performance.now();
    for (const visitor of visitors) await run(visitor);
    times.push((performance.now() - from) / 1000);
  }
  rows.push({ name, perSecond: Math.round(VISITORS / (times.sort((a, b) => a - b)[ROUNDS >> 1] ?? 1)) });
}

for (const count of [100, 1000]) {
  const all = activities(count);
  const index = indexActivities(all);
  for (const visitor of visitors.slice(0, 2000)) {
    const decided = decide(index, { client: "acme", visitor, locations, now: at }).map(
      (d) => `${d.activity.id}:${d.experience.id}`,
    );
    if (decided.join() !== reference(all, visitor).join())
      throw new Error(`differs for ${visitor.visitorId}`);
  }
  await measure(`decide 3 mboxes, ${count} activities`, (visitor) =>
    decide(index, { client: "acme", visitor, locations, now: at }),
  );
  await measure(`the same, plain filter and sort`, (visitor) => reference(all, visitor));
  await measure(`decide and shape as propositions, ${count} activities`, (visitor) =>
    toPropositions(decide(index, { client: "acme", visitor, locations, now: at })),
  );
  const body = {
    context: { channel: "web" },
    id: { marketingCloudVisitorId: "1".repeat(38) },
    execute: { mboxes: locations.map(({ name }, i) => ({ index: i, name })) },
  };
  await measure(`delivery call, parsed to answered, ${count} activities`, (visitor) =>
    handleDelivery(body, {
      client: "acme",
      orgId: "o",
      activities: index,
      profileLookup: async () => visitor,
      now: at,
      newId: () => "id",
      query: { imsOrgId: "o", sessionId: "s" },
    }),
  );
}

if (process.argv.includes("--json"))
  console.log(JSON.stringify({ node: process.version, rounds: ROUNDS, rows }, undefined, 2));
else {
  console.log(`Node ${process.version}, median of ${ROUNDS}\n`);
  for (const { name, perSecond } of rows)
    console.log(`${name.padEnd(58)} ${perSecond.toLocaleString("en").padStart(11)} /s`);
}

import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { SegmentMembershipMap } from "@tessera/xdm";
import {
  type Activity,
  allocationOf,
  decide,
  type DecideRequest,
  fillTokens,
  indexActivities,
  locationsOfScopes,
  type Offer,
  parseActivity,
  readActivities,
  toPropositions,
} from "./index.ts";

const at = "2026-01-31T12:00:00.000Z";
const hero = { kind: "mbox", name: "hero" } as const;

function activity(
  id: number,
  change: Partial<Activity> = {},
  offer: Offer = { kind: "json", content: id },
): Activity {
  return {
    id,
    name: `activity ${id}`,
    type: "xt",
    status: "live",
    priority: 0,
    audience: { kind: "everyone" },
    experiences: [{ id: 0, name: "only", offers: [{ location: hero, offer }] }],
    ...change,
  };
}

function member(...ids: readonly string[]): SegmentMembershipMap {
  return {
    ups: Object.fromEntries(ids.map((id) => [id, { status: "realized", lastQualificationTime: at }])),
  };
}

function shown(
  activities: readonly Activity[],
  change: Partial<DecideRequest> & { memberships?: DecideRequest["visitor"]["memberships"] } = {},
): readonly number[] {
  const { memberships = {}, ...rest } = change;
  const visitor = { visitorId: "v", memberships, attributes: {} };
  const request: DecideRequest = { client: "acme", visitor, locations: [hero], now: at, ...rest };
  return decide(indexActivities(activities), request).map((d) => d.activity.id);
}

const cases: readonly (readonly [
  string,
  readonly Activity[],
  Parameters<typeof shown>[1],
  readonly number[],
])[] = [
  ["nothing to show", [], {}, []],
  ["the highest priority wins an mbox", [activity(1), activity(2, { priority: 5 })], {}, [2]],
  ["ties go to the older activity", [activity(2), activity(1)], {}, [1]],
  ["inactive activities rest", [activity(1, { status: "inactive" })], {}, []],
  ["before it starts", [activity(1, { startsAt: "2026-01-31T12:00:00.001Z" })], {}, []],
  ["at its start", [activity(1, { startsAt: at })], {}, [1]],
  ["at its end, exclusive", [activity(1, { endsAt: at })], {}, []],
  ["another property", [activity(1, { properties: ["a"] })], { property: "b" }, []],
  ["its property", [activity(1, { properties: ["a"] })], { property: "a" }, [1]],
  ["a property asked for, none given", [activity(1, { properties: ["a"] })], {}, []],
  [
    "any: one is enough",
    [activity(1, { audience: { kind: "any", audiences: ["x", "y"] } })],
    { memberships: member("y") },
    [1],
  ],
  [
    "all: one is missing",
    [activity(1, { audience: { kind: "all", audiences: ["x", "y"] } })],
    { memberships: member("y") },
    [],
  ],
  [
    "none: a member is out",
    [activity(1, { audience: { kind: "none", audiences: ["x"] } })],
    { memberships: member("x") },
    [],
  ],
  [
    "an exited member is none",
    [activity(1, { audience: { kind: "any", audiences: ["x"] } })],
    { memberships: { ups: { x: { status: "exited", lastQualificationTime: at } } } },
    [],
  ],
  [
    "an audience of another origin",
    [activity(1, { audience: { kind: "any", audiences: ["x"] } })],
    { memberships: { AAM: { x: { status: "existing", lastQualificationTime: at } } } },
    [1],
  ],
  [
    "memberships as a set of ids",
    [activity(1, { audience: { kind: "any", audiences: ["x"] } })],
    { memberships: new Set(["x"]) },
    [1],
  ],
  [
    "the next activity when the first does not fit",
    [activity(1, { priority: 9, audience: { kind: "any", audiences: ["x"] } }), activity(2)],
    {},
    [2],
  ],
];

describe("decide", () => {
  for (const [name, activities, change, ids] of cases) {
    it(name, () => expect(shown(activities, change)).toEqual(ids));
  }

  it("shows the page and a view all activities that fit, an mbox one", () => {
    const page = { kind: "page-load" } as const;
    const both = [1, 2].map((id) =>
      activity(id, {
        experiences: [{ id: 0, name: "e", offers: [{ location: page, offer: { kind: "default" } }] }],
      }),
    );
    expect(shown(both, { locations: [page] })).toEqual([1, 2]);
  });

  const split = activity(7, {
    type: "ab",
    experiences: [
      {
        id: 0,
        name: "A",
        percentage: 20,
        offers: [{ location: hero, offer: { kind: "json", content: "A" } }],
      },
      {
        id: 1,
        name: "B",
        percentage: 30,
        offers: [{ location: hero, offer: { kind: "json", content: "B" } }],
      },
    ],
  });

  it("law: a split is sticky, whatever else is asked for and whenever", () => {
    const index = indexActivities([split, activity(3)]);
    fc.assert(
      fc.property(fc.string(), fc.date({ min: new Date(0), noInvalidDate: true }), (visitorId, when) => {
        const visitor = { visitorId, memberships: {}, attributes: {} };
        const first = decide(index, { client: "acme", visitor, locations: [hero], now: at });
        const again = decide(index, {
          client: "acme",
          visitor,
          locations: [{ kind: "mbox", name: "z" }, hero],
          now: when.toISOString(),
        });
        expect(again).toEqual(first);
      }),
    );
  });

  it("splits by the percentages given", () => {
    const counts = { A: 0, B: 0, out: 0 };
    const index = indexActivities([split]);
    for (let visitor = 0; visitor < 20_000; visitor += 1) {
      const view = { visitorId: `visitor-${visitor}`, memberships: {}, attributes: {} };
      const [decision] = decide(index, { client: "acme", visitor: view, locations: [hero], now: at });
      counts[(decision?.experience.name ?? "out") as keyof typeof counts] += 1;
    }
    expect(counts.A / 200).toBeCloseTo(20, -0.5);
    expect(counts.B / 200).toBeCloseTo(30, -0.5);
    expect(Math.abs(counts.out / 200 - 50)).toBeLessThan(2);
  });

  it("places visitors within an activity from 0 to 99.99, independently between activities", () => {
    fc.assert(
      fc.property(fc.string(), fc.integer({ min: 1, max: 1e6 }), (visitor, id) => {
        const allocation = allocationOf("acme", id, visitor);
        expect(allocation >= 0 && allocation < 100).toBe(true);
      }),
    );
    const pairs = Array.from(
      { length: 500 },
      (_, i) => [allocationOf("acme", 1, `v${i}`), allocationOf("acme", 2, `v${i}`)] as const,
    );
    const bothLow = pairs.filter(([a, b]) => a < 50 && b < 50).length;
    expect(bothLow).toBeGreaterThan(85);
    expect(bothLow).toBeLessThan(165);
  });
});

describe("readActivities", () => {
  it("keeps the good ones beside bad and repeated ones", () => {
    const { activities, issues } = readActivities([activity(1), { id: 2 }, activity(1), activity(3)]);
    expect(activities.map(({ id }) => id)).toEqual([1, 3]);
    expect(new Set(issues.map(({ path }) => path?.[0]))).toEqual(new Set([1, 2]));
  });
});

describe("propositions", () => {
  it("are what the Web SDK renders, by kind of offer", () => {
    const offers: readonly Offer[] = [
      { kind: "html", content: "<i>x</i>" },
      { kind: "json", content: { a: 1 } },
      { kind: "redirect", url: "https://x.test/" },
      { kind: "default" },
      { kind: "actions", actions: [{ type: "setHtml", selector: "#a", content: "y" }] },
    ];
    const kinds = offers.map((offer) => {
      const index = indexActivities([activity(1, { clicks: ["#c"] }, offer)]);
      const visitor = { visitorId: "v", memberships: {}, attributes: {} };
      const decisions = decide(index, { client: "acme", visitor, locations: [hero], now: at });
      const [proposition] = toPropositions(decisions);
      expect(proposition).toMatchObject({
        id: `AT:${btoa('{"activityId":"1","experienceId":"0"}')}`,
        scope: "hero",
        scopeDetails: {
          decisionProvider: "TGT",
          activity: { id: "1" },
          experience: { id: "0" },
          correlationID: "1:0:0",
        },
      });
      const items = proposition?.["items"] as readonly { schema: string; data?: { format?: string } }[];
      return items.map(({ schema, data }) => `${schema.split("/").at(-1)} ${data?.format ?? "-"}`);
    });
    expect(kinds.map(([first]) => first)).toEqual([
      "html-content-item text/html",
      "json-content-item application/json",
      "redirect-item text/uri-list",
      "default-content-item -",
      "dom-action application/vnd.adobe.target.dom-action",
    ]);
    expect(kinds.every(([, second]) => second === "measurement application/vnd.adobe.target.metric")).toBe(
      true,
    );
  });

  it("read __view__ as the page and every view", () => {
    const view = { kind: "view", name: "home" } as const;
    const index = indexActivities([
      activity(1, {
        experiences: [{ id: 0, name: "e", offers: [{ location: view, offer: { kind: "default" } }] }],
      }),
    ]);
    expect(locationsOfScopes(["__view__", "hero"], index)).toEqual([{ kind: "page-load" }, view, hero]);
  });
});

describe("tokens", () => {
  const attributes = { loyalty: { tier: "<gold>" }, "flat.name": "Ada", visits: 3, list: ["a"] };
  const cases: readonly (readonly [Offer, Offer])[] = [
    [
      { kind: "html", content: "${aep.loyalty.tier} ${aep.flat.name} ${aep.visits}" },
      { kind: "html", content: "&lt;gold&gt; Ada 3" },
    ],
    [
      { kind: "html", content: '${aep.none default="you & me"}!' },
      { kind: "html", content: "you &amp; me!" },
    ],
    [
      { kind: "html", content: "${aep.none}${aep.list}${aep.__proto__}${other.x}" },
      { kind: "html", content: "${other.x}" },
    ],
    [
      { kind: "redirect", url: "https://x.test/?t=${aep.loyalty.tier}" },
      { kind: "redirect", url: "https://x.test/?t=%3Cgold%3E" },
    ],
    [
      { kind: "json", content: { a: ["${aep.loyalty.tier}"], n: 1 } },
      { kind: "json", content: { a: ["<gold>"], n: 1 } },
    ],
    [
      {
        kind: "actions",
        actions: [
          { type: "setHtml", selector: "#${aep.visits}", content: "${aep.loyalty.tier}" },
          { type: "setText", selector: "#b", content: "${aep.loyalty.tier}" },
        ],
      },
      {
        kind: "actions",
        actions: [
          { type: "setHtml", selector: "#${aep.visits}", content: "&lt;gold&gt;" },
          { type: "setText", selector: "#b", content: "<gold>" },
        ],
      },
    ],
  ];
  for (const [offer, filled] of cases) {
    it(JSON.stringify(offer), () => expect(fillTokens(offer, attributes)).toEqual(filled));
  }
});

describe("parseActivity", () => {
  it("takes what it gave", () => {
    const parsed = parseActivity(
      JSON.parse(JSON.stringify(activity(1, { startsAt: "2026-01-01T00:00:00+01:00" }))),
    );
    expect(parsed.ok && parsed.value.startsAt).toBe("2025-12-31T23:00:00.000Z");
    expect(parsed.ok && parseActivity(parsed.value)).toEqual(parsed);
  });

  const offers = [{ location: hero, offer: { kind: "html", content: "x" } }];
  const bad: readonly (readonly [object, string])[] = [
    [{ id: 0 }, "id"],
    [{ name: "" }, "name"],
    [{ type: "mvt" }, "type"],
    [{ priority: 1000 }, "priority"],
    [{ audience: { kind: "any", audiences: [] } }, "audience.audiences"],
    [{ audience: { kind: "some" } }, "audience"],
    [{ startsAt: "tomorrow" }, "startsAt"],
    [{ startsAt: "2026-02-01T00:00:00Z", endsAt: "2026-01-01T00:00:00Z" }, "endsAt"],
    [{ experiences: [] }, "experiences"],
    [
      { type: "ab", experiences: [60, 50].map((percentage, id) => ({ id, name: "e", percentage, offers })) },
      "experiences",
    ],
    [
      { experiences: [{ id: 0, name: "a", offers: [...offers, ...offers] }] },
      "experiences.0.offers.1.location",
    ],
    [
      {
        experiences: [
          {
            id: 0,
            name: "a",
            offers: [{ location: hero, offer: { kind: "redirect", url: "javascript:x" } }],
          },
        ],
      },
      "experiences.0.offers.0.offer",
    ],
    [
      {
        experiences: [
          {
            id: 0,
            name: "a",
            offers: [{ location: { kind: "mbox", name: "m".repeat(251) }, offer: { kind: "default" } }],
          },
        ],
      },
      "experiences.0.offers.0.location",
    ],
    [
      {
        experiences: [
          {
            id: 0,
            name: "a",
            offers: [
              { location: hero, offer: { kind: "actions", actions: [{ type: "explode", selector: "#" }] } },
            ],
          },
        ],
      },
      "experiences.0.offers.0.offer",
    ],
  ];
  for (const [change, path] of bad) {
    it(`refuses ${path}: ${JSON.stringify(change).slice(0, 70)}`, () => {
      const parsed = parseActivity({ ...activity(1), ...change });
      expect(parsed.ok ? [] : parsed.error.map((issue) => issue.path?.join("."))).toEqual([path]);
    });
  }
  for (const junk of [null, 1, [], "x"])
    it(`refuses ${JSON.stringify(junk)}`, () => expect(parseActivity(junk).ok).toBe(false));
});

import type { AudienceDefinition, JsonObject } from "@tessera/xdm";

/** One audience, and the same question as a GrowthBook condition over facts worked out beforehand. */
export interface Question {
  readonly audience: AudienceDefinition;
  readonly condition: JsonObject;
}

const TYPES = ["web.webpagedetails.pageViews", "commerce.productViews", "commerce.purchases", "search"];
const TIERS = ["basic", "silver", "gold", "platinum"];
const COUNTRIES = ["DE", "FR", "US", "JP", "BR"];

const pick = (list: readonly string[], at: number): string => list[at % list.length] ?? "";

/** So many edge audiences: a third on the events of the last day, a third on the profile, a third on both. */
export function questions(count: number): readonly Question[] {
  return Array.from({ length: count }, (_, at) => {
    const type = pick(TYPES, at);
    const name = `page-${at % 40}`;
    const tier = pick(TIERS, at);
    const country = pick(COUNTRIES, Math.floor(at / 3));
    const points = (at % 20) * 100;
    const event = `CHAIN(xEvent, timestamp, [C0: WHAT(eventType.equals("${type}", false) and web.webPageDetails.name.equals("${name}", false)) WHEN(<= 24 hours before now)])`;
    const profile = `loyalty.tier.equals("${tier}", false) and homeAddress.country.equals("${country}", false) and loyalty.points > ${points}`;
    const attributes = { tier, country, points: { $gt: points } };
    const facts = { events: { $in: [`${type}/${name}`] } };
    const [value, condition] = [
      [event, facts],
      [profile, attributes],
      [`${profile} and ${event}`, { ...attributes, ...facts }],
    ][at % 3] as [string, JsonObject];
    const audience: AudienceDefinition = {
      id: `audience-${at}`,
      name: `Audience ${at}`,
      evaluation: "edge",
      version: 1,
      expression: { type: "PQL", format: "pql/text", value },
    };
    return { audience, condition };
  });
}

/** The attributes of a visitor, by number. */
export function attributesOf(visitor: number): {
  readonly loyalty: { readonly tier: string; readonly points: number };
  readonly homeAddress: { readonly country: string };
} {
  return {
    loyalty: { tier: pick(TIERS, visitor), points: (visitor * 37) % 2500 },
    homeAddress: { country: pick(COUNTRIES, Math.floor(visitor / 7)) },
  };
}

/** The page views of a visitor today: type and page. */
export function viewsOf(visitor: number, count: number): readonly (readonly [type: string, page: string])[] {
  return Array.from({ length: count }, (_, at) => [
    pick(TYPES, visitor + at),
    `page-${(visitor * 7 + at * 11) % 40}`,
  ]);
}

/** What the edge is told by its hub: the audiences, one datastream, one destination that shows them to the page. */
export function edgeSnapshot(count: number): JsonObject {
  const audiences = questions(count).map(({ audience }) => audience);
  return {
    version: `bench-${count}`,
    organisation: "0A1B2C3D4E5F60718293A4B5@AdobeOrg",
    sandbox: "prod",
    datastreams: [
      {
        id: "main",
        services: {
          platform: { eventDatasets: ["web"], edgeSegmentation: true, personalizationDestinations: true },
        },
      },
    ],
    audiences: audiences as unknown as readonly JsonObject[],
    destinations: [
      {
        id: "page",
        kind: "custom-personalization",
        name: "Page",
        alias: "page",
        audienceIds: audiences.map(({ id }) => id),
        attributes: [],
      },
    ],
    activities: [],
  };
}

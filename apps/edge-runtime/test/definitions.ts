import type { JsonObject } from "@tessera/xdm";

/** The organisation of all tests: made up. */
export const ORG = "0A1B2C3D4E5F60718293A4B5@AdobeOrg";
export const COOKIE = "kndctr_0A1B2C3D4E5F60718293A4B5_AdobeOrg_";
export const TOKEN = "token-between-hub-and-edge";

const audience = (id: string, value: string, more: JsonObject = {}): JsonObject => ({
  id,
  name: id,
  evaluation: "edge",
  version: 1,
  expression: { type: "PQL", format: "pql/text", value },
  ...more,
});

const inLastDay = (type: string): string =>
  `CHAIN(xEvent, timestamp, [C0: WHAT(eventType.equals("${type}", false)) WHEN(<= 24 hours before now)])`;

const ALL = ["viewed-today", "bought-today", "gold", "gold-viewing", "vip-page", "batch-vip"];

/** What the edges of the tests work by. */
export const SNAPSHOT: JsonObject = {
  organisation: ORG,
  sandbox: "prod",
  targetClient: "shop",
  datastreams: [
    {
      id: "main",
      name: "Main",
      services: {
        platform: {
          eventDatasets: ["web", "web-two"],
          profileDataset: "profile",
          edgeSegmentation: true,
          personalizationDestinations: true,
        },
        target: { enabled: true, propertyToken: "p1" },
        audienceManager: { cookieDestinations: true, urlDestinations: true },
      },
    },
    {
      id: "next-session",
      services: { platform: { eventDatasets: ["web"], personalizationDestinations: true } },
    },
    { id: "off", enabled: false },
    {
      id: "server",
      accessType: "authenticatedOnly",
      services: {
        platform: { eventDatasets: ["web"], edgeSegmentation: true, personalizationDestinations: true },
      },
    },
    {
      id: "storefront",
      ipObfuscation: "full",
      services: {
        platform: { eventDatasets: ["web"], edgeSegmentation: true, personalizationDestinations: true },
      },
    },
    {
      id: "own-id",
      firstPartyIdCookie: { enabled: true, name: "shop_device" },
      ipObfuscation: "partial",
      services: { platform: { eventDatasets: ["web"], edgeSegmentation: true } },
    },
  ],
  audiences: [
    audience("viewed-today", inLastDay("web.webpagedetails.pageViews")),
    audience("bought-today", inLastDay("commerce.purchases")),
    audience("gold", 'loyalty.tier.equals("gold", false)'),
    audience(
      "gold-viewing",
      `loyalty.tier.equals("gold", false) and ${inLastDay("web.webpagedetails.pageViews")}`,
    ),
    audience("vip-page", 'inSegment("batch-vip")'),
  ],
  destinations: [
    {
      id: "page",
      kind: "custom-personalization",
      name: "Shop pages",
      alias: "shop",
      audienceIds: ALL,
      attributes: [{ source: "person.name.firstName", target: "firstName" }],
    },
    {
      id: "commerce",
      kind: "commerce",
      name: "Storefront",
      alias: "storefront",
      datastreamId: "storefront",
      audienceIds: ["viewed-today", "gold"],
      attributes: [{ source: "loyalty.tier", target: "tier" }],
    },
    {
      id: "target",
      kind: "target",
      name: "Target",
      audienceIds: ALL,
      attributes: [{ source: "person.name.firstName", target: "firstName" }],
    },
    {
      id: "cookie",
      kind: "cookie",
      name: "Audience cookie",
      audienceIds: ["bought-today"],
      attributes: [],
      cookie: { name: "shop_aud", domain: "shop.test", ttlDays: 10 },
    },
    {
      id: "pixel",
      kind: "url",
      name: "Partner",
      audienceIds: ["bought-today"],
      attributes: [],
      url: { url: "https://www.shop.test/partner.gif", hideReferrer: true, ttlMinutes: 60 },
    },
  ],
  activities: [
    activity(1, "Gold hero", { kind: "any", audiences: ["gold"] }, "Hello ${aep.firstName}, gold"),
    activity(2, "Viewer hero", { kind: "any", audiences: ["viewed-today"] }, "Nice to see you look around"),
    activity(3, "Hero", { kind: "everyone" }, "Welcome"),
    {
      id: 4,
      name: "Banner",
      type: "xt",
      priority: 100,
      audience: { kind: "any", audiences: ["viewed-today"] },
      experiences: [
        {
          id: 0,
          name: "Banner",
          offers: [
            {
              location: { kind: "page-load" },
              offer: {
                kind: "actions",
                actions: [{ type: "setHtml", selector: "#banner", content: "<b>for viewers</b>" }],
              },
            },
          ],
        },
      ],
    },
    {
      id: 5,
      name: "Facts",
      type: "xt",
      experiences: [
        {
          id: 0,
          name: "All",
          offers: [
            {
              location: { kind: "mbox", name: "facts" },
              offer: { kind: "json", content: { tier: '${aep.tier default="none"}', list: [1, 2] } },
            },
            {
              location: { kind: "mbox", name: "away" },
              offer: {
                kind: "redirect",
                url: "https://www.shop.test/sale?from=${aep.firstName default='guest & co'}",
              },
            },
          ],
        },
      ],
    },
  ],
  audienceManager: {
    dataSources: [{ dpid: 1001, integrationCode: "crm", namespace: "CRMID" }],
    traits: [{ sid: 501, rule: 'category == "shoes"' }],
    segments: [{ id: 601, rule: "501T" }],
    cookieDestinations: [
      {
        id: 701,
        cookieName: "aam_shop",
        domain: "shop.test",
        ttlDays: 30,
        key: "seg",
        values: [{ segmentId: 601, value: "shoes" }],
      },
    ],
    urlDestinations: [
      { id: 801, segmentId: 601, url: "//partner.test/p.gif?u=%did%", tag: "img", hideReferrer: true },
    ],
  },
};

function activity(id: number, name: string, target: JsonObject, text: string): JsonObject {
  const offer = { kind: "html", content: text };
  const experiences = [{ id: 0, name, offers: [{ location: { kind: "mbox", name: "hero" }, offer }] }];
  return { id, name, type: "xt", priority: 900 - id, audience: target, experiences };
}

const AT = "2026-01-31T12:00:00.000Z";
const member = { status: "realized", lastQualificationTime: AT };

/** Who the hub knows, by identity. */
export const PERSONS: Readonly<Record<string, JsonObject>> = {
  "CRMID:gold-1": {
    personId: "person-gold",
    version: 7,
    identities: [
      { namespace: "CRMID", id: "gold-1" },
      { namespace: "ECID", id: "11111111111111111111111111111111111111" },
    ],
    attributes: { person: { name: { firstName: "Ada" } }, loyalty: { tier: "gold" } },
    segmentMembership: { ups: { "batch-vip": member, gold: member } },
  },
  "CRMID:refuses": {
    personId: "person-refuses",
    version: 3,
    identities: [{ namespace: "CRMID", id: "refuses" }],
    attributes: { consents: { collect: { val: "n" } }, loyalty: { tier: "gold" } },
    segmentMembership: {},
  },
};

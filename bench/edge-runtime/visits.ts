import { attributesOf, questions, viewsOf } from "./definitions.ts";

// Applications have no exports: their files are imported by their places.
const { writeIdentityCookie } = (await import(
  new URL("../../apps/edge-runtime/src/identity-cookie.ts", import.meta.url).href
)) as { readonly writeIdentityCookie: (identity: object) => string };

/** What the Web SDK sends for a page view, for one visitor, as bytes. */
function requestOf(visitor: number, round: number): Buffer {
  const ecid = String(visitor).padStart(9, "0").padStart(38, "1");
  // As the edge wrote it on an earlier page of today: it is not due to be written again.
  const cookie = writeIdentityCookie({
    ecid,
    createdAt: Date.now(),
    writtenAt: Date.now(),
    region: "VA6",
    source: "random",
  });
  const [type, name] = viewsOf(visitor + round, 1)[0] ?? ["", ""];
  const now = new Date().toISOString();
  const body = JSON.stringify({
    events: [
      {
        xdm: {
          web: {
            webPageDetails: { URL: `https://www.shop.test/${name}`, name },
            webReferrer: { URL: "https://www.shop.test/" },
          },
          device: { screenHeight: 720, screenWidth: 1280, screenOrientation: "landscape" },
          environment: {
            type: "browser",
            browserDetails: { viewportWidth: 1280, viewportHeight: 720 },
          },
          placeContext: { localTimezoneOffset: 0, localTime: now, ianaTimezone: "UTC" },
          timestamp: now,
          implementationDetails: {
            name: "https://ns.adobe.com/experience/alloy",
            version: "2.32.0",
            environment: "browser",
          },
          eventType: type,
        },
      },
    ],
    query: { identity: { fetch: ["ECID"] } },
    meta: { queueTimeMillis: 1, state: { domain: "shop.test", cookiesEnabled: true } },
  });
  const head = [
    "POST /ee/va6/v1/interact?configId=main HTTP/1.1",
    "host: edge.shop.test",
    "user-agent: Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36",
    "accept: */*",
    "origin: https://www.shop.test",
    "referer: https://www.shop.test/page",
    "accept-language: en-US,en;q=0.9",
    "content-type: text/plain; charset=UTF-8",
    `cookie: kndctr_0A1B2C3D4E5F60718293A4B5_AdobeOrg_identity=${cookie}; kndctr_0A1B2C3D4E5F60718293A4B5_AdobeOrg_cluster=va6`,
    `content-length: ${Buffer.byteLength(body)}`,
  ].join("\r\n");
  return Buffer.from(`${head}\r\n\r\n${body}`);
}

/** Prepared requests: one page view of each of so many visitors. */
export interface Visits {
  /** Gives the requests of the first `visitors` one after the other, each event happening now. */
  readonly requests: (visitors: number) => () => Buffer;
  /** The request of one visitor, taken apart. */
  readonly of: (visitor: number) => { readonly cookie: string; readonly body: string };
}

/** Prepares the requests of so many visitors. */
export function prepareVisits(count: number): Visits {
  const prepared = Array.from({ length: count }, (_, visitor) => {
    const bytes = requestOf(visitor, 0);
    return { bytes, timestampAt: bytes.indexOf('"timestamp":"') + 13 };
  });
  return {
    requests: (visitors) => {
      let turn = 0;
      let writtenAt = 0;
      let text = "";
      return () => {
        const next = prepared[turn++ % visitors];
        if (next === undefined) throw new Error("There are no visitors.");
        const now = Date.now();
        if (now !== writtenAt) text = new Date((writtenAt = now)).toISOString();
        next.bytes.write(text, next.timestampAt, "latin1");
        return next.bytes;
      };
    },
    of: (visitor) => {
      const [head = "", body = ""] = (prepared[visitor]?.bytes.toString("utf8") ?? "").split("\r\n\r\n");
      return { cookie: /cookie: (.*)/.exec(head)?.[1] ?? "", body };
    },
  };
}

/** The audiences a visitor is in after one page view, worked out without the engine. */
export function expectedAudiences(audiences: number, visitor: number): readonly string[] {
  const { loyalty, homeAddress } = attributesOf(visitor);
  const seen = new Set(viewsOf(visitor, 1).map(([type, page]) => `${type}/${page}`));
  return questions(audiences)
    .filter(({ condition }) => {
      const { tier, country, points, events } = condition as {
        tier?: string;
        country?: string;
        points?: { $gt: number };
        events?: { $in: string[] };
      };
      if (tier !== undefined && tier !== loyalty.tier) return false;
      if (country !== undefined && country !== homeAddress.country) return false;
      if (points !== undefined && loyalty.points <= points.$gt) return false;
      return events === undefined || events.$in.some((event) => seen.has(event));
    })
    .map(({ audience }) => audience.id);
}

import { err, type Issue, isObject, type JsonSchema, ok, type Result } from "@tessera/xdm";
import type { DestinationDefinition } from "./definition.ts";
import { profileRequest } from "./profile-request.ts";
import { checkSettings, settingsIssue } from "./settings.ts";

/** Settings of a cookie that pages keep for a visitor's audiences. */
export interface PageCookieSettings {
  readonly cookieName: string;
  /** The domain the cookie is for; the page's own without it. */
  readonly domain?: string;
  readonly ttlDays: number;
  /** The datastream it is served on; every one without it. */
  readonly datastreamId?: string;
}

/** Settings of an address that pages call for the members of audiences. */
export interface PageAddressSettings {
  readonly url: string;
  readonly hideReferrer: boolean;
  /** A member's pages call it again after so many minutes. */
  readonly ttlMinutes: number;
  /** The datastream it is served on; every one without it. */
  readonly datastreamId?: string;
}

const DATASTREAM: JsonSchema = { type: "string", minLength: 1, maxLength: 100, title: "Datastream" };
const DESCRIPTION: JsonSchema = { type: "string", maxLength: 1000, title: "Description" };

const COOKIE: JsonSchema = {
  type: "object",
  title: "Cookie",
  properties: {
    cookieName: { type: "string", maxLength: 100, pattern: "^[A-Za-z0-9_.-]+$", title: "Name of the cookie" },
    domain: { type: "string", maxLength: 253, pattern: "^[.]?[a-z0-9-]+([.][a-z0-9-]+)+$", title: "Domain" },
    ttlDays: { type: "integer", minimum: 1, maximum: 390, title: "Kept for days (30)" },
    datastreamId: DATASTREAM,
    description: DESCRIPTION,
  },
  required: ["cookieName"],
  additionalProperties: false,
};

const ADDRESS: JsonSchema = {
  type: "object",
  title: "Address",
  properties: {
    url: { type: "string", format: "uri", maxLength: 2000, title: "Address (https)" },
    hideReferrer: { type: "boolean", title: "Without telling the page (yes)" },
    ttlMinutes: { type: "integer", minimum: 1, maximum: 525_600, title: "Again after minutes (1440)" },
    datastreamId: DATASTREAM,
    description: DESCRIPTION,
  },
  required: ["url"],
  additionalProperties: false,
};

const CAPABILITIES = {
  namespaces: "any",
  batchMax: 1,
  removals: true,
  attributes: false,
  audienceDefinitions: false,
  backfill: false,
} as const;

/** A cookie destination: the page keeps `seg=<audience>,…` of the mapped audiences its visitor is in (`activation:push`). */
export const pageCookie: DestinationDefinition<PageCookieSettings> = {
  slug: "cookie",
  title: "Cookie",
  description:
    "Has pages keep a cookie with the audiences their visitor is in, for whatever else reads it there.",
  kind: "profile-request",
  settings: COOKIE,
  parseSettings: parseCookie,
  capabilities: { ...CAPABILITIES, marketingActions: ["onsitePersonalization"] },
  ...profileRequest,
};

/** A URL destination: the page calls an address when its visitor is in a mapped audience (`activation:push`). */
export const pageAddress: DestinationDefinition<PageAddressSettings> = {
  slug: "url",
  title: "URL",
  description: "Has pages call an address when their visitor is in one of the audiences.",
  kind: "profile-request",
  settings: ADDRESS,
  parseSettings: parseAddress,
  capabilities: { ...CAPABILITIES, marketingActions: ["crossSiteTargeting"] },
  ...profileRequest,
};

function parseCookie(input: unknown): Result<PageCookieSettings, readonly Issue[]> {
  const issues = checkSettings(COOKIE, input);
  if (issues.length > 0 || !isObject(input)) return err(issues);
  const { cookieName, domain, ttlDays, datastreamId } = input;
  return ok({
    cookieName: String(cookieName),
    ttlDays: typeof ttlDays === "number" ? ttlDays : 30,
    ...(typeof domain === "string" ? { domain } : {}),
    ...(typeof datastreamId === "string" ? { datastreamId } : {}),
  });
}

function parseAddress(input: unknown): Result<PageAddressSettings, readonly Issue[]> {
  const issues = checkSettings(ADDRESS, input);
  if (issues.length > 0 || !isObject(input)) return err(issues);
  const { url, hideReferrer, ttlMinutes, datastreamId } = input;
  // Pages are https: a browser calls nothing else from them.
  if (typeof url !== "string" || !url.startsWith("https://"))
    return err([settingsIssue("settings.format", ["url"], "an https address", url)]);
  return ok({
    url,
    hideReferrer: hideReferrer !== false,
    ttlMinutes: typeof ttlMinutes === "number" ? ttlMinutes : 1440,
    ...(typeof datastreamId === "string" ? { datastreamId } : {}),
  });
}

import { isObject } from "@tessera/xdm";
import { HINT_TTL_SECONDS } from "./region.ts";

/** One instruction to the client to keep a cookie: an item of the `state:store` handle. */
export interface StateEntry {
  readonly key: string;
  readonly value: string;
  /** Seconds. */
  readonly maxAge: number;
  readonly attrs: { readonly SameSite: "None" };
}

/** How long the identity cookie lives, in seconds: 395 days. */
const IDENTITY_TTL_SECONDS = 34_128_000;
/** How long a consent choice is remembered, in seconds: 180 days. */
const CONSENT_TTL_SECONDS = 15_552_000;

/** The start of the names of an organisation's cookies: `kndctr_97D1…_AdobeOrg_`. */
export function cookiePrefix(organisation: string): string {
  return `kndctr_${organisation.replaceAll("@", "_")}_`;
}

/** The state a request carried: this organisation's cookies, from the body or from the `Cookie` header. */
export interface ClientState {
  readonly identity: string | undefined;
  readonly consent: string | undefined;
  /** The apex domain of the page, as the client says it. */
  readonly domain: string;
  readonly cookiesEnabled: boolean;
}

/**
 * Reads the state. Entries of the body count first (third-party edge domain), then cookies (first-party domain).
 * What is not a string is not there.
 */
export function readState(meta: unknown, cookieHeader: string | undefined, prefix: string): ClientState {
  const state = isObject(meta) && isObject(meta["state"]) ? meta["state"] : {};
  const entries = Array.isArray(state["entries"]) ? (state["entries"] as unknown[]) : [];
  const find = (name: string): string | undefined => {
    const key = prefix + name;
    for (const entry of entries.slice(0, 64)) {
      if (isObject(entry) && entry["key"] === key && typeof entry["value"] === "string")
        return entry["value"];
    }
    return cookieValue(cookieHeader, key);
  };
  const domain = state["domain"];
  return {
    identity: find("identity"),
    consent: find("consent"),
    domain: typeof domain === "string" ? domain : "",
    cookiesEnabled: state["cookiesEnabled"] !== false,
  };
}

/** The value of a cookie in a `Cookie` header. */
export function cookieValue(header: string | undefined, name: string): string | undefined {
  if (header === undefined) return undefined;
  let from = 0;
  for (;;) {
    const at = header.indexOf(`${name}=`, from);
    if (at < 0) return undefined;
    const before = at === 0 ? ";" : header.charAt(at - 1);
    if (before === ";" || before === " ") {
      const end = header.indexOf(";", at);
      return header.slice(at + name.length + 1, end < 0 ? undefined : end).trim();
    }
    from = at + name.length;
  }
}

/** The identity cookie as a state entry. */
export function identityEntry(prefix: string, value: string): StateEntry {
  return entry(`${prefix}identity`, value, IDENTITY_TTL_SECONDS);
}

/** The cookie that brings the next request to the same region. */
export function clusterEntry(prefix: string, hint: string): StateEntry {
  return entry(`${prefix}cluster`, hint, HINT_TTL_SECONDS);
}

/** The consent cookie as a state entry. */
export function consentEntry(prefix: string, value: string): StateEntry {
  return entry(`${prefix}consent`, value, CONSENT_TTL_SECONDS);
}

/** Entries as JSON text. */
export function stateText(entries: readonly StateEntry[]): string {
  let text = "";
  for (const { key, value, maxAge } of entries) {
    const start = text === "" ? "[" : ",";
    text += `${start}{"key":${JSON.stringify(key)},"value":${JSON.stringify(value)},"maxAge":${maxAge},"attrs":{"SameSite":"None"}}`;
  }
  return text === "" ? "[]" : `${text}]`;
}

function entry(key: string, value: string, maxAge: number): StateEntry {
  return { key, value, maxAge, attrs: { SameSite: "None" } };
}

const DOMAIN = /^[a-z0-9-]+(\.[a-z0-9-]+)+$/;

/**
 * The same entries as `Set-Cookie` headers, when the edge is called under the page's own domain: cookies set by a
 * server outlive those set by scripts in some browsers. Never for a domain the request's host does not belong to.
 */
export function setCookieHeaders(
  entries: readonly StateEntry[],
  state: ClientState,
  host: string | undefined,
): readonly (readonly [string, string])[] {
  const name = host?.split(":", 1)[0]?.toLowerCase() ?? "";
  const { domain } = state;
  if (!state.cookiesEnabled || !DOMAIN.test(domain)) return [];
  if (name !== domain && !name.endsWith(`.${domain}`)) return [];
  return entries.map(({ key, value, maxAge }) => [
    "set-cookie",
    `${key}=${value}; Domain=${domain}; Path=/; Max-Age=${maxAge}; SameSite=None; Secure`,
  ]);
}

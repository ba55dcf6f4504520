import { err, isObject, type JsonObject, ok, parseJson, type Result } from "@tessera/xdm";
import type { EdgeError } from "./errors.ts";
import { parseTcf } from "./tcf.ts";

/** The one answer the gate asks for: may this visitor's events be collected. */
export type GeneralConsent = "in" | "out" | "pending";

/** What a set-consent request said. */
export interface ConsentChoice {
  readonly general: GeneralConsent;
  /** The choices as XDM `consents`, for the profile on the hub. */
  readonly consents: JsonObject;
}

/** How TCF strings are read: the vendor number of who runs the edge, when they are registered. */
export interface ConsentOptions {
  readonly tcfVendorId?: number;
}

const VALUES = new Set(["y", "n", "p", "u", "li", "ct", "cp", "vi", "pi", "dy", "dn"]);

/**
 * Reads `consent[]` of set-consent: Adobe 1.0 (`general`), Adobe 2.0 (`collect.val` and the other purposes), IAB TCF 2.
 * When several standards say different things the strictest wins: out before pending before in.
 */
export function parseConsent(input: unknown, options: ConsentOptions): Result<ConsentChoice, EdgeError> {
  if (input === undefined) return err(missing("consent"));
  if (!Array.isArray(input) || input.length === 0)
    return err(wrong("consent: expected a list with at least one consent."));
  let general: GeneralConsent = "in";
  let consents: JsonObject = {};
  for (const item of input as unknown[]) {
    const read = parseOne(item, options);
    if (!read.ok) return read;
    general = strictest(general, read.value.general);
    consents = { ...consents, ...read.value.consents };
  }
  return ok({ general, consents });
}

function strictest(a: GeneralConsent, b: GeneralConsent): GeneralConsent {
  if (a === "out" || b === "out") return "out";
  return a === "pending" || b === "pending" ? "pending" : "in";
}

function parseOne(item: unknown, options: ConsentOptions): Result<ConsentChoice, EdgeError> {
  if (!isObject(item)) return err(wrong("consent: expected objects with standard, version and value."));
  const { standard, version, value } = item;
  const major = typeof version === "string" ? version.split(".", 1)[0] : undefined;
  if (standard === "Adobe" && major === "1") return parseAdobe1(value);
  if (standard === "Adobe" && major === "2") return parseAdobe2(value);
  if (standard === "IAB TCF" && major === "2") return parseIab(item, options);
  return err(wrong("consent.standard: expected Adobe 1.0, Adobe 2.0 or IAB TCF 2.0."));
}

function parseAdobe1(value: unknown): Result<ConsentChoice, EdgeError> {
  const general = isObject(value) ? value["general"] : undefined;
  if (general === "in" || general === "out") {
    return ok({ general, consents: { collect: { val: general === "in" ? "y" : "n" } } });
  }
  if (general === "pending" || general === "not_provided") return ok({ general: "pending", consents: {} });
  return err(wrong("consent.value.general: expected in, out, pending or not_provided."));
}

function parseAdobe2(value: unknown): Result<ConsentChoice, EdgeError> {
  const json = isObject(value) ? parseJson(value) : undefined;
  if (json === undefined || "badPath" in json || !isObject(json.value)) {
    return err(wrong("consent.value: expected an object of purposes, each with val."));
  }
  const consents = json.value as JsonObject;
  const { collect } = consents;
  if (collect === undefined) return ok({ general: "in", consents });
  const val = isObject(collect) ? collect["val"] : undefined;
  if (typeof val !== "string" || !VALUES.has(val)) {
    return err(wrong(`consent.value.collect.val: expected one of ${[...VALUES].join(" ")}.`));
  }
  return ok({ general: generalOf(val), consents });
}

/** `u` (unknown) and `p` (pending) wait; `n` and `dn` refuse; every other code is a ground to collect. */
function generalOf(val: string): GeneralConsent {
  if (val === "n" || val === "dn") return "out";
  return val === "p" || val === "u" ? "pending" : "in";
}

function parseIab(item: Record<string, unknown>, options: ConsentOptions): Result<ConsentChoice, EdgeError> {
  const { value, gdprApplies } = item;
  if (typeof value !== "string") return err(wrong("consent.value: expected a TCF 2 string."));
  const general = tcfConsent(value, gdprApplies !== false, options);
  if (general === undefined) return err(wrong("consent.value: expected a TCF 2 string."));
  return ok({ general, consents: { collect: { val: general === "in" ? "y" : "n" } } });
}

/**
 * Whether a TCF string lets events be collected: yes where GDPR does not apply; else purpose 1 (storing and reading
 * on the device) and, when a vendor number is set, that vendor must be consented to.
 */
function tcfConsent(text: string, gdprApplies: boolean, options: ConsentOptions): GeneralConsent | undefined {
  const tcf = parseTcf(text);
  if (tcf === undefined) return undefined;
  if (!gdprApplies) return "in";
  const vendor = options.tcfVendorId === undefined || tcf.consentsTo(options.tcfVendorId);
  return tcf.purposes.has(1) && vendor ? "in" : "out";
}

/** The TCF decision an event carries in `consentStrings`, when it carries one. */
export function eventConsent(xdm: JsonObject, options: ConsentOptions): GeneralConsent | undefined {
  const strings = xdm["consentStrings"];
  if (!Array.isArray(strings)) return undefined;
  for (const item of strings as unknown[]) {
    if (!isObject(item) || item["consentStandard"] !== "IAB TCF") continue;
    const text = item["consentStringValue"];
    if (typeof text !== "string") continue;
    return tcfConsent(text, item["gdprApplies"] !== false, options) ?? "out";
  }
  return undefined;
}

/** The consent cookie's value. */
export function writeConsentCookie(general: GeneralConsent): string {
  return `general=${general}`;
}

/** Reads the consent cookie: `general=in|out|pending` among `k=v` pairs. Anything else is no choice. */
export function readConsentCookie(value: string | undefined): GeneralConsent | undefined {
  if (value === undefined || value.length > 512) return undefined;
  const match = /(?:^|;)general=(in|out|pending)(?:;|$)/.exec(value);
  return match?.[1] as GeneralConsent | undefined;
}

function wrong(detail: string): EdgeError {
  return { code: "EXEG-0102", detail: `${detail} Correct the consent and send it again.` };
}

function missing(name: string): EdgeError {
  return { code: "EXEG-0103", detail: `${name}: expected a list, got nothing.` };
}

import { digest } from "@tessera/xdm";
import { type AamDevice, ecidOfUuid, newAamDevice } from "./aam-device.ts";
import { type AamError, type AamParameters, type AamRequest, cookieOf, readCall } from "./aam-request.ts";
import { type DeclaredIds, readCustomerIds } from "./customer-ids.ts";
import type { AamEdge } from "./edge-config.ts";
import { type AamReply, callbackOf, jsonReply, preflightReply } from "./reply.ts";

/** What a handler is given beside the request. */
export interface AamContext {
  readonly edge: AamEdge;
  /** ISO 8601. */
  readonly now: string;
  /** What was saved of the device under `aamDeviceKey`, if anything. */
  readonly device?: AamDevice;
  /** A fresh random Audience Manager id: 38 decimal digits. Asked only when the request brings none. */
  readonly newUuid: () => string;
  /** ISO country code of the caller, if known. */
  readonly country?: string;
}

/** A call that is let in. */
export interface OpenCall {
  readonly kind: "open";
  readonly parameters: AamParameters;
  readonly callback: string | undefined;
  readonly device: AamDevice;
  readonly customers: DeclaredIds;
  readonly errors: readonly AamError[];
  readonly tid: string;
}

/** A call that is answered at once. */
export interface ClosedCall {
  readonly kind: "closed";
  readonly reply: AamReply;
  readonly errors: readonly AamError[];
}

const ID = /^\d{38}$/;
const EMBARGOED = new Set(["CU", "IR", "KP", "SD", "SY"]);

/**
 * Under which key a device is kept: its ECID when the request declares one, its Audience Manager id otherwise
 * (`d_uuid`, then the `demdex` cookie). `undefined` when the request names no device or cannot be read.
 */
export function aamDeviceKey(
  request: AamRequest,
): { readonly namespace: "ECID" | "CORE"; readonly id: string } | undefined {
  const read = readCall(request);
  if (read.kind === "refused") return undefined;
  const mid = read.parameters.get("d_mid");
  if (mid !== undefined && ID.test(mid)) return { namespace: "ECID", id: mid };
  const uuid = read.parameters.get("d_uuid") ?? cookieOf(request, "demdex");
  return uuid !== undefined && ID.test(uuid) ? { namespace: "CORE", id: uuid } : undefined;
}

/** Everything `/event` and `/id` check alike: method, size, encoding, host, organisation, referer, country, ids. */
export function openCall(request: AamRequest, context: AamContext): OpenCall | ClosedCall {
  if (request.method.toUpperCase() === "OPTIONS")
    return { kind: "closed", reply: preflightReply(request), errors: [] };
  const read = readCall(request);
  if (read.kind === "refused") return closed(request, undefined, [read.error], read.status);
  const { parameters } = read;
  const callback = callbackOf(parameters);
  if (callback === false)
    return closed(request, undefined, [{ code: 311, msg: "The request contains invalid parameters" }]);
  const barred = barrier(request, parameters, context);
  if (barred !== undefined) return closed(request, callback, [barred]);
  const mid = parameters.get("d_mid");
  if (mid !== undefined && !ID.test(mid))
    return closed(request, callback, [{ code: 101, msg: "Invalid Experience Cloud id passed in" }]);
  const uuid = parameters.get("d_uuid");
  if (uuid !== undefined && !ID.test(uuid))
    return closed(request, callback, [{ code: 102, msg: "Invalid aam id passed in request" }]);
  const customers = readCustomerIds(parameters, context.edge.sources);
  const cookie = cookieOf(request, "demdex");
  const known = uuid ?? (cookie !== undefined && ID.test(cookie) ? cookie : undefined);
  if (customers.declared > 0 && customers.ids.length === 0 && mid === undefined && known === undefined)
    return closed(request, callback, customers.errors);
  const device = deviceOf(context, mid, known);
  const tid = tidOf(digest(`${device.uuid}\n${context.now}\n${request.url}\n${request.body ?? ""}`));
  return { kind: "open", parameters, callback, device, customers, errors: customers.errors, tid };
}

function deviceOf(context: AamContext, mid: string | undefined, known: string | undefined): AamDevice {
  const { device, edge } = context;
  if (device !== undefined)
    return mid === undefined || device.ecid === mid ? device : { ...device, ecid: mid };
  const uuid = known ?? context.newUuid();
  if (!ID.test(uuid)) throw new TypeError("newUuid must give 38 decimal digits");
  return newAamDevice(uuid, mid ?? ecidOfUuid(edge.config.orgId, uuid));
}

function barrier(request: AamRequest, parameters: AamParameters, context: AamContext): AamError | undefined {
  const { edge, country } = context;
  const host = request.headers["host"]?.toLowerCase().replace(/:\d+$/, "");
  if (edge.hosts !== undefined) {
    if (host === undefined || host === "")
      return { code: 100, msg: "Could not retrieve host name for the request" };
    if (!edge.hosts.has(host)) return { code: 1, msg: "Could not find config for the host name" };
  }
  const org = parameters.get("d_orgid");
  if (org !== undefined && org !== edge.config.orgId)
    return { code: 2, msg: "Invalid d_orgid value (could not find a config for this org id)" };
  if (edge.referers !== undefined && !edge.referers.has(refererHost(request)))
    return { code: 109, msg: "The referer is not allowed for this partner" };
  if (country !== undefined && EMBARGOED.has(country))
    return { code: 199, msg: "Requests from this country are not allowed" };
  if (country !== undefined && edge.blockedCountries.has(country))
    return { code: 198, msg: "Requests from this country are blocked by partner" };
  return undefined;
}

function refererHost(request: AamRequest): string {
  const referer = request.headers["referer"] ?? "";
  return URL.canParse(referer) ? new URL(referer).hostname : "";
}

function closed(
  request: AamRequest,
  callback: string | undefined,
  errors: readonly AamError[],
  status = 200,
): ClosedCall {
  // VisitorAPI reads `error_msg`; DIL and servers read `errors`.
  const body = { errors, error_msg: errors.map(({ msg }) => msg).join("; ") };
  return { kind: "closed", reply: jsonReply(request, callback, body, { status, errors }), errors };
}

const TID_LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/** Twelve characters from 24 hex digits: enough to find a call in a log. */
function tidOf(hex: string): string {
  let tid = "";
  for (let index = 0; index < 12; index += 1)
    tid += TID_LETTERS[Number.parseInt(hex.slice(index * 2, index * 2 + 2), 16) % 64] ?? "A";
  return tid;
}

/** The third-party cookie that recognises the device: 180 days. */
export function demdexCookie(edge: AamEdge, uuid: string): string {
  const domain = edge.config.cookieDomain === undefined ? "" : `; Domain=${edge.config.cookieDomain}`;
  return `demdex=${uuid}; Max-Age=15552000; Path=/${domain}; Secure; SameSite=None`;
}

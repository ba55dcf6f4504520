import { parseInstant } from "@tessera/xdm";
import { isNumber } from "../rules/trait-rule.ts";
import type { RuleSignal } from "../rules/compile-rules.ts";
import { type AamDevice, realise } from "./aam-device.ts";
import type { AamError, AamParameters, AamRequest } from "./aam-request.ts";
import type { AamUrlDestination } from "./edge-config.ts";
import { idSyncs } from "./handle-id.ts";
import { type AamContext, demdexCookie, openCall, type OpenCall } from "./open-call.ts";
import { type AamReply, jsonReply, pixelReply } from "./reply.ts";
import { type AamSignalEvent, signalEvent } from "./signal-event.ts";

/** The answer to `/event`, the device to save, and the event for the hub. */
export interface AamEventAnswer {
  readonly reply: AamReply;
  readonly device?: AamDevice;
  /** The call's signals as an experience event; absent when the device opted out or the call was refused. */
  readonly event?: AamSignalEvent;
  /** Traits realised by this very call, and the segments the device is in after it. */
  readonly realized: readonly number[];
  readonly segments: readonly number[];
  readonly errors: readonly AamError[];
}

/**
 * Answers a data call of DIL, VisitorAPI or a server: evaluates traits over the call's signals and segments over the
 * device's traits, and answers with cookies (`stuff`), addresses (`dests`), id synchronisations (`ibs`) and, when
 * asked (`d_cts`), traits and segments. Without `d_rtbd=json` the answer is a pixel. Pure: the device is given and
 * given back.
 */
export function handleAamEvent(request: AamRequest, context: AamContext): AamEventAnswer {
  const call = openCall(request, context);
  if (call.kind === "closed") return { reply: call.reply, realized: [], segments: [], errors: call.errors };
  const refusal = optOut(call);
  if (refusal !== undefined) {
    const errors = [...call.errors, refusal];
    const reply = replyTo(
      request,
      call,
      { uuid: call.device.uuid, stuff: [], dests: [], ibs: [] },
      { errors },
    );
    return { reply, device: call.device, realized: [], segments: [], errors };
  }
  const now = parseInstant(context.now);
  if (!now.ok) throw new TypeError("handleAamEvent: now must be an ISO 8601 instant");
  const { edge } = context;
  const signals = signalsOf(call.parameters);
  const realized = [
    ...new Set([
      ...edge.rules.realizedTraits([...signals, ...headerSignals(request)], context.now),
      ...sids(call.parameters, "d_sid").filter((sid) => edge.rules.hasTrait(sid)),
    ]),
  ].sort((a, b) => a - b);
  const removed = sids(call.parameters, "d_unsid");
  const lifetime = (sid: number): number => edge.rules.lifetimeDays(sid);
  const after = realise(call.device, { realized, removed, now: now.value, lifetime });
  const segments = edge.rules.segmentsOf(after.traits, context.now);
  const { stuff, cookies } = cookiesFor(call.device, segments, context);
  const device = { ...after, cookies };
  const body = {
    stuff,
    uuid: device.uuid,
    dcs_region: edge.config.region,
    tid: call.tid,
    ...(call.parameters.get("d_dst") === "1" && { dests: destinationsFor(device, segments, context) }),
    ibs: call.parameters.get("d_jsonv") === "0" ? [] : idSyncs(edge.config.idSyncs ?? []),
    us: 0,
    ...(/^[12]$/.test(call.parameters.get("d_cts") ?? "") && {
      traits: Object.keys(device.traits).map(Number),
      segments,
    }),
  };
  const reply = replyTo(request, call, body, {
    errors: call.errors,
    setCookie: demdexCookie(edge, device.uuid),
  });
  const event = signalEvent({
    call,
    device,
    signals,
    realized,
    now: context.now,
    region: edge.config.region,
  });
  return { reply, device, event, realized, segments, errors: call.errors };
}

function optOut(call: OpenCall): AamError | undefined {
  if (call.device.optedOut) return { code: 171, msg: "Encountered opt out tag for this id" };
  const consent = call.parameters.get("gdpr_consent");
  return call.parameters.get("gdpr") === "1" && (consent === undefined || consent === "")
    ? { code: 315, msg: "Consent string indicates no consent" }
    : undefined;
}

function replyTo(
  request: AamRequest,
  call: OpenCall,
  body: { readonly [field: string]: unknown },
  parts: { readonly errors: readonly AamError[]; readonly setCookie?: string },
): AamReply {
  const all = { ...parts, status: 200, tid: call.tid };
  if (call.parameters.get("d_rtbd") !== "json") return pixelReply(request, all);
  const errors = parts.errors.length > 0 ? { errors: parts.errors } : {};
  return jsonReply(request, call.callback, { ...body, tid: call.tid, ...errors }, all);
}

/** Parameters of the call itself: the clients' cache buster, and consent. */
const NO_SIGNALS = new Set(["_ts", "gdpr", "gdpr_consent"]);

/** Signals: every key that is not reserved (`d_`). `a=1,2` are two values; quotes around a value are not part of it. */
function signalsOf(parameters: AamParameters): readonly RuleSignal[] {
  return parameters.pairs.flatMap(([key, text]) =>
    key.startsWith("d_") || NO_SIGNALS.has(key) ? [] : valuesOf(text).map((value) => signal(key, value)),
  );
}

function signal(key: string, value: string): RuleSignal {
  return isNumber(value) ? { key, value, number: Number(value) } : { key, value };
}

function valuesOf(text: string): readonly string[] {
  if (!text.includes(",") && !text.startsWith('"')) return [text];
  return [...text.matchAll(/"([^"]*)"|[^,]+/g)].map((match) => match[1] ?? match[0].trim());
}

const HEADER_SIGNALS = ["host", "user-agent", "accept-language", "referer"];

/** Headers take part in rules under `h_`, and are not kept. */
function headerSignals(request: AamRequest): readonly RuleSignal[] {
  return HEADER_SIGNALS.flatMap((name) => {
    const value = request.headers[name];
    return value === undefined ? [] : [{ key: `h_${name}`, value }];
  });
}

function sids(parameters: AamParameters, key: string): readonly number[] {
  return parameters
    .all(key)
    .flatMap((text) => text.split(",").flatMap((sid) => (/^\d{1,15}$/.test(sid) ? [Number(sid)] : [])));
}

/** The cookies for the page; one that had a value and has none now is emptied. */
function cookiesFor(
  before: AamDevice,
  segments: readonly number[],
  { edge }: AamContext,
): { readonly stuff: readonly { readonly [field: string]: unknown }[]; readonly cookies: readonly number[] } {
  const member = new Set(segments);
  const cookies: number[] = [];
  const stuff = (edge.config.cookieDestinations ?? []).flatMap((cookie) => {
    const values = cookie.values.filter(({ segmentId }) => member.has(segmentId)).map(({ value }) => value);
    const told = { cn: cookie.cookieName, ttl: cookie.ttlDays, dmn: cookie.domain };
    if (values.length === 0) return before.cookies.includes(cookie.id) ? [{ ...told, cv: "", ttl: 0 }] : [];
    cookies.push(cookie.id);
    const list = [...new Set(values)].join(",");
    return [{ ...told, cv: cookie.key === undefined ? list : `${cookie.key}=${list}` }];
  });
  return { stuff, cookies };
}

function destinationsFor(
  device: AamDevice,
  segments: readonly number[],
  context: AamContext,
): readonly { readonly [field: string]: unknown }[] {
  const member = new Set(segments);
  return (context.edge.config.urlDestinations ?? [])
    .filter(({ segmentId }) => member.has(segmentId))
    .map((destination) => ({
      c: withMacros(destination.url, device, context.now),
      ...(destination.secureUrl !== undefined && {
        e: withMacros(destination.secureUrl, device, context.now),
      }),
      hr: destination.hideReferrer ?? true,
      y: destination.tag satisfies AamUrlDestination["tag"],
      id: destination.id,
    }));
}

function withMacros(url: string, device: AamDevice, now: string): string {
  const seconds = String(Math.floor(Date.parse(now) / 1000));
  const values: { readonly [macro: string]: string } = {
    "%did%": device.uuid,
    "%mcid%": device.ecid,
    "%timestamp%": seconds,
    "%http_proto%": url.startsWith("http:") ? "http" : "https",
  };
  return url.replace(/%(?:did|mcid|timestamp|http_proto)%/g, (macro) => values[macro] ?? macro);
}

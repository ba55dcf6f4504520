import { err, isObject, ok, type Result } from "@tessera/xdm";
import { pullText } from "./activation.ts";
import { handleAnswer, type Handle, JsonText } from "./answer.ts";
import { readConsentCookie } from "./consent.ts";
import { type Device, resolveDevice } from "./device.ts";
import { decidePropositions } from "./decisions.ts";
import type { Edge } from "./edge.ts";
import type { EdgeError } from "./errors.ts";
import type { EdgeContext, EdgeReply, EdgeRequest } from "./exchange.ts";
import { sharedMembers } from "./evaluate.ts";
import { fetchedNamespaces } from "./identify.ts";
import { type EdgeRegion, HINT_TTL_SECONDS } from "./region.ts";
import { openSession, type Session } from "./session.ts";
import { createSlot } from "./slot.ts";
import { clusterEntry, setCookieHeaders, type StateEntry, stateText } from "./state.ts";
import { logTold } from "./target-told.ts";
import type { Route } from "./route.ts";
import { type EventAnswer, readVisitEvents, sharedIdentities, takeVisit } from "./visit.ts";

/** One exchange: what came, where to, under which id. */
export interface Exchange {
  readonly request: EdgeRequest;
  readonly route: Route;
  readonly requestId: string;
  readonly context: EdgeContext;
}

/** The events of a body: `events` (v1) or the one `event` (v2). */
export function eventsOf(
  body: Readonly<Record<string, unknown>>,
  version: 1 | 2,
): Result<readonly unknown[], EdgeError> {
  if (version === 2) {
    const { event } = body;
    if (event === undefined)
      return err({ code: "EXEG-0103", detail: "event: expected an object, got nothing." });
    return isObject(event)
      ? ok([{ ...event, query: event["query"] ?? body["query"] }])
      : err({ code: "EXEG-0102", detail: "event: expected an object." });
  }
  const { events } = body;
  if (events === undefined)
    return err({ code: "EXEG-0103", detail: "events: expected a list, got nothing." });
  return Array.isArray(events)
    ? ok(events as unknown[])
    : err({ code: "EXEG-0102", detail: "events: expected a list." });
}

/** `interact`: takes the events in and answers with identity, audiences and decisions. */
export async function interact(
  edge: Edge,
  exchange: Exchange,
  version: 1 | 2,
): Promise<Result<EdgeReply, EdgeError>> {
  const { request, route, requestId, context } = exchange;
  const opened = await openSession(edge, request, { route, requestId, context, kind: "interact" });
  if (!opened.ok) return opened;
  const session = opened.value;
  const consent = readConsentCookie(session.state.consent);
  if (consent === "out" || consent === "pending") return ok(ignored(edge, exchange, consent));
  const inputs = eventsOf(session.body, version);
  if (!inputs.ok) return inputs;
  const shared = sharedIdentities(session.body);
  if (!shared.ok) return shared;
  const read = readVisitEvents(session, inputs.value, shared.value);
  const named = read.events.reduce((all, { items }) => joined(all, items), shared.value);
  const fetch = fetchedNamespaces(session.body["query"]);
  const isServerCall =
    version === 2 && session.state.identity === undefined && named.some((item) => item.primary);
  const device = isServerCall ? undefined : await resolveDevice(edge, session, { identities: named, fetch });
  if (device !== undefined && !device.ok) return device;
  const ecid = device?.value.identity.ecid;
  const visit = await takeVisit(edge, session, { events: read.events, ecid, context, answers: true });
  if (!visit.ok) return visit;
  const errors = joined(read.errors, visit.value.errors);
  const [first] = errors;
  if (first !== undefined && first.code !== "EXEG-0301" && visit.value.answers.length === 0)
    return err(first);
  const handles: Handle[] = [];
  if (device !== undefined) handles.push(...identityHandles(device.value, fetch));
  for (const answer of visit.value.answers)
    handles.push(...eventHandles(edge, session, { answer, ecid, context }));
  const entries = [...(device?.value.entries ?? []), clusterEntry(session.prefix, edge.region.hint)];
  handles.push(regionHandle(edge), { type: "state:store", payload: new JsonText(stateText(entries)) });
  return ok(
    handleAnswer(edge, request, {
      requestId,
      handles,
      remarks: joined(joined(device?.value.warnings ?? [], fetchWarnings(device?.value, fetch)), errors),
      headers: cookieHeaders(session, entries, device?.value),
    }),
  );
}

function joined<T>(first: readonly T[], more: readonly T[]): readonly T[] {
  if (more.length === 0) return first;
  return first.length === 0 ? more : [...first, ...more];
}

/** The answer to someone who refused (or has not decided): nothing is kept, nothing is decided, no identity is given. */
function ignored(edge: Edge, exchange: Exchange, consent: "out" | "pending"): EdgeReply {
  const remark: EdgeError = {
    code: "EXEG-0301",
    detail: `The visitor's consent is "${consent}": the events were not collected.`,
  };
  return handleAnswer(edge, exchange.request, {
    requestId: exchange.requestId,
    handles: [],
    remarks: [remark],
  });
}

/** Which identities the client asked for and gets. */
export function identityHandles(device: Device, fetch: readonly string[]): readonly Handle[] {
  const payload = [{ id: device.identity.ecid, namespace: { code: "ECID" } }];
  if (device.core !== undefined && fetch.includes("CORE"))
    payload.push({ id: device.core.id, namespace: { code: "CORE" } });
  return [{ type: "identity:result", payload }];
}

/** A warning for each namespace asked for that the edge does not give. */
export function fetchWarnings(device: Device | undefined, fetch: readonly string[]): readonly EdgeError[] {
  return fetch
    .filter((code) => code !== "ECID" && !(code === "CORE" && device?.core !== undefined))
    .map((code) => ({
      code: "EXEG-0303",
      detail: `query.identity.fetch: ${/^[A-Za-z0-9_]{1,32}$/.test(code) ? code : "a namespace"} cannot be fetched here.`,
    }));
}

const hints = createSlot<EdgeRegion, JsonText>("location hints");

/** Where the next request should go. */
export function regionHandle({ region }: Edge): Handle {
  let payload = hints.read(region);
  if (payload === undefined) {
    const hint = (scope: string, value: string): object => ({
      scope,
      hint: value,
      ttlSeconds: HINT_TTL_SECONDS,
    });
    payload = JsonText.of([hint("EdgeNetwork", region.hint), hint("AAM", String(region.aamRegion))]);
    hints.put(region, payload);
  }
  return { type: "locationHint:result", payload };
}

/** State as cookies for first-party domains, and the third-party id for its own domain. */
export function cookieHeaders(
  session: Session,
  entries: readonly StateEntry[],
  device: Device | undefined,
): readonly (readonly [string, string])[] {
  const headers = setCookieHeaders(entries, session.state, session.host);
  return device?.core === undefined ? headers : [...headers, ["set-cookie", device.core.setCookie]];
}

function eventHandles(
  edge: Edge,
  session: Session,
  of: {
    readonly answer: EventAnswer;
    readonly ecid: string | undefined;
    readonly context: EdgeContext;
  },
): readonly Handle[] {
  const { answer, ecid } = of;
  const { compiled, datastream, now } = session;
  const eventIndex = answer.event.index;
  const handles: Handle[] = [];
  const attributes = answer.profile.hub?.attributes ?? {};
  const { personalization } = answer.event;
  if (personalization !== undefined) {
    const { propositions: payload, told } = decidePropositions(compiled, {
      query: personalization,
      members: answer.members,
      shared: sharedMembers(answer.profile, now),
      attributes,
      visitorId: ecid ?? answer.profile.key,
      now,
      datastream,
    });
    handles.push({ type: "personalization:decisions", eventIndex, payload });
    const { key } = answer.profile;
    if (told.length > 0) of.context.waitUntil(logTold(edge, { key, orderKey: ecid, now }, told));
  }
  if (datastream.platform?.personalizationDestinations === true) {
    const subject = {
      members: answer.members,
      exited: answer.exited,
      attributes: session.access.kind === "authenticated" ? attributes : undefined,
    };
    const payload = answer.known ? pullText(compiled.destinationsOf(datastream), subject) : [];
    handles.push({ type: "activation:pull", eventIndex, payload });
  }
  if (answer.pushes.length > 0) handles.push({ type: "activation:push", eventIndex, payload: answer.pushes });
  handles.push({ type: "tessera:profile", eventIndex, payload: new JsonText(`[${freshness(answer, now)}]`) });
  return handles;
}

/** How fresh the data behind an answer is, as JSON text. */
function freshness(answer: EventAnswer, now: number): string {
  const { hub, lookup } = answer.profile;
  const { outcome } = lookup;
  if (hub === undefined) return `{"source":"edge","lookup":"${outcome}"}`;
  const { freshAt, version } = hub;
  const age = JSON.stringify(Math.max(0, now - Date.parse(freshAt)));
  return `{"source":"hub","lookup":"${outcome}","freshAt":${JSON.stringify(freshAt)},"ageMs":${age},"version":${version}}`;
}

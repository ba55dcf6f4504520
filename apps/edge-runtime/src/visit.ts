import { refuses } from "@tessera/segment-engine";
import {
  digest,
  err,
  type ExperienceEvent,
  type Identity,
  type IdentityItem,
  identityKey,
  type IdentityKey,
  isObject,
  type JsonObject,
  ok,
  type Result,
} from "@tessera/xdm";
import { type ActivationPush, pushActivations } from "./activation.ts";
import { eventConsent } from "./consent.ts";
import { obfuscateIp } from "./datastream.ts";
import type { Edge } from "./edge.ts";
import { type EdgeProfile, newProfile, updateProfile } from "./edge-profile.ts";
import type { EdgeError } from "./errors.ts";
import { type Evaluation, evaluateEdge, heldMembers } from "./evaluate.ts";
import { readEvent, type ReceivedEvent, toHubEvent, toWindowEvent } from "./event.ts";
import { holdsEvent } from "./event-window.ts";
import type { EdgeContext } from "./exchange.ts";
import type { ForwardEntry } from "./hub-link.ts";
import { ecidOf, type EventIdentities, identifyEvent, readIdentities, toIdentityMap } from "./identify.ts";
import { lookUpProfile, type LookedUp } from "./profile-lookup.ts";
import { mergeIdentities } from "./projection.ts";
import type { Session } from "./session.ts";

/** An event with its identities, ready to be taken in. */
export interface VisitEvent {
  readonly event: ReceivedEvent;
  readonly items: readonly IdentityItem[];
}

/** What taking in one event gave. */
export interface EventAnswer {
  readonly event: ReceivedEvent;
  readonly profile: EdgeProfile;
  readonly members: ReadonlySet<string>;
  readonly exited: ReadonlySet<string>;
  /** Whether anything at all is known of the person: on the edge, on the hub, or by this event. */
  readonly known: boolean;
  readonly pushes: readonly ActivationPush[];
}

type Taken = Result<EventAnswer, EdgeError>;

/** Reads the events of a request with the identities of request and event joined. Bad events are reported one by one. */
export function readVisitEvents(
  session: Session,
  inputs: readonly unknown[],
  shared: readonly IdentityItem[],
): { readonly events: readonly VisitEvent[]; readonly errors: readonly EdgeError[] } {
  const events: VisitEvent[] = [];
  const errors: EdgeError[] = [];
  inputs.forEach((input, index) => {
    const event = readEvent(input, index, session.now);
    if (!event.ok) return errors.push(event.error);
    const own = readIdentities(event.value.xdm["identityMap"]);
    if (!own.ok) return errors.push({ ...own.error, eventIndex: index });
    return events.push({ event: event.value, items: joinIdentities(own.value, shared) });
  });
  return { events, errors };
}

function joinIdentities(
  own: readonly IdentityItem[],
  shared: readonly IdentityItem[],
): readonly IdentityItem[] {
  if (shared.length === 0) return own;
  const keys = new Set(own.map(identityKey));
  const marked = own.some((item) => item.primary);
  const added = shared
    .filter((item) => !keys.has(identityKey(item)))
    .map((item) => (marked ? { ...item, primary: false } : item));
  return [...own, ...added];
}

/** The identities a request names for all its events (`xdm.identityMap`, or `identityMap` as set-consent has it). */
export function sharedIdentities(
  body: Readonly<Record<string, unknown>>,
): Result<readonly IdentityItem[], EdgeError> {
  const xdm = body["xdm"];
  return readIdentities((isObject(xdm) ? xdm["identityMap"] : undefined) ?? body["identityMap"]);
}

/** One request's way through its events: profiles read once, written once, entries handed over together. */
interface Visit {
  readonly edge: Edge;
  readonly session: Session;
  readonly context: EdgeContext;
  readonly budgetMs: number;
  /** Whether the page waits for what the events lead to (interact), or not (collect). */
  readonly answers: boolean;
  readonly touched: Map<IdentityKey, { readonly base: EdgeProfile; profile: EdgeProfile }>;
  readonly entries: ForwardEntry[];
}

/** What a request's events came to. */
export interface VisitOutcome {
  readonly answers: readonly EventAnswer[];
  readonly errors: readonly EdgeError[];
}

/**
 * Takes events in, in order: each is put into the edge profile of its primary identity, edge audiences are decided, and
 * the event is handed over for the hub. When this resolves the events are kept durably; the profiles are written right
 * after. Fails only when the events cannot be kept.
 */
export async function takeVisit(
  edge: Edge,
  session: Session,
  input: {
    readonly events: readonly VisitEvent[];
    readonly ecid: string | undefined;
    readonly context: EdgeContext;
    /** Whether the page waits for an answer; if not, the hub's is not waited for either. */
    readonly answers: boolean;
  },
): Promise<Result<VisitOutcome, EdgeError>> {
  const visit: Visit = {
    edge,
    session,
    context: input.context,
    budgetMs: input.answers ? edge.lookupBudgetMs : 0,
    answers: input.answers,
    touched: new Map(),
    entries: [],
  };
  const answers: EventAnswer[] = [];
  const errors: EdgeError[] = [];
  for (const item of input.events) {
    const taking = takeEvent(visit, item, input.ecid);
    const taken = taking instanceof Promise ? await taking : taking;
    if (taken.ok) answers.push(taken.value);
    else errors.push({ ...taken.error, eventIndex: item.event.index });
  }
  if (visit.entries.length > 0) {
    try {
      await edge.hub.forward(visit.entries);
    } catch {
      return err({
        code: "EXEG-0000",
        detail: "The events could not be kept for the hub. Nothing was counted; send them again.",
        retryAfterSeconds: 1,
      });
    }
  }
  writeProfiles(visit);
  return ok({ answers, errors });
}

function takeEvent(visit: Visit, item: VisitEvent, ecid: string | undefined): Taken | Promise<Taken> {
  const { edge, session } = visit;
  const { event } = item;
  const identified = identifyEvent(item.items, ecid);
  if (!identified.ok) return identified;
  if (eventConsent(event.xdm, consentOptions(edge)) === "out")
    return err({ code: "EXEG-0301", detail: "The event's TCF string does not let it be collected." });
  const { platform } = session.datastream;
  const { primary } = identified.value;
  if (platform === undefined) {
    const key = identityKey(primary);
    const profile = newProfile(key, [], session.now);
    return ok({ event, profile, members: new Set(), exited: new Set(), known: false, pushes: [] });
  }
  const looked = profileOf(visit, primary);
  const into = { event, dataset: platform.eventDatasets[0], ...identified.value };
  return looked instanceof Promise
    ? looked.then((found) => takeInto(visit, found, into))
    : takeInto(visit, looked, into);
}

/** Takes an event into the profile of its primary identity. */
function takeInto(
  visit: Visit,
  { base, profile: held }: LookedUp,
  of: EventIdentities & { readonly event: ReceivedEvent; readonly dataset: string },
): Taken {
  const { edge, session } = visit;
  const { event, primary, items } = of;
  const { key } = held;
  const id = eventId(edge, session, { event, key });
  const isReplay = holdsEvent(held.events, id);
  const adds = !event.isLookup && !isReplay;
  const identities = items.map(({ namespace, id: value }) => ({ namespace, id: value }));
  const joined = mergeIdentities(held.identities, identities);
  const active: EdgeProfile = { ...held, identities: joined, lastActivityAt: session.now };
  const windowEvent = adds ? toWindowEvent(event, id, session.compiled.eventFields) : undefined;
  const evaluation = withPushes(visit, evaluateFor(visit, active, windowEvent));
  const joins = items.length > 1 && joined !== held.identities && !event.isLookup;
  const next: EdgeProfile = joins
    ? { ...evaluation.profile, lookup: { outcome: "joined", at: session.now } }
    : evaluation.profile;
  visit.touched.set(key, { base, profile: next });
  if (!event.isLookup) {
    visit.entries.push({
      kind: "event",
      datasetId: of.dataset,
      orderKey: ecidOf(items) ?? key,
      body: hubEvent(visit, event, { id, items }),
      ...(joins ? { refresh: withoutMarks(primary) } : {}),
    });
  }
  const known = adds || isReplay || base.version > 0 || evaluation.profile.hub !== undefined;
  const { profile, members, exited, pushes } = evaluation;
  return ok({ event, profile, members, exited, known, pushes });
}

/** Cookie and URL destinations of an answer; what was handed out is remembered in the profile. */
function withPushes(
  visit: Visit,
  evaluation: Evaluation,
): Evaluation & { readonly pushes: readonly ActivationPush[] } {
  const { datastream, compiled, now } = visit.session;
  const allowed = datastream.audienceManager;
  if (allowed === undefined || !visit.answers) return { ...evaluation, pushes: [] };
  const { profile, members, exited } = evaluation;
  const held = profile.pushed ?? {};
  const subject = { members, exited, attributes: undefined };
  const outcome = pushActivations(compiled.destinationsOf(datastream), subject, {
    allowed,
    pushed: held,
    now,
  });
  const kept = outcome.pushed === held ? profile : { ...profile, pushed: outcome.pushed };
  return { ...evaluation, profile: kept, pushes: outcome.pushes };
}

function withoutMarks({ namespace, id }: Identity): Identity {
  return { namespace, id };
}

/** The reading of TCF strings that the edge is set to. */
export function consentOptions(edge: Edge): { readonly tcfVendorId?: number } {
  return edge.tcfVendorId === undefined ? {} : { tcfVendorId: edge.tcfVendorId };
}

function evaluateFor(visit: Visit, profile: EdgeProfile, event: ExperienceEvent | undefined): Evaluation {
  const { compiled, datastream, now } = visit.session;
  if (datastream.platform?.edgeSegmentation === true)
    return dropOptedOut(evaluateEdge(profile, event, compiled, now), visit);
  const members = heldMembers(profile, compiled, now);
  const { own: _outdated, ...rest } = profile;
  const next = event === undefined ? profile : { ...rest, events: [...profile.events.slice(-499), event] };
  return dropOptedOut({ profile: next, members, exited: new Set() }, visit);
}

/** A person whose profile refuses is in no audience that leaves such persons out (the default). */
function dropOptedOut(evaluation: Evaluation, visit: Visit): Evaluation {
  const attributes = evaluation.profile.hub?.attributes;
  if (attributes === undefined || !refuses(attributes)) return evaluation;
  const keeps = new Set(
    visit.session.compiled.audiences
      .filter((audience) => audience.excludeOptOut === false)
      .map(({ id }) => id),
  );
  return { ...evaluation, members: new Set([...evaluation.members].filter((id) => keeps.has(id))) };
}

const UUID = /^[0-9A-Fa-f]{8}-[0-9A-Fa-f]{4}-[0-9A-Fa-f]{4}-[0-9A-Fa-f]{4}-[0-9A-Fa-f]{12}$/;

/**
 * The `_id` of an event: its own; else one that the same request sent again by the same visitor gets again (so a
 * client's retry counts once), and no other visitor's request can take.
 */
function eventId(
  edge: Edge,
  session: Session,
  of: { readonly event: ReceivedEvent; readonly key: IdentityKey },
): string {
  const own = of.event.xdm["_id"];
  if (typeof own === "string") return own;
  if (!UUID.test(session.requestId)) return edge.newId();
  // An ECID says nothing of the person; another identity may be an address, and ids stand in logs.
  const who = of.key.startsWith("ECID:") ? of.key.slice(5) : digest(of.key);
  return `${session.requestId}-${of.event.index}-${who}`;
}

function hubEvent(
  visit: Visit,
  event: ReceivedEvent,
  of: { readonly id: string; readonly items: readonly IdentityItem[] },
): JsonObject {
  const { edge, session, context } = visit;
  const ip = context.ip === undefined ? undefined : obfuscateIp(context.ip, session.datastream.ipObfuscation);
  return toHubEvent(event, {
    id: of.id,
    identityMap: toIdentityMap(of.items),
    ip,
    region: edge.region.hint,
    receivedAt: session.now,
  });
}

function profileOf(visit: Visit, primary: Identity): LookedUp | Promise<LookedUp> {
  const key = identityKey(primary);
  const touched = visit.touched.get(key);
  if (touched !== undefined) return touched;
  const { edge, session, context, budgetMs } = visit;
  return lookUpProfile(edge, withoutMarks(primary), { now: session.now, budgetMs, context });
}

/** Writes every touched profile. Whoever wrote in between is not overwritten: the step is taken again on top. */
function writeProfiles(visit: Visit): void {
  const { edge, context } = visit;
  for (const [key, { base, profile }] of visit.touched) {
    const written = edge.profiles.put(profile, base.version);
    if (written === true) continue;
    const finish = async (): Promise<void> => {
      if (!(await written)) await rewrite(visit, key, { base, profile });
    };
    context.waitUntil(
      finish().catch(() => {
        edge.notice({
          level: "error",
          event: "profile.write",
          detail: "An edge profile could not be written.",
        });
      }),
    );
  }
}

async function rewrite(
  visit: Visit,
  key: IdentityKey,
  step: { readonly base: EdgeProfile; readonly profile: EdgeProfile },
): Promise<void> {
  const before = new Set(step.base.events.map((event) => event["_id"]));
  const added = step.profile.events.filter((event) => !before.has(event["_id"]));
  const { now } = visit.session;
  await updateProfile(visit.edge.profiles, key, {
    now,
    change: (held) => {
      if (held === undefined) return { ...step.profile, version: 0 };
      let profile: EdgeProfile = {
        ...held,
        identities: mergeIdentities(held.identities, step.profile.identities),
        lastActivityAt: Math.max(held.lastActivityAt, step.profile.lastActivityAt),
        ...(step.profile.lookup.outcome === "joined" ? { lookup: step.profile.lookup } : {}),
        ...(step.profile.pushed === undefined ? {} : { pushed: { ...held.pushed, ...step.profile.pushed } }),
      };
      for (const event of added) {
        if (!holdsEvent(profile.events, event._id)) profile = evaluateFor(visit, profile, event).profile;
      }
      return profile;
    },
  });
}

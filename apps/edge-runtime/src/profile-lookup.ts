import { type Identity, type IdentityKey, identityKey } from "@tessera/xdm";
import type { Edge } from "./edge.ts";
import { type EdgeProfile, newProfile, updateProfile } from "./edge-profile.ts";
import type { EdgeContext } from "./exchange.ts";
import type { LookupAnswer } from "./hub-link.ts";
import { applyHubPerson, JOIN_MS } from "./projection.ts";

/** A profile as the store holds it, and with what the hub said within the budget. */
export interface LookedUp {
  readonly base: EdgeProfile;
  readonly profile: EdgeProfile;
}

/**
 * The hub's word is asked for again after this long, in milliseconds: projections bring every change of persons whose
 * events came from this region, and this brings the others (someone who is only looked up, a projection that was lost).
 */
const ASK_AGAIN_MS = 15 * 60_000;

/**
 * The profile of an identity. Where the hub was never asked, or identities were just brought together, it is asked now
 * and waited for as long as the budget allows; an answer that comes later is written into the profile, for the next
 * page. A word of the hub that has become old is asked for again without waiting.
 */
export function lookUpProfile(
  edge: Edge,
  identity: Identity,
  options: LookupOptions,
): LookedUp | Promise<LookedUp> {
  const held = edge.profiles.get(identityKey(identity), options.now);
  return held instanceof Promise
    ? held.then((found) => askIfDue(edge, identity, { ...options, found }))
    : askIfDue(edge, identity, { ...options, found: held });
}

interface LookupOptions {
  readonly now: number;
  readonly budgetMs: number;
  readonly context: EdgeContext;
}

function askIfDue(
  edge: Edge,
  identity: Identity,
  options: LookupOptions & { readonly found: EdgeProfile | undefined },
): LookedUp | Promise<LookedUp> {
  const { now } = options;
  const held = options.found ?? newProfile(identityKey(identity), [identity], now);
  const question = questionOf(held, now, edge.lookupRetryMs);
  return question === "none"
    ? { base: held, profile: held }
    : ask(edge, identity, { ...options, held, question });
}

async function ask(
  edge: Edge,
  identity: Identity,
  options: LookupOptions & { readonly held: EdgeProfile; readonly question: "waits" | "behind" },
): Promise<LookedUp> {
  const { now, context, held, question } = options;
  const { key } = held;
  const answer = await edge.hub.lookup(identity, question === "waits" ? options.budgetMs : 0);
  if (answer.outcome === "late") context.waitUntil(takeLate(edge, key, answer.eventually));
  const asked = { ...held, lookup: { ...held.lookup, at: now } };
  return { base: held, profile: question === "waits" ? withAnswer(held, answer, now) : asked };
}

/** Whether the hub has to be asked, and whether the page waits for it. */
function questionOf(held: EdgeProfile, now: number, retryMs: number): "none" | "waits" | "behind" {
  const { outcome, at } = held.lookup;
  const age = now - at;
  if (outcome === "joined" && age < JOIN_MS) return "waits";
  if (held.hub !== undefined || outcome === "not-found") return age < ASK_AGAIN_MS ? "none" : "behind";
  switch (outcome) {
    case "late":
    case "unavailable":
      return age < retryMs ? "none" : "waits";
    default:
      return "waits";
  }
}

function withAnswer(held: EdgeProfile, answer: LookupAnswer, now: number): EdgeProfile {
  const { hub, lookup } = held;
  if (answer.outcome === "found") {
    const { person } = answer;
    const found = { outcome: answer.outcome, at: now };
    const taken = applyHubPerson(held, person, found);
    if (taken !== undefined) return taken;
    // The same word, said again: it is as fresh as this answer.
    const isSame = hub?.personId === person.personId && hub.version === person.version;
    return isSame && lookup.outcome !== "joined"
      ? { ...held, hub: { ...hub, freshAt: person.freshAt }, lookup: found }
      : held;
  }
  if (lookup.outcome === "joined" && now - lookup.at < JOIN_MS) return held;
  if (hub === undefined) return { ...held, lookup: { outcome: answer.outcome, at: now } };
  if (answer.outcome !== "not-found") return { ...held, lookup: { ...lookup, at: now } };
  // The hub knows nobody behind this identity any more.
  const { hub: _gone, own: _stale, ...rest } = held;
  return { ...rest, lookup: { outcome: answer.outcome, at: now } };
}

/** An answer that came after its request: the next page has it. */
async function takeLate(edge: Edge, key: IdentityKey, eventually: Promise<LookupAnswer>): Promise<void> {
  const answer = await eventually;
  const now = edge.clock();
  await updateProfile(edge.profiles, key, {
    now,
    change: (held) => (held === undefined ? undefined : withAnswer(held, answer, now)),
  });
}

import { type Identity, type IdentityKey, identityKey } from "@tessera/xdm";
import type { Edge } from "./edge.ts";
import { type EdgeProfile, newProfile, updateProfile } from "./edge-profile.ts";
import type { EdgeContext } from "./exchange.ts";
import type { LookupAnswer } from "./hub-link.ts";
import { applyHubPerson } from "./projection.ts";

/** A profile as the store holds it, and with what the hub said within the budget. */
export interface LookedUp {
  readonly base: EdgeProfile;
  readonly profile: EdgeProfile;
}

/**
 * The profile of an identity. Where the hub was never asked, it is asked now and waited for as long as the budget
 * allows; an answer that comes later is written into the profile, for the next page.
 */
export async function lookUpProfile(
  edge: Edge,
  identity: Identity,
  options: { readonly now: number; readonly budgetMs: number; readonly context: EdgeContext },
): Promise<LookedUp> {
  const key = identityKey(identity);
  const { now } = options;
  const held = (await edge.profiles.get(key, now)) ?? newProfile(key, [identity], now);
  if (!needsLookup(held, now, edge.lookupRetryMs)) return { base: held, profile: held };
  const answer = await edge.hub.lookup(identity, options.budgetMs);
  if (answer.outcome === "late") options.context.waitUntil(takeLate(edge, key, answer.eventually));
  return { base: held, profile: withAnswer(held, answer, now) };
}

/** The hub is asked on a miss, and again some time after a question that went unanswered. */
function needsLookup(held: EdgeProfile, now: number, retryMs: number): boolean {
  if (held.hub !== undefined) return false;
  switch (held.lookup.outcome) {
    case "not-asked":
      return true;
    case "found":
    case "not-found":
      return false;
    case "late":
    case "unavailable":
      return now - held.lookup.at >= retryMs;
  }
}

function withAnswer(held: EdgeProfile, answer: LookupAnswer, now: number): EdgeProfile {
  const lookup = { outcome: answer.outcome, at: now };
  if (answer.outcome !== "found") return { ...held, lookup };
  return applyHubPerson(held, answer.person, lookup) ?? { ...held, lookup };
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

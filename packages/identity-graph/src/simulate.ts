import {
  compareKeys,
  type Identity,
  type IdentityKey,
  identityKey,
  identityOfKey,
  type IdentityType,
  parseInstant,
} from "@tessera/xdm";
import { compileRules } from "./compiled-rules.ts";
import { eventPrimary } from "./event-primary.ts";
import type { RemovalReason } from "./graph.ts";
import type { LinkObservation } from "./link.ts";
import { defaultLinkingRules, type LinkingRules } from "./linking-rules.ts";
import { replay } from "./replay.ts";

/** How a namespace is set in a simulation. */
export interface SimulatedNamespace {
  readonly namespace: string;
  readonly type: IdentityType;
  readonly unique: boolean;
  readonly priority: number;
}

/** One event of a simulation. `t`: ms or ISO 8601; without it, the place in the list counts. */
export interface SimulatedEvent {
  readonly t?: number | string;
  readonly identities: readonly Identity[];
}

/** What is to be tried out. `cap` and `removedKept` as in the linking rules. */
export interface Simulation {
  readonly settings: readonly SimulatedNamespace[];
  readonly events: readonly SimulatedEvent[];
  readonly cap?: number;
}

/** A link that was taken away in a simulation. `t`: the time of its last observation. */
export interface SimulatedRemoval {
  readonly a: Identity;
  readonly b: Identity;
  readonly t: number;
  readonly reason: RemovalReason;
}

/**
 * The outcome of a simulation.
 *
 * - `graphs`: the graphs of at least two identities. Within one the identities stand by priority, then value; the graphs
 *   in the order of their first identities.
 * - `removedLinks`: what is not in force at the end, each with its reason.
 * - `eventPrimaries`: the primary identity of each event, in the order given; null when it has none.
 */
export interface SimulationResult {
  readonly graphs: readonly (readonly Identity[])[];
  readonly removedLinks: readonly SimulatedRemoval[];
  readonly eventPrimaries: readonly (Identity | null)[];
}

/**
 * Tries linking rules on a few events, by the very code that links real ones. Values are not validated: `ECID: 1` will do.
 * Events of equal time are taken in an order of their content, so it does not matter how they are listed. A namespace
 * without a setting links as a cookie of the lowest priority.
 */
export function simulateGraph({ settings, events, cap }: Simulation): SimulationResult {
  const rules: LinkingRules = {
    namespaces: settings,
    cap: cap ?? defaultLinkingRules.cap,
    removedKept: Number.MAX_SAFE_INTEGER,
  };
  const graphs = replay(observationsOf(events), rules);
  const { of } = compileRules(rules);
  const byRank = (x: Identity, y: Identity): number =>
    of(x.namespace).priority - of(y.namespace).priority || compareKeys(identityKey(x), identityKey(y));
  const members = graphs
    .filter(({ identities }) => identities.length > 1)
    .map(({ identities }) => identities.map(({ namespace, id }) => ({ namespace, id })).sort(byRank));
  members.sort((x, y) => (x[0] && y[0] ? byRank(x[0], y[0]) : 0));
  const removed = new Map<string, SimulatedRemoval>();
  for (const graph of graphs) {
    for (const { a, b, last, reason } of graph.removed) {
      removed.set(`${a.length}:${a}${b}`, { a: identityOfKey(a), b: identityOfKey(b), t: last.t, reason });
    }
  }
  const eventPrimaries = events.map(({ identities }) => {
    const primary = eventPrimary(identities, rules);
    return primary ? { namespace: primary.namespace, id: primary.id } : null;
  });
  return { graphs: members, removedLinks: [...removed.values()].sort(byTimeThenEnds), eventPrimaries };
}

function byTimeThenEnds(x: SimulatedRemoval, y: SimulatedRemoval): number {
  return (
    x.t - y.t ||
    compareKeys(identityKey(x.a), identityKey(y.a)) ||
    compareKeys(identityKey(x.b), identityKey(y.b))
  );
}

function observationsOf(events: readonly SimulatedEvent[]): readonly LinkObservation[] {
  const occurrences = new Map<string, number>();
  return events.map(({ t, identities }, index) => {
    const at = typeof t === "string" ? timeOf(t) : (t ?? index);
    const keys: IdentityKey[] = identities.map(identityKey).sort(compareKeys);
    const content = JSON.stringify(keys);
    const occurrence = occurrences.get(`${at} ${content}`) ?? 0;
    occurrences.set(`${at} ${content}`, occurrence + 1);
    return {
      t: at,
      key: occurrence === 0 ? content : `${content}#${occurrence}`,
      datasetId: "simulation",
      identities,
    };
  });
}

function timeOf(text: string): number {
  const instant = parseInstant(text);
  if (!instant.ok) throw new TypeError(instant.error.message);
  return instant.value;
}

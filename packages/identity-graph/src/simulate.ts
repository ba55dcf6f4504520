import {
  compareKeys,
  type Identity,
  type IdentityKey,
  identityKey,
  identityOfKey,
  isPersonType,
  parseInstant,
} from "@tessera/xdm";
import { compileRules } from "./compiled-rules.ts";
import { eventPrimary } from "./event-primary.ts";
import type { Pair, RemovalReason } from "./graph.ts";
import { isJunkValue } from "./junk-values.ts";
import type { LinkObservation } from "./link.ts";
import {
  buildsGraph,
  defaultLinkingRules,
  LEAST_CAP,
  type LinkingRules,
  type NamespaceRule,
  parseIdentityType,
} from "./linking-rules.ts";
import { replay } from "./replay.ts";

/** How a namespace is set in a simulation: as in linking rules, the protections included. */
export type SimulatedNamespace = NamespaceRule;

/** One event of a simulation. `t`: ms or ISO 8601; without it, the place in the list counts. */
export interface SimulatedEvent {
  readonly t?: number | string;
  readonly identities: readonly Identity[];
}

/** What is to be tried out. `cap` as in the linking rules. */
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

/** A junk value (`null`, `anonymous`, all zeros, …) that took no part; `event` is the place of its event in the list. */
export interface SimulatedRefusal {
  readonly event: number;
  readonly identity: Identity;
}

/**
 * The outcome of a simulation.
 *
 * - `graphs`: the graphs of at least two identities. Within one the identities stand by priority, then value; the graphs
 *   in the order of their first identities.
 * - `removedLinks`: what is not in force at the end, each with its reason.
 * - `eventPrimaries`: the primary identity of each event, in the order given; null when it has none.
 * - `leftOut`: junk values that took no part; absent when there were none.
 */
export interface SimulationResult {
  readonly graphs: readonly (readonly Identity[])[];
  readonly removedLinks: readonly SimulatedRemoval[];
  readonly eventPrimaries: readonly (Identity | null)[];
  readonly leftOut?: readonly SimulatedRefusal[];
}

/**
 * Tries linking rules on a few events, by the very code that links real ones.
 *
 * - Values need not have their namespace's form (`ECID: 1` will do), but junk is left out as in a real record; only a
 *   single `0` passes, as lists of examples often begin with it.
 * - Events of equal time are taken in an order of their content, so it does not matter how they are listed.
 * - A namespace without a setting links as a cookie of the lowest priority. A device or cookie namespace that is set above a
 *   person namespace ranks below it all the same.
 * - Throws a `TypeError` when a time or an identity type is none, when a namespace is set twice, and when the cap is not a whole
 *   number from 2.
 */
export function simulateGraph({ settings, events, cap }: Simulation): SimulationResult {
  checkSimulation(settings, cap);
  const rules: LinkingRules = {
    namespaces: ranked(settings.map(settingOf)),
    cap: cap ?? defaultLinkingRules.cap,
    // What was removed is gathered below: a graph would carry its list along from step to step.
    removedKept: 0,
  };
  const { taken, leftOut } = withoutJunk(events);
  const removed = new Map<string, SimulatedRemoval>();
  const graphs = replay(observationsOf(taken), rules, [], (changes) => {
    for (const change of changes) {
      if (change.kind === "linkAdded") removed.delete(nameOf(change));
      else if (change.kind === "linkRemoved") {
        const { a, b, last } = change.link;
        const { reason } = change;
        removed.set(nameOf(change.link), { a: identityOfKey(a), b: identityOfKey(b), t: last.t, reason });
      }
    }
  });
  const { of } = compileRules(rules);
  const byRank = (x: Identity, y: Identity): number =>
    of(x.namespace).priority - of(y.namespace).priority || compareKeys(identityKey(x), identityKey(y));
  const members = graphs
    .filter(({ identities }) => identities.length > 1)
    .map(({ identities }) => identities.map(({ namespace, id }) => ({ namespace, id })).sort(byRank));
  members.sort((x, y) => (x[0] && y[0] ? byRank(x[0], y[0]) : 0));
  const eventPrimaries = taken.map(({ identities }) => {
    const primary = eventPrimary(identities, rules);
    return primary ? { namespace: primary.namespace, id: primary.id } : null;
  });
  return {
    graphs: members,
    removedLinks: [...removed.values()].sort(byTimeThenEnds),
    eventPrimaries,
    ...(leftOut.length === 0 ? {} : { leftOut }),
  };
}

/** What types do not tell, and a simulation would not come to an end with, or to an end that says nothing. */
function checkSimulation(settings: readonly SimulatedNamespace[], cap: number | undefined): void {
  if (cap !== undefined && !(Number.isSafeInteger(cap) && cap >= LEAST_CAP)) {
    throw new TypeError(
      `cap: expected a whole number from ${LEAST_CAP}, got ${cap}. Leave it out for ${defaultLinkingRules.cap}.`,
    );
  }
  const codes = new Set<string>();
  for (const { namespace } of settings) {
    if (codes.has(namespace))
      throw new TypeError(
        `settings, ${namespace}: expected one setting for it, got another one. Leave one out.`,
      );
    codes.add(namespace);
  }
}

function nameOf({ a, b }: Pair): string {
  return `${a.length}:${a}${b}`;
}

function settingOf(setting: SimulatedNamespace): NamespaceRule {
  const type = parseIdentityType(setting.type);
  if (type) return type === setting.type ? setting : { ...setting, type };
  const expected = "an identity type such as CROSS_DEVICE, EMAIL, DEVICE or COOKIE";
  throw new TypeError(
    `settings, ${setting.namespace}: expected ${expected}, got ${setting.type}. Set one of them.`,
  );
}

/** The settings as given, unless a device or cookie namespace stands above a person namespace: then persons come first. */
function ranked(settings: readonly NamespaceRule[]): readonly NamespaceRule[] {
  const [persons, others] = [
    settings.filter(({ type }) => isPersonType(type)),
    settings.filter(({ type }) => !isPersonType(type)),
  ];
  const lowest = Math.max(0, ...persons.map(({ priority }) => priority));
  if (others.every(({ type, priority }) => priority > lowest || !buildsGraph(type))) return settings;
  const byPriority = (x: NamespaceRule, y: NamespaceRule): number => x.priority - y.priority;
  return [...persons.sort(byPriority), ...others.sort(byPriority)].map((rule, index) => ({
    ...rule,
    priority: index + 1,
  }));
}

function withoutJunk(events: readonly SimulatedEvent[]): {
  readonly taken: readonly SimulatedEvent[];
  readonly leftOut: readonly SimulatedRefusal[];
} {
  const leftOut: SimulatedRefusal[] = [];
  const taken = events.map((event, index) => {
    const identities = event.identities.filter((identity) => {
      // Callers without types pass null for an id as well.
      const value = String(identity.id);
      if (value === "0" || !isJunkValue(value)) return true;
      leftOut.push({ event: index, identity });
      return false;
    });
    return identities.length === event.identities.length ? event : { ...event, identities };
  });
  return { taken, leftOut };
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
    const at = timeOf(t ?? index);
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

function timeOf(t: number | string): number {
  if (typeof t === "number") {
    if (Number.isFinite(t)) return t;
    throw new TypeError(
      `Expected a time in milliseconds since 1970, got ${t}. Leave it out to count by place in the list.`,
    );
  }
  const instant = parseInstant(t);
  if (!instant.ok) throw new TypeError(instant.error.message);
  return instant.value;
}

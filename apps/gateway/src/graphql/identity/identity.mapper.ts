import type { IdentityGraphView } from "@tessera/hub";
import type {
  GraphDecision,
  GraphLink,
  KeptApart,
  LinkExplanation,
  Moment,
  Pair,
  RemovalReason,
  RemovedLink,
} from "@tessera/identity-graph";
import { formatInstant, identityOfKey } from "@tessera/xdm";
import type { IdentityDecisionType } from "./identity-decision.type.ts";
import type {
  IdentityGraph,
  IdentityLink,
  IdentityPair,
  LinkExplanationType,
  LinkSighting,
  RemovedIdentityLink,
  UnlinkedIdentities,
} from "./identity.type.ts";

/** A graph as the API tells it. */
export function identityGraphOf(view: IdentityGraphView): IdentityGraph {
  const { personId, size, cap, isTrimmed } = view;
  return {
    personId,
    identities: view.identities.map(({ namespace, id, firstSeen, lastSeen, blocked }) => ({
      namespace,
      id,
      firstSeen: formatInstant(firstSeen),
      lastSeen: formatInstant(lastSeen),
      blocked: blocked !== undefined,
    })),
    links: view.links.map(linkOf),
    removedLinks: view.removedLinks.map(removedOf),
    apart: view.apart.map(apartOf),
    size,
    cap,
    warning: view.isNearCap
      ? `${size} of ${cap} identities: beyond ${cap} the oldest leave, cookies first.`
      : undefined,
    isTrimmed,
  };
}

/** An explanation as the API tells it. */
export function linkExplanationOf(explanation: LinkExplanation): LinkExplanationType {
  const { linked, unknown, path, dropped, apart } = explanation;
  return {
    linked,
    unknown,
    path: path.map(linkOf),
    dropped: dropped.map(removedOf),
    apart: apart.map(apartOf),
  };
}

/** A decision as the API tells it. */
export function decisionOf(decision: GraphDecision): IdentityDecisionType {
  const at = formatInstant(decision.t);
  if ("identity" in decision) return { kind: decision.kind, identity: decision.identity, at };
  const { kind, a, b } = decision;
  const relink = decision.kind === "unlink" ? decision.relink : undefined;
  return { kind, identity: a, other: b, at, relink };
}

function linkOf({ a, b, first, last, count }: GraphLink): IdentityLink {
  return {
    ...pairOf({ a, b }),
    firstAt: formatInstant(first.t),
    lastAt: formatInstant(last.t),
    count,
    datasetId: last.datasetId,
    first: sightingOf(first),
    last: sightingOf(last),
  };
}

function removedOf(removed: RemovedLink): RemovedIdentityLink {
  const { reason } = removed;
  return {
    ...linkOf(removed),
    reason: reason.rule,
    removedAt: formatInstant(reason.at.t),
    explanation: explainRemoval(reason),
    conflict: reason.rule === "cap" ? null : pairOf(reason.conflict),
    winner: reason.rule === "cap" || reason.winner === null ? null : pairOf(reason.winner),
  };
}

function apartOf({ a, b, t, relink, lifted }: KeptApart): UnlinkedIdentities {
  return { ...pairOf({ a, b }), at: formatInstant(t), relink, isLifted: lifted !== undefined };
}

function pairOf({ a, b }: Pair): IdentityPair {
  return { a: identityOfKey(a), b: identityOfKey(b) };
}

function sightingOf({ key, datasetId, t }: Moment): LinkSighting {
  return { id: key, datasetId, at: formatInstant(t) };
}

/** Why a link is not in force, in words. */
export function explainRemoval(reason: RemovalReason): string {
  switch (reason.rule) {
    case "unique":
      return `It would have brought two values of ${reason.namespace} together, of which a person has one.`;
    case "maxValues":
      return `It would have given a person more values of ${reason.namespace} than are allowed.`;
    case "newValues":
      return `It would have given a person more new values of ${reason.namespace} than are allowed at a time.`;
    case "apart":
      return "It would have brought two identities together that were unlinked by hand.";
    case "cap":
      return "The graph was full, and one of its ends left it.";
  }
}

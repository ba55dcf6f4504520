import type { IdentityGraphView } from "@tessera/hub";
import type { RemovalReason } from "@tessera/identity-graph";
import { formatInstant, identityOfKey } from "@tessera/xdm";
import type { IdentityGraph, IdentityLink } from "./identity.type.ts";

type Link = IdentityGraphView["links"][number];

/** A graph as the API tells it. */
export function identityGraphOf(view: IdentityGraphView): IdentityGraph {
  return {
    personId: view.personId,
    identities: view.identities.map(({ namespace, id, firstSeen, lastSeen, blocked }) => ({
      namespace,
      id,
      firstSeen: formatInstant(firstSeen),
      lastSeen: formatInstant(lastSeen),
      blocked: blocked !== undefined,
    })),
    links: view.links.map(linkOf),
    removedLinks: view.removedLinks.map((removed) => ({
      ...linkOf(removed),
      reason: removed.reason.rule,
      removedAt: formatInstant(removed.reason.at.t),
      explanation: explainRemoval(removed.reason),
    })),
  };
}

function linkOf({ a, b, first, last, count }: Link): IdentityLink {
  return {
    a: identityOfKey(a),
    b: identityOfKey(b),
    firstAt: formatInstant(first.t),
    lastAt: formatInstant(last.t),
    count,
    datasetId: last.datasetId,
  };
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
      return "Its ends were unlinked by hand.";
    case "cap":
      return "The graph was full, and one of its ends left it.";
  }
}

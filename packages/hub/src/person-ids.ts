import { type Graph, personAnchor } from "@tessera/identity-graph";
import { digest, type Identity, identityKey } from "@tessera/xdm";

/** A person's id: made from the identity that stands for the person, so that a rebuild gives the same one. */
export function personIdOf(graph: Graph): string {
  return idByAnchor(personAnchor(graph));
}

/**
 * All ids that the person of these identities can have had: the present one, and one for each identity that may have
 * stood for a person of its own before a merge. For what is kept by person and stays where it was written, such as logs.
 */
export function idsOfPerson(personId: string, identities: readonly Identity[]): readonly string[] {
  return [...new Set([personId, ...identities.map(idByAnchor)])];
}

function idByAnchor(anchor: Identity): string {
  return digest(`person\n${identityKey(anchor)}`);
}

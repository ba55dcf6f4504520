import type { Namespace } from "./namespaces.ts";
import { namespaceAliases } from "./standard-namespaces.ts";

/** The code under which the values of a namespace are kept: another name for a standard one leads there. */
export function codeOf(namespace: string, namespaces: ReadonlyMap<string, Namespace>): string {
  return namespaces.has(namespace) ? namespace : (namespaceAliases.get(namespace) ?? namespace);
}

/** A value as its namespace has it: trimmed, in lower or upper case, digits only. As it is without a namespace. */
export function normalForm(id: string, namespace: Pick<Namespace, "normalise"> | undefined): string {
  switch (namespace?.normalise) {
    case undefined:
    case "none":
      return id;
    case "lower":
    case "trimLower":
      return id.trim().toLowerCase();
    case "upper":
      return id.trim().toUpperCase();
    case "trim":
      return id.trim();
    case "phone":
      return id.trim().replace(/[\s().\-/]/g, "");
  }
}

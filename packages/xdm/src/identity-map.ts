import type { AuthenticatedState, IdentityItem } from "./identity.ts";
import { describe, type Issue } from "./issue.ts";
import { isObject } from "./json.ts";

/** The XDM identity map: namespace code to identities (field group `context/identitymap`). */
export interface IdentityMap {
  readonly [namespace: string]: readonly {
    readonly id: string;
    readonly authenticatedState?: AuthenticatedState;
    readonly primary?: boolean;
  }[];
}

/** What reading an identity map gives: the identities that are well formed, and an issue for each that is not. */
export interface ParsedIdentityMap {
  readonly identities: readonly IdentityItem[];
  readonly issues: readonly Issue[];
}

const NAMESPACE = /^[A-Za-z0-9_.\- ]{1,64}$/;

/**
 * Reads the shape of an identity map. A malformed entry is reported and left out; the others live.
 * Whether a value is valid *for its namespace* is identity-graph's question, not this function's.
 */
export function parseIdentityMap(input: unknown): ParsedIdentityMap {
  const identities: IdentityItem[] = [];
  const issues: Issue[] = [];
  if (input === undefined || input === null) return { identities, issues };
  if (!isObject(input)) {
    issues.push(wrong("identityMap.shape", ["identityMap"], "an object of namespace codes", input));
    return { identities, issues };
  }
  for (const namespace of Object.keys(input)) {
    const items = input[namespace];
    if (!NAMESPACE.test(namespace)) {
      issues.push(
        wrong(
          "identityMap.namespace",
          ["identityMap"],
          "a namespace code of letters, digits, _ . -",
          namespace,
        ),
      );
    } else if (!Array.isArray(items)) {
      issues.push(wrong("identityMap.list", ["identityMap", namespace], "a list of identities", items));
    } else {
      for (let index = 0; index < items.length; index += 1) {
        const parsed = parseItem(namespace, items[index] as unknown, index);
        if ("code" in parsed) issues.push(parsed);
        else identities.push(parsed);
      }
    }
  }
  return { identities, issues };
}

function parseItem(namespace: string, item: unknown, index: number): IdentityItem | Issue {
  const at = ["identityMap", namespace, index];
  if (!isObject(item)) return wrong("identityMap.item", at, "an object with id", item);
  const { id, authenticatedState = "ambiguous", primary = false } = item;
  if (typeof id !== "string" || id === "")
    return wrong("identityMap.id", [...at, "id"], "a non-empty string", id);
  if (typeof primary !== "boolean")
    return wrong("identityMap.primary", [...at, "primary"], "a boolean", primary);
  if (
    authenticatedState !== "ambiguous" &&
    authenticatedState !== "authenticated" &&
    authenticatedState !== "loggedOut"
  ) {
    return wrong(
      "identityMap.authenticatedState",
      [...at, "authenticatedState"],
      "ambiguous, authenticated or loggedOut",
      authenticatedState,
    );
  }
  return { namespace, id, authenticatedState, primary };
}

function wrong(code: string, path: readonly (string | number)[], expected: string, came: unknown): Issue {
  return {
    code,
    path,
    expected,
    came: describe(came),
    message: `${path.join(".")}: expected ${expected}, got ${describe(came)}. The entry was left out; send it again corrected.`,
  };
}

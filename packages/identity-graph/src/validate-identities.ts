import { describe, type Identity, type IdentityItem, identityKey, type Issue } from "@tessera/xdm";
import { isJunkValue } from "./junk-values.ts";
import { isBlockedValue } from "./block-list.ts";
import type { IdentityLimits, NamespaceRegistry } from "./namespaces.ts";
import { codeOf, normalForm } from "./normal-form.ts";

/** The identities of a record that are fit for use, in normal form, and an issue for each that was left out. */
export interface ValidatedIdentities {
  readonly identities: readonly IdentityItem[];
  readonly issues: readonly Issue[];
}

const DOCUMENTED: IdentityLimits = { identities: 20, length: 1024 };

/**
 * Checks the identities of one record against the namespaces: form of the value, junk values, the sandbox's block list, at
 * most 20 (or what `registry.limits` says). What fails is reported and left out; the rest of the record lives.
 *
 * - Values come back in their namespace's normal form (IDFA in upper case, e-mail trimmed and in lower case, …); MCID and MID
 *   become ECID. The same identity twice is kept once, with the stronger authentication.
 * - Of more than 20, the primary, then authenticated ones stay first, then the order of the record.
 * - Identities of partner and non-people namespaces are kept; they build no links (`graphIdentities`).
 */
export function validateIdentities(
  items: readonly IdentityItem[],
  registry: NamespaceRegistry,
): ValidatedIdentities {
  const { identities: most } = registry.limits ?? DOCUMENTED;
  const issues: Issue[] = [];
  const found = new Map<string, IdentityItem>();
  for (const item of items) {
    const checked = check(item, registry);
    if ("code" in checked) issues.push(checked);
    else {
      const key = identityKey(checked);
      const before = found.get(key);
      found.set(key, before ? stronger(before, checked) : checked);
    }
  }
  const identities = [...found.values()];
  if (identities.length <= most) return { identities, issues };
  const weight = (item: IdentityItem): number =>
    Number(!item.primary) * 2 + Number(item.authenticatedState !== "authenticated");
  const kept = new Set(identities.toSorted((x, y) => weight(x) - weight(y)).slice(0, most));
  for (const { namespace } of identities.filter((item) => !kept.has(item))) {
    issues.push(
      refusal("identity.tooMany", namespace, {
        expected: `at most ${most} identities a record`,
        came: `${identities.length}`,
      }),
    );
  }
  return { identities: identities.filter((item) => kept.has(item)), issues };
}

/**
 * An identity that a person names, in the form in which records have it: aliases resolved, e-mail in lower case, and so on.
 * What has not the form of its namespace comes back as it is: it may have been taken under other settings. What is on the block
 * list has its form all the same: it may be in graphs from before.
 */
export function normalIdentity({ namespace, id }: Identity, registry: NamespaceRegistry): Identity {
  const code = codeOf(namespace, registry.namespaces);
  const known = registry.namespaces.get(code);
  const normal = normalForm(id, known);
  return known?.pattern && !known.pattern.test(normal) ? { namespace, id } : { namespace: code, id: normal };
}

function stronger(one: IdentityItem, other: IdentityItem): IdentityItem {
  const rank = { authenticated: 0, loggedOut: 1, ambiguous: 2 };
  const { authenticatedState } = rank[other.authenticatedState] < rank[one.authenticatedState] ? other : one;
  return { ...one, authenticatedState, primary: one.primary || other.primary };
}

function check(item: IdentityItem, registry: NamespaceRegistry): IdentityItem | Issue {
  const code = codeOf(item.namespace, registry.namespaces);
  const namespace = registry.namespaces.get(code);
  if (!namespace && registry.unknown === "refuse") {
    const expected = "a registered namespace (register it, or set `unknown` to cookie)";
    return refusal("identity.namespace", code, { expected, came: `the unknown code ${code}` });
  }
  const { length: longest } = registry.limits ?? DOCUMENTED;
  if (item.id.length > longest) {
    return refusal("identity.tooLong", code, {
      expected: `at most ${longest} characters`,
      came: describe(item.id),
    });
  }
  const id = normalForm(item.id, namespace);
  if (isJunkValue(id)) {
    return refusal("identity.junk", code, {
      expected: "a value that names one person, device or browser",
      came: "a placeholder",
    });
  }
  if (namespace?.pattern && !namespace.pattern.test(id)) {
    return refusal("identity.form", code, {
      expected: namespace.expected ?? "another form",
      came: describe(item.id),
    });
  }
  const identity = id === item.id && code === item.namespace ? item : { ...item, namespace: code, id };
  if (isBlockedValue(registry, identity) || isBlockedValue(registry, { namespace: code, id: item.id })) {
    return refusal("identity.blocked", code, {
      expected: "a value that is not on the block list",
      came: "a blocked value",
    });
  }
  return identity;
}

function refusal(
  code: string,
  namespace: string,
  { expected, came }: { readonly expected: string; readonly came: string },
): Issue {
  return {
    code,
    path: ["identityMap", namespace],
    expected,
    came,
    message: `identityMap.${namespace}: expected ${expected}, got ${came}. The identity was left out; the rest of the record was taken.`,
  };
}

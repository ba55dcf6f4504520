import {
  err,
  type IdentityItem,
  type IdentityType,
  isObject,
  type Issue,
  ok,
  type Result,
} from "@tessera/xdm";
import { type BlockedValues, parseBlockList } from "./block-list.ts";
import { buildsGraph, parseIdentityType } from "./linking-rules.ts";
import { settingsIssue } from "./settings-issue.ts";
import { standardNamespaces } from "./standard-namespaces.ts";

/**
 * A namespace: what its values name, and how a value is read. `pattern` is the form a value must have after normalisation;
 * `expected` says it in words.
 */
export interface Namespace {
  readonly code: string;
  readonly name: string;
  readonly type: IdentityType;
  readonly custom: boolean;
  readonly normalise: "none" | "lower" | "upper" | "trim" | "trimLower" | "phone";
  readonly pattern?: RegExp;
  readonly expected?: string;
}

/** The namespaces of a sandbox, and the values it refuses. `unknown`: what becomes of a namespace nobody registered. */
export interface NamespaceRegistry {
  readonly namespaces: ReadonlyMap<string, Namespace>;
  readonly unknown: "refuse" | "cookie";
  readonly blocked: ReadonlyMap<string, BlockedValues>;
  /** Other limits than the documented ones: 20 identities a record, 1,024 characters a value. */
  readonly limits?: IdentityLimits;
}

/** How much one record may say of who someone is. */
export interface IdentityLimits {
  /** Most identities of one record. */
  readonly identities: number;
  /** Most characters of a value. */
  readonly length: number;
}

/**
 * Reads a sandbox's own namespaces: `{ namespaces?: [{ code, type, name? }], unknown?, blocked? }`, added to the standard ones.
 *
 * - `blocked` is a list of `{ namespace?, values?, patterns? }`; a pattern is a regular expression as text, at most 200
 *   characters, matched against the whole value in any letter case; without back references and look-around, so that it
 *   runs in linear time. Without `namespace` it holds everywhere. A value is refused as it came and in its normal form.
 * - `unknown`: `refuse` (default: an identity of an unregistered namespace is reported and left out) or `cookie` (it is
 *   taken as a cookie).
 * - A code may be registered once; standard codes keep their type.
 */
export function parseNamespaceRegistry(input: unknown): Result<NamespaceRegistry, readonly Issue[]> {
  if (!isObject(input))
    return err([settingsIssue([], "an object with namespaces, unknown or blocked", input)]);
  const issues: Issue[] = [];
  const namespaces = new Map(standardNamespaces);
  const { namespaces: custom = [], unknown = "refuse", blocked = [] } = input;
  if (!Array.isArray(custom)) issues.push(settingsIssue(["namespaces"], "a list of namespaces", custom));
  else {
    custom.forEach((item: unknown, index) => {
      const namespace = parseNamespace(item, ["namespaces", index], issues);
      if (!namespace) return;
      if (namespaces.has(namespace.code) && !isSeed(namespaces.get(namespace.code))) {
        issues.push(
          settingsIssue(["namespaces", index, "code"], "a code that is not taken yet", namespace.code),
        );
      }
      namespaces.set(namespace.code, namespace);
    });
  }
  if (unknown !== "refuse" && unknown !== "cookie") {
    issues.push(settingsIssue(["unknown"], "refuse or cookie", unknown));
  }
  const refused = parseBlockList(blocked, namespaces, issues);
  if (issues.length > 0) return err(issues);
  return ok({ namespaces, unknown: unknown === "cookie" ? "cookie" : "refuse", blocked: refused });
}

/** CRMID, loyaltyId and SESSION are there from the start but a sandbox may define them itself. */
function isSeed(namespace: Namespace | undefined): boolean {
  return namespace?.custom === true && standardNamespaces.get(namespace.code) === namespace;
}

/** The standard namespaces, with nothing added. */
export const defaultNamespaces: NamespaceRegistry = {
  namespaces: standardNamespaces,
  unknown: "refuse",
  blocked: new Map(),
};

function parseNamespace(
  item: unknown,
  path: readonly (string | number)[],
  issues: Issue[],
): Namespace | undefined {
  if (!isObject(item)) {
    issues.push(settingsIssue(path, "an object with code and type", item));
    return undefined;
  }
  const { code, name = code } = item;
  const type = parseIdentityType(item.type);
  if (typeof code !== "string" || !/^[A-Za-z0-9_.\- ]{1,64}$/.test(code) || typeof name !== "string") {
    issues.push(settingsIssue([...path, "code"], "a code of 1 to 64 letters, digits, _ . - or blanks", code));
    return undefined;
  }
  if (!type) {
    issues.push(
      settingsIssue([...path, "type"], "an identity type such as CROSS_DEVICE or COOKIE", item.type),
    );
    return undefined;
  }
  return { code, name, type, custom: true, normalise: "none" };
}

/** The identities that take part in linking: those whose namespace stands for people, devices or cookies. */
export function graphIdentities(
  identities: readonly IdentityItem[],
  registry: NamespaceRegistry,
): readonly IdentityItem[] {
  return identities.filter(({ namespace }) => {
    const known = registry.namespaces.get(namespace);
    return known ? buildsGraph(known.type) : registry.unknown === "cookie";
  });
}

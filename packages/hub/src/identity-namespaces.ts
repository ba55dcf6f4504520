import {
  defaultNamespaces,
  type LinkingRules,
  type Namespace,
  type NamespaceRegistry,
  parseLinkingRules,
  parseNamespaceRegistry,
} from "@tessera/identity-graph";
import type { HubStore } from "@tessera/profile-store";
import {
  err,
  isObject,
  isPersonType,
  type Issue,
  type JsonObject,
  ok,
  parseJson,
  type Result,
} from "@tessera/xdm";
import type { Configuration } from "./configuration.ts";
import { saveDocument } from "./destination-lifecycle.ts";
import { limitIssues } from "./limit-issues.ts";

/** The kind of the document that holds a sandbox's own namespaces and its block list. */
export const IDENTITY_NAMESPACES = "identityNamespaces";

/** The namespaces of a sandbox, and the values it refuses. */
export interface IdentityNamespaces {
  /** All namespaces, standard ones first. */
  readonly identityNamespaces: () => readonly Namespace[];
  /** The settings as they were given last; `{}` before. */
  readonly namespaceSettings: () => Promise<JsonObject>;
  /**
   * `{ namespaces?: [{ code, type, name? }], unknown?, blocked?: [{ namespace?, values?, patterns? }] }`, in place of what was
   * set before. Namespaces stay and keep their type. The block list is for records to come: to take out a value that is
   * already in graphs, block the identity. `unknown` is `cookie` without it: nothing is lost to a namespace nobody registered.
   */
  readonly setIdentityNamespaces: (input: unknown) => Promise<Result<JsonObject, readonly Issue[]>>;
}

/** The namespace side of a hub. */
export function createIdentityNamespaces(options: {
  readonly store: HubStore;
  readonly configuration: () => Configuration;
  readonly reload: () => Promise<void>;
}): IdentityNamespaces {
  const { store, configuration, reload } = options;
  const settings = async (): Promise<JsonObject> =>
    (await store.document(IDENTITY_NAMESPACES, "current"))?.body ?? {};
  return {
    identityNamespaces: () => [...configuration().registry.namespaces.values()],
    namespaceSettings: settings,
    setIdentityNamespaces: async (input) => {
      const registry = readRegistry(input);
      if (!registry.ok) return registry;
      const { ruleSettings, registered } = configuration();
      const issues = [...lost(registered, registry.value), ...disagreements(ruleSettings, registry.value)];
      if (issues.length > 0) return err(issues);
      const json = parseJson(input);
      if ("badPath" in json || !isObject(json.value))
        throw new Error("What was read as settings is JSON data.");
      const body = json.value as JsonObject;
      if (!(await saveDocument(store, IDENTITY_NAMESPACES, "current", body)))
        return err([{ code: "conflict", message: "Someone else set the namespaces. Read them and repeat." }]);
      await reload();
      return ok(body);
    },
  };
}

/** Linking rules as they could be put in force: a namespace that is registered keeps its type, and the cap its limit. */
export function checkRules(
  input: unknown,
  { registered, limits }: Pick<Configuration, "registered" | "limits">,
): Result<LinkingRules, readonly Issue[]> {
  const rules = parseLinkingRules(input);
  if (!rules.ok) return rules;
  const issues = [
    ...disagreements(rules.value, registered),
    ...limitIssues(limits, [["identity.graph-identities", rules.value.cap, ["cap"]]]),
  ];
  return issues.length > 0 ? err(issues) : rules;
}

/**
 * Rules with the registered namespaces that they leave out, ranked by type: a person's namespace below the persons' that are named
 * and above every device and cookie, as none of those may rank above a person; a device's below all that are named. Cookies
 * come last anyway.
 */
export function completeRules(rules: LinkingRules, { namespaces }: NamespaceRegistry): LinkingRules {
  const named = new Set(rules.namespaces.map(({ namespace }) => namespace));
  const lowestOf = (ranked: LinkingRules["namespaces"]): number =>
    ranked.reduce((lowest, { priority }) => Math.max(lowest, priority), 0);
  const persons = lowestOf(rules.namespaces.filter(({ type }) => isPersonType(type)));
  const devices = lowestOf(rules.namespaces) + 1;
  const leftOut = [...namespaces.values()].flatMap(({ code: namespace, type }) => {
    if (named.has(namespace)) return [];
    // Set priorities are whole numbers: between two of them nothing else changes its place.
    if (isPersonType(type)) return [{ namespace, type, unique: false, priority: persons + 0.5 }];
    const isDevice = type === "DEVICE" || type === "MOBILE";
    return isDevice ? [{ namespace, type, unique: false, priority: devices }] : [];
  });
  return leftOut.length === 0 ? rules : { ...rules, namespaces: [...rules.namespaces, ...leftOut] };
}

/** The registry that settings give; without `unknown` an unknown namespace is taken as a cookie. */
export function readRegistry(settings: unknown): Result<NamespaceRegistry, readonly Issue[]> {
  if (!isObject(settings)) return parseNamespaceRegistry(settings);
  return parseNamespaceRegistry({ ...settings, unknown: settings["unknown"] ?? "cookie" });
}

/** Namespaces that are no more, or of another type: their values are in graphs. */
function lost(before: NamespaceRegistry, after: NamespaceRegistry): readonly Issue[] {
  return [...before.namespaces.values()].flatMap(({ code, type }): readonly Issue[] => {
    const came = after.namespaces.get(code)?.type;
    if (came === type || isSeed(before.namespaces.get(code))) return [];
    return [typeIssue(code, { expected: type, came: came ?? "nothing" })];
  });
}

function disagreements({ namespaces }: LinkingRules, registry: NamespaceRegistry): readonly Issue[] {
  return namespaces.flatMap(({ namespace, type }): readonly Issue[] => {
    const known = registry.namespaces.get(namespace);
    if (known === undefined || known.type === type || isSeed(known)) return [];
    return [typeIssue(namespace, { expected: known.type, came: type })];
  });
}

/** A standard namespace that each sandbox may still define itself. */
function isSeed(namespace: Namespace | undefined): boolean {
  return namespace?.custom === true && defaultNamespaces.namespaces.get(namespace.code) === namespace;
}

function typeIssue(
  code: string,
  { expected, came }: { readonly expected: string; readonly came: string },
): Issue {
  return {
    code: "namespaces.type",
    path: ["namespaces", code],
    expected,
    came,
    message: `namespaces, ${code}: expected the type ${expected} that it has, got ${came}. Nothing was changed; a namespace is never deleted and keeps its type.`,
  };
}

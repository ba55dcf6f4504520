import { type AuthenticatedState, compareKeys, type Identity } from "@tessera/xdm";

/** The namespaces that Audience Manager is ever given. */
export type SharedNamespace = "ECID" | "IDFA" | "GAID" | "EMAIL_LC_SHA256" | "AdCloud";

/** An identity in the form Audience Manager takes: IDFA in upper case, GAID and hashes in lower case. */
export interface SharedIdentity {
  readonly namespace: SharedNamespace;
  readonly id: string;
  /** 0 unknown, 1 authenticated, 2 logged out. */
  readonly authState: 0 | 1 | 2;
}

/** An identity that may leave; without a state it is `ambiguous`. */
export interface FilterableIdentity extends Identity {
  readonly authenticatedState?: AuthenticatedState;
}

/** Why identities stayed at home. */
export type LeftOutReason = "customNamespace" | "rawEmail" | "malformed" | "placeholder";

/** Identities that stay at home, counted: the values are never repeated. */
export interface LeftOutIdentities {
  readonly namespace: string;
  readonly because: LeftOutReason;
  readonly count: number;
}

/** What leaves, and what was left out and why. */
export interface FilteredIdentities {
  readonly shared: readonly SharedIdentity[];
  readonly leftOut: readonly LeftOutIdentities[];
}

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i;
const NO_DEVICE = /^[0-]+$/;

interface NamespaceRule {
  readonly namespace: SharedNamespace;
  readonly valid: RegExp;
  readonly form: (id: string) => string;
}

const upper = (id: string): string => id.toUpperCase();
const lower = (id: string): string => id.toLowerCase();
const asItIs = (id: string): string => id;

/** Keyed by upper-case code: `Email_LC_SHA256` and `EMAIL_LC_SHA256` name the same namespace. */
const RULES: ReadonlyMap<string, NamespaceRule> = new Map<string, NamespaceRule>([
  ["ECID", { namespace: "ECID", valid: /^\d{38}$/, form: asItIs }],
  ["IDFA", { namespace: "IDFA", valid: UUID, form: upper }],
  ["GAID", { namespace: "GAID", valid: UUID, form: lower }],
  ["EMAIL_LC_SHA256", { namespace: "EMAIL_LC_SHA256", valid: /^[0-9a-f]{64}$/i, form: lower }],
  ["ADCLOUD", { namespace: "AdCloud", valid: /^[A-Za-z0-9_.\-!*()~]{1,128}$/, form: asItIs }],
]);

const STATES = { ambiguous: 0, authenticated: 1, loggedOut: 2 } as const;

/**
 * Keeps exactly ECID, IDFA, GAID, hashed e-mails and AdCloud ids; everything else stays at home with a reason.
 * A value that lies about its namespace (a raw e-mail under `EMAIL_LC_SHA256`, say) is `malformed` and stays too;
 * an advertising id of only zeros is the operating system's opt-out and a `placeholder`.
 * The result is in a fixed order and without doubles; the same id under two states keeps the most certain one.
 */
export function filterIdentities(identities: readonly FilterableIdentity[]): FilteredIdentities {
  const shared = new Map<string, SharedIdentity>();
  const left = new Map<string, { namespace: string; because: LeftOutReason; count: number }>();
  for (const item of identities) {
    const rule = RULES.get(item.namespace.toUpperCase());
    const because = refusal(item, rule);
    if (rule === undefined || because !== undefined) {
      const key = `${because}\n${item.namespace}`;
      const counted = left.get(key);
      if (counted === undefined)
        left.set(key, { namespace: item.namespace, because: because ?? "customNamespace", count: 1 });
      else counted.count += 1;
      continue;
    }
    const id = rule.form(item.id);
    const authState = STATES[item.authenticatedState ?? "ambiguous"];
    const key = `${rule.namespace}:${id}`;
    const known = shared.get(key);
    if (known === undefined || rank(authState) > rank(known.authState))
      shared.set(key, { namespace: rule.namespace, id, authState });
  }
  const order = [...RULES.values()].map((rule) => rule.namespace);
  return {
    shared: [...shared.values()].sort(
      (a, b) => order.indexOf(a.namespace) - order.indexOf(b.namespace) || compareKeys(a.id, b.id),
    ),
    leftOut: [...left.values()].sort(
      (a, b) => compareKeys(a.namespace, b.namespace) || compareKeys(a.because, b.because),
    ),
  };
}

function refusal(item: FilterableIdentity, rule: NamespaceRule | undefined): LeftOutReason | undefined {
  if (rule === undefined) return item.namespace.toUpperCase() === "EMAIL" ? "rawEmail" : "customNamespace";
  if (!rule.valid.test(item.id)) return item.id.includes("@") ? "rawEmail" : "malformed";
  return NO_DEVICE.test(item.id) ? "placeholder" : undefined;
}

function rank(state: 0 | 1 | 2): number {
  return state === 1 ? 2 : state === 2 ? 1 : 0;
}

/**
 * One identity: a value within a namespace. `namespace` is the integration code (`ECID`, `CRMID`), `id` the value.
 * The two never travel apart.
 */
export interface Identity {
  readonly namespace: string;
  readonly id: string;
}

/** `authenticatedState` of an identity, as in the XDM identity map. */
export type AuthenticatedState = "ambiguous" | "authenticated" | "loggedOut";

/** An identity as it stood in an identity map. */
export interface IdentityItem extends Identity {
  readonly authenticatedState: AuthenticatedState;
  readonly primary: boolean;
}

/** `namespace:id` as one string, usable as a map key. A namespace code never contains a colon. */
export type IdentityKey = string & { readonly __brand?: "IdentityKey" };

/** The key of an identity: `ECID:12345…`. */
export function identityKey(identity: Identity): IdentityKey {
  return `${identity.namespace}:${identity.id}`;
}

/** The identity of a key made by `identityKey`. */
export function identityOfKey(key: IdentityKey): Identity {
  const colon = key.indexOf(":");
  return { namespace: key.slice(0, colon), id: key.slice(colon + 1) };
}

/** Code-unit order of keys: the one tie-break used wherever identities are put in order. */
export function compareKeys(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

/** What kind of thing a namespace names; decides ranking and which identities leave a full graph first. */
export type IdentityType =
  | "CROSS_DEVICE"
  | "EMAIL"
  | "PHONE"
  | "MOBILE"
  | "DEVICE"
  | "COOKIE"
  | "PARTNER"
  | "NON_PEOPLE";

/** Whether a type stands for a person rather than a device, a cookie or something that is no person at all. */
export function isPersonType(type: IdentityType): boolean {
  return type === "CROSS_DEVICE" || type === "EMAIL" || type === "PHONE";
}

import { findLimit } from "@tessera/guardrails";
import {
  err,
  type Identity,
  type IdentityItem,
  isObject,
  ok,
  parseIdentityMap,
  type Result,
} from "@tessera/xdm";
import { isEcid } from "./ecid.ts";
import type { EdgeError } from "./errors.ts";

/** The most identities one request may name. */
const MAX_IDENTITIES = findLimit("identity.record-identities").value;
const LONGEST_ID = findLimit("identity.value-length").value;

/** The identities of one event, and which of them is the primary one. */
export interface EventIdentities {
  readonly primary: Identity;
  readonly items: readonly IdentityItem[];
}

/** Reads an identity map for the edge: at most 20 identities, ECIDs of 38 digits, values of at most 1,024 characters. */
export function readIdentities(input: unknown): Result<readonly IdentityItem[], EdgeError> {
  if (input === undefined) return ok([]);
  const { identities, issues } = parseIdentityMap(input);
  const [issue] = issues;
  if (issue !== undefined) return err({ code: "EXEG-0305", detail: issue.message });
  if (identities.length > MAX_IDENTITIES)
    return err({
      code: "EXEG-0304",
      detail: `identityMap: expected at most ${MAX_IDENTITIES} identities, got ${identities.length}.`,
    });
  for (const { namespace, id } of identities) {
    if (namespace === "ECID" && !isEcid(id))
      return err({ code: "EXEG-0305", detail: "identityMap.ECID: expected an id of exactly 38 digits." });
    if (id.length > LONGEST_ID)
      return err({
        code: "EXEG-0305",
        detail: `identityMap.${namespace}: expected ids of at most ${LONGEST_ID} characters.`,
      });
  }
  return ok(identities);
}

/**
 * Exactly one identity of an event is primary. The device's ECID joins the identities that came; it is primary unless
 * another one is marked so. More than one marked is an error.
 */
export function identifyEvent(
  came: readonly IdentityItem[],
  ecid: string | undefined,
): Result<EventIdentities, EdgeError> {
  const marked = came.filter((item) => item.primary);
  const [primary, second] = marked;
  if (second !== undefined)
    return err({
      code: "EXEG-0304",
      detail: `identityMap: expected exactly one primary identity, got ${marked.length}. Mark one of them.`,
    });
  const held = came.find((item) => item.namespace === "ECID");
  if (primary !== undefined) {
    const items = held !== undefined || ecid === undefined ? came : [...came, device(ecid, false)];
    return ok({ primary, items });
  }
  if (held !== undefined) {
    const first = { ...held, primary: true };
    return ok({ primary: first, items: came.map((item) => (item === held ? first : item)) });
  }
  if (ecid === undefined) {
    return err({
      code: "EXEG-0306",
      detail: "identityMap: expected one identity marked primary, got none. Mark one or send an ECID.",
    });
  }
  const added = device(ecid, true);
  return ok({ primary: added, items: [...came, added] });
}

function device(id: string, primary: boolean): IdentityItem {
  return { namespace: "ECID", id, authenticatedState: "ambiguous", primary };
}

/** The ECID an identity map names, if it names exactly one. */
export function ecidOf(items: readonly IdentityItem[]): string | undefined {
  return items.find((item) => item.namespace === "ECID")?.id;
}

/** Identities as the XDM identity map that goes to the hub. */
export function toIdentityMap(
  items: readonly IdentityItem[],
): Record<string, { readonly id: string; readonly authenticatedState: string; readonly primary: boolean }[]> {
  const map: Record<string, { id: string; authenticatedState: string; primary: boolean }[]> = Object.create(
    null,
  ) as Record<string, never[]>;
  for (const { namespace, id, authenticatedState, primary } of items) {
    (map[namespace] ??= []).push({ id, authenticatedState, primary });
  }
  return map;
}

/** The namespaces a request asks to be told (`query.identity.fetch`). */
export function fetchedNamespaces(query: unknown): readonly string[] {
  const identity = isObject(query) ? query["identity"] : undefined;
  const fetch = isObject(identity) ? identity["fetch"] : undefined;
  return Array.isArray(fetch)
    ? (fetch as unknown[]).filter((item): item is string => typeof item === "string")
    : [];
}

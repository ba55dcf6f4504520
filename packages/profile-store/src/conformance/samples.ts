import type { IdentityKey, JsonObject, MembershipChange } from "@tessera/xdm";
import { emptyCommit } from "../empty-commit.ts";
import type { Fragment, StoredRecord } from "../fragment.ts";
import type { HubCommit, HubStore, OutboxEntry, PersonWrite, StoredEvent } from "../hub-store.ts";
import type { PersonState } from "../person-state.ts";
import { expectSame } from "./expect.ts";

/** 2026-03-01T00:00:00Z. */
export const NOON = 1_772_323_200_000;

/** A commit of nothing but `parts`. */
export function commitOf(parts: Partial<HubCommit>): HubCommit {
  return { ...emptyCommit, ...parts };
}

/** A person with these identities, as first stored. */
export function personOf(
  personId: string,
  identities: readonly IdentityKey[],
  more: Partial<PersonState> = {},
): PersonState {
  return {
    personId,
    version: 1,
    identities: [...identities].sort(),
    graph: { links: identities.map((key) => [key, NOON]), anchor: identities[0] ?? null },
    fragments: [],
    memberships: [],
    eventCount: 0,
    evaluatedAt: NOON,
    ...more,
  };
}

/** A person in full: every optional field is there. */
export function fullPerson(personId: string, identities: readonly IdentityKey[]): PersonState {
  const owner = identities[0] ?? "";
  return personOf(personId, identities, {
    fragments: [
      fragmentOf("crm", owner, { person: { name: { firstName: "Ada" } }, points: 7 }),
      { ...fragmentOf("loyalty", owner, { tier: "gold" }), times: { tier: NOON + 5, "a.b": NOON + 6 } },
      { ...fragmentOf("SystemComputedAttribute", owner, {}), state: { visits: [[1, 2]], "a.b": [] } },
    ],
    memberships: [
      { namespace: "AAM", audienceId: "s-9", status: "existing", at: NOON, version: 1, validUntil: NOON + 9 },
      { namespace: "ups", audienceId: "a", status: "realized", at: NOON - 1, version: 3 },
      { namespace: "ups", audienceId: "b", status: "exited", at: 0, version: 12 },
    ],
    eventState: Uint8Array.from({ length: 256 }, (_, index) => index),
    eventCount: 42,
    nextChangeAt: NOON + 1000,
    regions: { irl1: NOON, va6: NOON - 7 },
  });
}

/** A fragment that replaced whatever was there at NOON. */
export function fragmentOf(datasetId: string, owner: IdentityKey, body: JsonObject): Fragment {
  return { datasetId, owner, body, at: NOON };
}

/** The write that stores `person`. */
export function put(person: PersonState, fragmentsChanged = true): PersonWrite {
  return { kind: "put", person, fragmentsChanged };
}

/** An event of `owner`, `at` milliseconds after NOON. */
export function eventOf(
  id: string,
  owner: IdentityKey,
  at = 0,
  more: Partial<StoredEvent> = {},
): StoredEvent {
  return {
    id,
    datasetId: "web",
    owner,
    identities: [owner],
    at: NOON + at,
    ingestedAt: NOON + 60_000,
    body: {
      _id: id,
      timestamp: new Date(NOON + at).toISOString(),
      eventType: "web.webpagedetails.pageViews",
    },
    ...more,
  };
}

/** A record of `owner`, `at` milliseconds after NOON. */
export function recordOf(
  owner: IdentityKey,
  body: JsonObject,
  at = 0,
  more: Partial<StoredRecord> = {},
): StoredRecord {
  return {
    id: `record ${owner} ${at}`,
    datasetId: "crm",
    owner,
    identities: [owner],
    operation: "upsert",
    body,
    at: NOON + at,
    ordinal: 0,
    ...more,
  };
}

/** A change of one membership, `at` milliseconds after NOON. */
export function changeOf(
  personId: string,
  audienceId: string,
  to: "realized" | "exited",
  at = 0,
): MembershipChange {
  return {
    personId,
    namespace: "ups",
    audienceId,
    from: to === "realized" ? "none" : "realized",
    to,
    at: new Date(NOON + at).toISOString(),
    version: 1,
  };
}

/** An outbox entry for `destinationId`. */
export function entryOf(id: string, destinationId: string, personId = "p1"): OutboxEntry {
  return {
    id,
    destinationId,
    personId,
    at: NOON,
    body: { audience: "vip", nested: { list: [1, null, "x"] } },
  };
}

/** Commits and throws when the store refuses. */
export async function accepted(store: HubStore, parts: Partial<HubCommit>): Promise<void> {
  expectSame("a commit without conflict is accepted", await store.commit(commitOf(parts)), { ok: true });
}

/** Strings that break careless stores: quotes, NUL, other scripts, emoji, half of one, wildcards, operators, length. */
export const HOSTILE: readonly string[] = [
  'it\'s "quoted" `back` \\ slash',
  "nul\u0000inside",
  "\u0000",
  "line\nbreak\r\ttab",
  "emoji 👩‍👩‍👧‍👦 🧡",
  "Ελλάδα 中文 العربية é e\u0301",
  "half \ud83d of an emoji",
  "\uffff last of the plane",
  "%_*?[a]",
  "$set",
  "a.b.$c",
  "'; DROP TABLE person; --",
  '{"$gt":""}',
  " leading and trailing ",
  "x".repeat(3000),
];

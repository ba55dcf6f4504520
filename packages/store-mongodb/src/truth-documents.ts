import type {
  QuarantinedItem,
  QueuedEntry,
  RecordOperation,
  StoredDocument,
  StoredEvent,
  StoredRecord,
} from "@tessera/profile-store";
import type { ExperienceEvent, IdentityKey, JsonObject, JsonValue, MembershipChange } from "@tessera/xdm";
import type {
  ChangeDocument,
  ConfigurationDocument,
  EntryDocument,
  EventDocument,
  ItemDocument,
  RecordDocument,
} from "./collections.ts";
import { fromStored, toStored } from "@tessera/profile-store";

export function encodeEvent({
  id,
  datasetId,
  owner,
  identities,
  at,
  ingestedAt,
  body,
}: StoredEvent): EventDocument {
  return {
    _id: toStored(id),
    d: toStored(datasetId),
    o: toStored(owner),
    ...encodeIdentities(identities, owner),
    t: at,
    n: ingestedAt,
    ...(body === undefined ? {} : { b: JSON.stringify(body) }),
  };
}

export function decodeEvent({ _id, d, o, i, t, n, b }: EventDocument): StoredEvent {
  return {
    id: fromStored(_id),
    datasetId: fromStored(d),
    owner: fromStored(o),
    identities: (i ?? [o]).map(fromStored),
    at: t,
    ingestedAt: n,
    ...(b === undefined ? {} : { body: JSON.parse(b) as ExperienceEvent }),
  };
}

export function encodeRecord(record: StoredRecord): RecordDocument {
  const { id, datasetId, owner, identities, operation, body, at, ordinal } = record;
  return {
    id: toStored(id),
    d: toStored(datasetId),
    o: toStored(owner),
    ...encodeIdentities(identities, owner),
    op: operation,
    t: at,
    n: ordinal,
    b: JSON.stringify(body),
  };
}

export function decodeRecord({ id, d, o, i, op, t, n, b }: RecordDocument): StoredRecord {
  return {
    id: fromStored(id),
    datasetId: fromStored(d),
    owner: fromStored(o),
    identities: (i ?? [o]).map(fromStored),
    operation: op as RecordOperation,
    body: JSON.parse(b) as JsonObject,
    at: t,
    ordinal: n,
  };
}

export function encodeChange(change: MembershipChange, number: number): ChangeDocument {
  const { personId, namespace, audienceId, from, to, at, version } = change;
  return {
    p: toStored(personId),
    n: number,
    ns: toStored(namespace),
    id: toStored(audienceId),
    from,
    to,
    at: toStored(at),
    v: version,
  };
}

export function decodeChange({ p, ns, id, from, to, at, v }: ChangeDocument): MembershipChange {
  return {
    personId: fromStored(p),
    namespace: fromStored(ns),
    audienceId: fromStored(id),
    from: from as MembershipChange["from"],
    to: to as MembershipChange["to"],
    at: fromStored(at),
    version: v,
  };
}

export function decodeEntry({ _id, d, p, at, b, n }: EntryDocument): QueuedEntry {
  return {
    id: fromStored(_id),
    destinationId: fromStored(d),
    personId: fromStored(p),
    at,
    body: JSON.parse(b) as JsonObject,
    sequence: n,
  };
}

export function encodeItem(item: QuarantinedItem): ItemDocument {
  const { id, datasetId, kind, code, message, at, body, operation, isRow } = item;
  return {
    _id: toStored(id),
    d: toStored(datasetId),
    kind,
    code: toStored(code),
    message: toStored(message),
    at,
    b: JSON.stringify(body),
    ...(operation === undefined ? {} : { o: operation }),
    ...(isRow === undefined ? {} : { r: isRow }),
  };
}

export function decodeItem({ _id, d, kind, code, message, at, b, o, r }: ItemDocument): QuarantinedItem {
  return {
    id: fromStored(_id),
    datasetId: fromStored(d),
    kind: kind === "event" ? "event" : "record",
    code: fromStored(code),
    message: fromStored(message),
    at,
    body: JSON.parse(b) as JsonValue,
    ...(o === undefined ? {} : { operation: o }),
    ...(r === undefined ? {} : { isRow: r }),
  };
}

/** The key of a configuration document. */
export function documentKey(kind: string, id: string): string {
  return JSON.stringify([kind, id]);
}

export function decodeDocument({ k, id, v, b }: ConfigurationDocument): StoredDocument {
  return { kind: fromStored(k), id: fromStored(id), version: v, body: JSON.parse(b) as JsonObject };
}

/** Most events name no identity but their owner's: then the list is left out. */
function encodeIdentities(
  keys: readonly IdentityKey[],
  owner: IdentityKey,
): { readonly i?: readonly string[] } {
  return keys.length === 1 && keys[0] === owner ? {} : { i: keys.map(toStored) };
}

import type { JsonObject, MembershipStatus } from "@tessera/xdm";
import { hasData, type MembershipState, type PersonState } from "@tessera/profile-store";
import { Binary } from "mongodb";
import type { FragmentsDocument, MembershipDocument, PersonDocument } from "./collections.ts";
import { decodeBody, encodeBody } from "./body.ts";
import { fromStored, toStored } from "@tessera/profile-store";

/** What a put sets on a person's document, and the optional fields that it removes. */
export function encodePerson(person: PersonState): {
  readonly set: Omit<PersonDocument, "_id" | "fv" | "logged" | "s">;
  readonly unset: Readonly<Record<string, "">>;
} {
  const {
    version,
    identities,
    graph,
    memberships,
    eventState,
    eventCount,
    evaluatedAt,
    nextChangeAt,
    regions,
  } = person;
  return {
    set: {
      v: version,
      ids: identities.map(toStored),
      data: hasData(person),
      graph: JSON.stringify(graph),
      memberships: memberships.map(encodeMembership),
      events: eventCount,
      evaluated: evaluatedAt,
      ...(eventState === undefined ? {} : { state: new Binary(eventState) }),
      ...(nextChangeAt === undefined ? {} : { next: nextChangeAt }),
      ...(regions === undefined ? {} : { regions: JSON.stringify(regions) }),
    },
    unset: {
      s: "",
      ...(eventState === undefined ? { state: "" } : {}),
      ...(nextChangeAt === undefined ? { next: "" } : {}),
      ...(regions === undefined ? { regions: "" } : {}),
    },
  };
}

/** The document of a person's attributes. */
export function encodeFragments(person: PersonState): FragmentsDocument {
  const fragments = person.fragments.map(({ datasetId, owner, at, times, state, body }) => ({
    dataset: toStored(datasetId),
    owner: toStored(owner),
    at,
    ...(times === undefined ? {} : { times: JSON.stringify(times) }),
    ...(state === undefined ? {} : { state: JSON.stringify(state) }),
    body: encodeBody(body),
  }));
  const isText = fragments.some(({ body }) => typeof body === "string");
  return { _id: toStored(person.personId), v: person.version, ...(isText ? { text: true } : {}), fragments };
}

/** The person of its two documents, or undefined when they are not of the same commit. */
export function decodePerson(
  document: PersonDocument,
  fragments: FragmentsDocument | undefined,
): PersonState | undefined {
  if (document.fv !== fragments?.v) return undefined;
  const { _id, v, ids = [], graph = "{}", memberships = [], state, events = 0, evaluated = 0 } = document;
  return {
    personId: fromStored(_id),
    version: v,
    identities: ids.map(fromStored),
    graph: JSON.parse(graph) as object,
    fragments: (fragments?.fragments ?? []).map(({ dataset, owner, at, times, state: carried, body }) => ({
      datasetId: fromStored(dataset),
      owner: fromStored(owner),
      body: decodeBody(body),
      at,
      ...(times === undefined ? {} : { times: JSON.parse(times) as Readonly<Record<string, number>> }),
      ...(carried === undefined ? {} : { state: JSON.parse(carried) as JsonObject }),
    })),
    memberships: memberships.map(decodeMembership),
    ...(state === undefined ? {} : { eventState: Uint8Array.from(state.value()) }),
    eventCount: events,
    evaluatedAt: evaluated,
    ...(document.next === undefined ? {} : { nextChangeAt: document.next }),
    ...(document.regions === undefined
      ? {}
      : { regions: JSON.parse(document.regions) as Readonly<Record<string, number>> }),
  };
}

function encodeMembership({
  namespace,
  audienceId,
  status,
  at,
  version,
  validUntil,
}: MembershipState): MembershipDocument {
  const membership = { ns: toStored(namespace), id: toStored(audienceId), status, at, v: version };
  return validUntil === undefined ? membership : { ...membership, until: validUntil };
}

function decodeMembership({ ns, id, status, at, v, until }: MembershipDocument): MembershipState {
  const membership = {
    namespace: fromStored(ns),
    audienceId: fromStored(id),
    status: status as MembershipStatus,
    at,
    version: v,
  };
  return until === undefined ? membership : { ...membership, validUntil: until };
}

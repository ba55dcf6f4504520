import { emptyCommit, type DocumentWrite, type HubStore } from "@tessera/profile-store";
import { type JsonObject, parseJson } from "@tessera/xdm";

/** One document as it is to stand; without `body` it goes. */
export interface DocumentChange {
  readonly kind: string;
  readonly id: string;
  readonly body?: object;
}

/** Writes documents over the versions that are stored, all or none; false when someone else wrote one meanwhile. */
export async function writeDocuments(store: HubStore, changes: readonly DocumentChange[]): Promise<boolean> {
  const documents = await Promise.all(
    changes.map(async ({ kind, id, body }): Promise<DocumentWrite | undefined> => {
      const before = await store.document(kind, id);
      if (body === undefined && before === undefined) return undefined;
      const write = { kind, id, expectedVersion: before?.version ?? 0 };
      return body === undefined ? write : { ...write, body: jsonObjectOf(body) };
    }),
  );
  const wanted = documents.filter((write) => write !== undefined);
  return wanted.length === 0 || (await store.commit({ ...emptyCommit, documents: wanted })).ok;
}

/** How often a write is tried over what others write meanwhile. */
const TRIES = 20;

/** Writes again while others change the same documents; `refusal` is the error when that never ends. */
export async function insist(write: () => Promise<boolean>, refusal: string): Promise<void> {
  for (let attempt = 0; attempt < TRIES; attempt += 1) if (await write()) return;
  throw new Error(refusal);
}

/**
 * Changes one document by what it holds. Of several processes that try at the same time one succeeds; false for the
 * others, and when `change` gives nothing.
 */
export async function claimDocument(
  store: HubStore,
  { kind, id }: { readonly kind: string; readonly id: string },
  change: (body: JsonObject | undefined) => object | undefined,
): Promise<boolean> {
  const before = await store.document(kind, id);
  const body = change(before?.body);
  if (body === undefined) return false;
  const write = { kind, id, expectedVersion: before?.version ?? 0, body: jsonObjectOf(body) };
  return (await store.commit({ ...emptyCommit, documents: [write] })).ok;
}

/** A value as the JSON object that is stored. */
export function jsonObjectOf(value: object): JsonObject {
  const json = parseJson(value);
  if ("badPath" in json) throw new Error("What is stored is JSON data.");
  return json.value as JsonObject;
}

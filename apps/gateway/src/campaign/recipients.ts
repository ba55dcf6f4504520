import type { KnownRecipients, RecipientList } from "@tessera/destinations-campaign";
import type { HubStore } from "@tessera/profile-store";
import { digest } from "@tessera/xdm";
import { type DocumentChange, insist, writeDocuments } from "../documents.ts";

/** The recipients that Campaign instances say they have: Campaign owns them, and files are for these alone. */
export interface Recipients {
  /** The list of an instance, a target mapping and a key column; undefined where none was given. */
  readonly known: (list: RecipientList) => KnownRecipients | undefined;
  /** Reads lists anew that were given meanwhile, here or by another process. */
  readonly refresh: () => Promise<void>;
}

/** Head of a list: how many keys, in how many parts of which round. Parts of other rounds are left-overs. */
interface Head {
  readonly keys: number;
  readonly parts: number;
  readonly round: string;
}

const HEAD = "campaignRecipients";
const PART = "campaignRecipientsPart";
const KEYS_A_PART = 50_000;
const BUSY = "Someone else kept writing the same list of recipients; send it again.";

/** Opens the lists of a sandbox. Of a key only 64 bits of a digest are kept: enough to know it again, not to read it. */
export async function openRecipients(store: HubStore): Promise<Recipients> {
  let lists: ReadonlyMap<string, { readonly version: number; readonly known: KnownRecipients }> = new Map();
  const refresh = async (): Promise<void> => {
    const heads = await store.documents(HEAD);
    const next = new Map<string, { version: number; known: KnownRecipients }>();
    for (const { id, version, body } of heads) {
      const before = lists.get(id);
      if (before?.version === version) next.set(id, before);
      else next.set(id, { version, known: await readList(store, id, body as unknown as Head) });
    }
    lists = next;
  };
  await refresh();
  return { known: (list) => lists.get(idOf(list))?.known, refresh };
}

/**
 * Puts a list in place of the one before. The parts are written first and the head last, so that a list is read whole or
 * not at all. `round` is new each time.
 */
export async function saveRecipients(
  store: HubStore,
  list: RecipientList,
  { keys, round }: { readonly keys: Iterable<string> | AsyncIterable<string>; readonly round: string },
): Promise<number> {
  const id = idOf(list);
  const put = (changes: readonly DocumentChange[]): Promise<void> =>
    insist(() => writeDocuments(store, changes), BUSY);
  const hashes: bigint[] = [];
  for await (const key of keys) hashes.push(hashOf(key));
  const sorted = BigUint64Array.from(hashes).sort();
  const before = (await store.document(HEAD, id))?.body as unknown as Head | undefined;
  let parts = 0;
  for (let at = 0; at < sorted.length; at += KEYS_A_PART) {
    const bytes = new Uint8Array(sorted.slice(at, at + KEYS_A_PART).buffer);
    const part = {
      kind: PART,
      id: `${id} ${round} ${parts}`,
      body: { hashes: Buffer.from(bytes).toString("base64") },
    };
    await put([part]);
    parts += 1;
  }
  const head: Head = { keys: sorted.length, parts, round };
  await put([{ kind: HEAD, id, body: head }]);
  if (before !== undefined) await put(partsOf(id, before));
  return sorted.length;
}

async function readList(store: HubStore, id: string, { parts, round }: Head): Promise<KnownRecipients> {
  const pieces: Buffer[] = [];
  for (let part = 0; part < parts; part += 1) {
    const stored = await store.document(PART, `${id} ${round} ${part}`);
    pieces.push(Buffer.from(String(stored?.body["hashes"] ?? ""), "base64"));
  }
  const bytes = new Uint8Array(Buffer.concat(pieces));
  const sorted = new BigUint64Array(bytes.buffer, 0, Math.floor(bytes.length / 8));
  return { has: (key) => contains(sorted, hashOf(key)) };
}

function contains(sorted: BigUint64Array, hash: bigint): boolean {
  let [low, high] = [0, sorted.length];
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((sorted[middle] ?? 0n) < hash) low = middle + 1;
    else high = middle;
  }
  return sorted[low] === hash;
}

function hashOf(key: string): bigint {
  return BigInt(`0x${digest(key).slice(0, 16)}`);
}

function idOf({ instance, targetMapping, column }: RecipientList): string {
  return JSON.stringify([instance, targetMapping, column]);
}

function partsOf(id: string, { parts, round }: Head): readonly DocumentChange[] {
  return Array.from({ length: parts }, (_, part) => ({ kind: PART, id: `${id} ${round} ${part}` }));
}

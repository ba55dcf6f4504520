import type { DeliveryLogEntry, DeliveryLogQuery } from "@tessera/destinations";
import type { DocumentWrite, HubStore, StoredDocument } from "@tessera/profile-store";
import { jsonObjectOf } from "../documents.ts";

/** The kind of the log's documents. The newest page of a person stands under the person's id, full ones under `<id>#<page>`. */
const KIND = "deliveryLog";
/** Lines of a page: what is written again for each line that comes, so few. */
const PAGE = 25;
/** Full pages that are kept of one person; the oldest go first. */
const PAGES_MAX = 20;

/** What destinations were told of persons, newest first. */
export async function readLog(
  store: HubStore,
  { personIds, destinationId, before, limit }: DeliveryLogQuery,
): Promise<readonly DeliveryLogEntry[]> {
  const found: DeliveryLogEntry[] = [];
  for (const personId of personIds) {
    const own: DeliveryLogEntry[] = [];
    for await (const page of pagesOf(store, personId)) {
      const fitting = linesOf(page).filter(
        (line) =>
          (destinationId === undefined || line.destinationId === destinationId) &&
          (before === undefined || line.at < before),
      );
      own.push(...fitting.reverse());
      if (own.length >= limit) break;
    }
    found.push(...own);
  }
  return found.sort((a, b) => (a.at < b.at ? 1 : a.at > b.at ? -1 : 0)).slice(0, limit);
}

/** The writes that add lines to a person's log. A line of an item that is told again takes the place of the first one. */
export async function addToLog(
  store: HubStore,
  personId: string,
  added: readonly DeliveryLogEntry[],
): Promise<readonly DocumentWrite[]> {
  const newest = await store.document(KIND, personId);
  let page = pageOf(newest);
  const again = new Set(added.map(({ itemId }) => itemId));
  const isOther = ({ itemId }: DeliveryLogEntry): boolean => !again.has(itemId);
  const writes: DocumentWrite[] = [];
  const put = (id: string, before: StoredDocument | undefined, body: object | undefined): void => {
    const write = { kind: KIND, id, expectedVersion: before?.version ?? 0 };
    writes.push(body === undefined ? write : { ...write, body: jsonObjectOf(body) });
  };
  const lines = linesOf(newest);
  if (page > 0) {
    // What is told again was told a moment ago: it may have gone into the page before, and into none before that.
    const id = fullPage(personId, page - 1);
    const sealed = await store.document(KIND, id);
    const kept = linesOf(sealed).filter(isOther);
    if (kept.length < linesOf(sealed).length) put(id, sealed, { lines: kept });
  }
  const all = [...lines.filter(isOther), ...added];
  while (all.length > PAGE) {
    const id = fullPage(personId, page);
    put(id, await store.document(KIND, id), { lines: all.splice(0, PAGE) });
    const oldest = fullPage(personId, page - PAGES_MAX);
    const gone = page < PAGES_MAX ? undefined : await store.document(KIND, oldest);
    if (gone !== undefined) put(oldest, gone, undefined);
    page += 1;
  }
  put(personId, newest, { lines: all, page });
  return writes;
}

/** The documents of a person's log, to be erased, and how many lines are in them. */
export async function logOf(
  store: HubStore,
  personId: string,
): Promise<{ readonly ids: readonly string[]; readonly kind: string; readonly lines: number }> {
  const ids: string[] = [];
  let lines = 0;
  for await (const page of pagesOf(store, personId)) {
    ids.push(page.id);
    lines += linesOf(page).length;
  }
  return { ids, kind: KIND, lines };
}

/** The pages of a person's log, newest first. */
async function* pagesOf(store: HubStore, personId: string): AsyncGenerator<StoredDocument> {
  const newest = await store.document(KIND, personId);
  if (newest === undefined) return;
  yield newest;
  for (let page = pageOf(newest) - 1; page >= 0; page -= 1) {
    const full = await store.document(KIND, fullPage(personId, page));
    if (full === undefined) return;
    yield full;
  }
}

function fullPage(personId: string, page: number): string {
  return `${personId}#${page}`;
}

function pageOf(newest: StoredDocument | undefined): number {
  const page = newest?.body["page"];
  return typeof page === "number" ? page : 0;
}

function linesOf(document: StoredDocument | undefined): readonly DeliveryLogEntry[] {
  return (document?.body["lines"] ?? []) as unknown as readonly DeliveryLogEntry[];
}

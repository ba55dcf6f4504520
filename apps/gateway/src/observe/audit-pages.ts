import { emptyCommit, type HubStore, type StoredDocument } from "@tessera/profile-store";
import { jsonObjectOf, writeDocuments } from "../documents.ts";
import { type AuditEntry, auditEntryOf } from "./audit-entry.ts";

/** The newest lines of an audit log, kept in a store that several processes share. */
export interface AuditPages {
  readonly add: (entry: AuditEntry) => void;
  /** The lines of all processes, oldest first; what this one has not written yet is among them. */
  readonly entries: () => Promise<readonly AuditEntry[]>;
  /** Resolves when all that was added is written, or cannot be. */
  readonly close: () => Promise<void>;
}

/** What pages are kept with. */
export interface AuditPagesOptions {
  /** Names this process among those that share the store. */
  readonly processId: string;
  /** How many lines are kept, at least; the oldest go first. */
  readonly kept: number;
  readonly onError: (error: unknown) => void;
}

const KIND = "auditPage";
/** Lines of a page: what is written again while it fills, so few. */
const PAGE = 200;
/** How long a line waits for others before it is written, in milliseconds. */
const GATHERED = 250;
/** How long after a failure the next attempt is made, in milliseconds. */
const RETRIED = 2_000;

/** A page that is being filled. */
interface OpenPage {
  readonly id: string;
  readonly version: number;
  readonly lines: readonly AuditEntry[];
}

/**
 * Opens the pages of a store. Each process fills pages of its own, so that none is in another's way; while the store is
 * away lines wait, at most twice as many as are kept.
 */
export function openAuditPages(store: HubStore, { processId, kept, onError }: AuditPagesOptions): AuditPages {
  const waiting: AuditEntry[] = [];
  let page: OpenPage | undefined;
  let opened = 0;
  let timer: NodeJS.Timeout | undefined;
  let turn: Promise<unknown> = Promise.resolve();
  /** One after the other: what is read is never in the middle of a write, so no line is told twice or not at all. */
  const inTurn = <T>(work: () => Promise<T>): Promise<T> => {
    const mine = turn.then(work);
    turn = mine.catch(() => undefined);
    return mine;
  };

  const openPage = async ({ at }: AuditEntry): Promise<OpenPage> => {
    await forgetOldest(store, kept);
    opened += 1;
    return { id: `${at}#${processId}#${opened}`, version: 0, lines: [] };
  };
  const writeSome = async (first: AuditEntry): Promise<void> => {
    if (page === undefined || page.lines.length >= PAGE) page = await openPage(first);
    const { id, version, lines } = page;
    const added = waiting.slice(0, PAGE - lines.length);
    const all = [...lines, ...added];
    const write = { kind: KIND, id, expectedVersion: version, body: jsonObjectOf({ lines: all }) };
    // Nobody else writes this page: whatever the answer would have been, what stands there tells.
    await store.commit({ ...emptyCommit, documents: [write] }).catch(() => undefined);
    const stored = await store.document(KIND, id);
    const written = linesOf(stored).length - lines.length;
    if (stored !== undefined && written > 0) {
      waiting.splice(0, written);
      page = { id, version: stored.version, lines: linesOf(stored) };
      return;
    }
    page = undefined;
    throw new Error("A page of the audit log was not written.");
  };
  const flush = async (): Promise<void> => {
    clearTimeout(timer);
    timer = undefined;
    try {
      await inTurn(async () => {
        for (let [first] = waiting; first !== undefined; [first] = waiting) await writeSome(first);
      });
    } catch (error) {
      onError(error);
      wakeAfter(RETRIED);
    }
  };
  const wakeAfter = (ms: number): void => {
    timer ??= setTimeout(() => void flush(), ms).unref();
  };
  return {
    add: (entry) => {
      waiting.push(entry);
      if (waiting.length > 2 * kept) waiting.splice(0, waiting.length - kept);
      wakeAfter(GATHERED);
    },
    entries: () =>
      inTurn(async () => {
        const pages = await store.documents(KIND);
        return [...pages.flatMap(linesOf), ...waiting].sort(byTime).slice(-kept);
      }),
    close: async () => {
      await flush();
      clearTimeout(timer);
    },
  };
}

/** Removes pages that are older than as many lines as are kept. Who else does the same at the moment is not waited for. */
async function forgetOldest(store: HubStore, kept: number): Promise<void> {
  let lines = 0;
  const gone: string[] = [];
  for (const page of (await store.documents(KIND)).toReversed()) {
    if (lines >= kept) gone.push(page.id);
    lines += linesOf(page).length;
  }
  await writeDocuments(
    store,
    gone.map((id) => ({ kind: KIND, id })),
  );
}

function linesOf(page: StoredDocument | undefined): readonly AuditEntry[] {
  const lines = page?.body["lines"];
  return Array.isArray(lines) ? lines.flatMap((line) => auditEntryOf(line) ?? []) : [];
}

function byTime(a: AuditEntry, b: AuditEntry): number {
  return a.at < b.at ? -1 : a.at > b.at ? 1 : 0;
}

import type { HubStore } from "@tessera/profile-store";
import type { MembershipChange } from "@tessera/xdm";
import type { Ingestion } from "./ingest.ts";
import { deriveAnew } from "./reevaluate.ts";

/** Progress of a long piece of work: so many of so many done. */
export type Progress = (done: number, total: number) => void;

const PAGE = 500;

/** Derives everyone who is there from their truth, page by page, as today's definitions say; each page is durable. */
export async function deriveEveryone(
  {
    store,
    begin,
    told,
  }: {
    readonly store: HubStore;
    readonly begin: () => Ingestion;
    readonly told: (changes: readonly MembershipChange[]) => void;
  },
  progress?: Progress,
): Promise<void> {
  const { persons: total } = await store.totals();
  let done = 0;
  for (let after = ""; ;) {
    const page = await store.scan(after, PAGE);
    const last = page.at(-1);
    if (last === undefined) return;
    after = last.personId;
    const ids = page.map(({ personId }) => personId);
    told(await deriveAnew(ids, begin()));
    done += page.length;
    progress?.(Math.min(done, total), total);
  }
}

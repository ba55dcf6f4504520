import type { HubStore } from "@tessera/profile-store";

/** How far a copy is. */
export interface Migrated {
  readonly items: number;
  /** Give it as `after` to go on where a copy was cut short; undefined at the end. */
  readonly next: string | undefined;
}

const PAGE = 1_000;

/**
 * Copies all that a store holds into another, versions and derived state included. Nobody may use either meanwhile. An
 * item taken in twice is there once, so a copy that was cut short goes on after the last page, or begins anew. At the end
 * the numbers of both are compared.
 */
export async function migrateStore(
  from: HubStore,
  to: HubStore,
  {
    after,
    progress,
  }: { readonly after?: string | undefined; readonly progress: (migrated: Migrated) => void },
): Promise<number> {
  let items = 0;
  let next = after;
  do {
    const page = await from.exportItems({ limit: PAGE, ...(next === undefined ? {} : { after: next }) });
    await to.importItems(page.items);
    items += page.items.length;
    next = page.next;
    progress({ items, next });
  } while (next !== undefined);
  const [held, copied] = await Promise.all([from.totals(), to.totals()]);
  for (const what of ["events", "records", "persons", "identities"] as const) {
    if (held[what] === copied[what]) continue;
    throw new Error(
      `Of ${held[what]} ${what}, ${copied[what]} are there: was one of the stores in use? Copy again.`,
    );
  }
  return items;
}

import type { HubStore } from "./hub-store.ts";

/** How a copy goes on, and who is told of it. */
export interface CopyOptions {
  /** Where an earlier copy stopped: the last `next` it told. */
  readonly after?: string;
  /** Items in one page (500). */
  readonly limit?: number;
  /** Called after each page is durable in the target: how many items were copied by this call, and where to go on. */
  readonly onPage?: (copied: number, next: string | undefined) => void | Promise<void>;
}

const PAGE = 500;

/**
 * Copies all that one store holds into another, page by page; nobody may write to either meanwhile. Gives the number of
 * items copied. A copy that was cut short goes on at the last `next` it told; what it took in twice is there once.
 */
export async function copyStore(from: HubStore, to: HubStore, options: CopyOptions = {}): Promise<number> {
  const { limit = PAGE, onPage } = options;
  let copied = 0;
  for (let after = options.after; ;) {
    const page = await from.exportItems({ limit, ...(after === undefined ? {} : { after }) });
    if (page.items.length > 0) await to.importItems(page.items);
    copied += page.items.length;
    await onPage?.(copied, page.next);
    if (page.next === undefined) return copied;
    after = page.next;
  }
}

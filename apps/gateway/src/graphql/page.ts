import { failure } from "./failure.ts";
import type { PageInfo } from "./page.type.ts";

/** A page of a list, as Relay's connections tell it. */
export interface Page<T> {
  readonly edges: readonly { readonly cursor: string; readonly node: T }[];
  readonly nodes: readonly T[];
  readonly pageInfo: PageInfo;
  readonly totalCount: number;
}

const FIRST_MAX = 1_000;

/**
 * The page of `items` behind the cursor `after`. Cursors stand for the items' own ids, so that a page goes on at the right
 * place when others came or went meanwhile; behind an item that is gone there is no page.
 */
export function pageOf<T>(
  items: readonly T[],
  idOf: (item: T) => string,
  { first, after }: { readonly first: number; readonly after?: string | null | undefined },
): Page<T> {
  if (first < 1 || first > FIRST_MAX) throw failure("BAD_USER_INPUT", `first: expected 1 to ${FIRST_MAX}.`);
  const start = after ? items.findIndex((item) => cursorOf(idOf(item)) === after) + 1 : 0;
  if (after && start === 0) throw failure("BAD_USER_INPUT", "after: expected a cursor of this list.");
  const edges = items.slice(start, start + first).map((node) => ({ cursor: cursorOf(idOf(node)), node }));
  return {
    edges,
    nodes: edges.map(({ node }) => node),
    pageInfo: {
      hasNextPage: start + first < items.length,
      hasPreviousPage: start > 0,
      startCursor: edges[0]?.cursor,
      endCursor: edges.at(-1)?.cursor,
    },
    totalCount: items.length,
  };
}

function cursorOf(id: string): string {
  return Buffer.from(id).toString("base64url");
}

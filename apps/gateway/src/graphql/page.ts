import { failure } from "./failure.ts";
import type { PageInfo } from "./page.type.ts";

/** A page of a list, as Relay's connections tell it. */
export interface Page<T> {
  readonly edges: readonly { readonly cursor: string; readonly node: T }[];
  readonly nodes: readonly T[];
  readonly pageInfo: PageInfo;
  readonly totalCount: number;
}

/** Where an item stands in its list: values that never change, compared from left to right; no two items have the same. */
export type Place = readonly (string | number)[];

/** The order of a list. */
export interface Order<T> {
  /** Name of the list; its cursors are refused by other lists. */
  readonly list: string;
  readonly placeOf: (item: T) => Place;
  /** Whether the greatest place comes first. */
  readonly descending?: boolean;
}

/** What a caller asks of a list. */
export interface PageAsked {
  readonly first: number;
  readonly after?: string | null | undefined;
}

const FIRST_MAX = 1_000;

/** The items in the order of their list. */
export function inOrder<T>(items: readonly T[], order: Order<T>): readonly T[] {
  return items
    .map((item) => ({ item, place: order.placeOf(item) }))
    .sort((a, b) => compare(a.place, b.place, order))
    .map(({ item }) => item);
}

/**
 * The page of `items`, which are in order, behind the cursor `after`. A cursor is a place in the list, not an item: a page
 * goes on where the one before ended, whatever came or went meanwhile, the item itself included.
 */
export function pageOf<T>(items: readonly T[], order: Order<T>, { first, after }: PageAsked): Page<T> {
  demandFirst(first);
  const behind = after ? placeOfCursor(after, order.list) : undefined;
  const found =
    behind === undefined ? 0 : items.findIndex((item) => compare(order.placeOf(item), behind, order) > 0);
  const start = found === -1 ? items.length : found;
  const edges = items
    .slice(start, start + first)
    .map((node) => ({ cursor: cursorOf(order.list, order.placeOf(node)), node }));
  const place = { hasNextPage: start + first < items.length, hasPreviousPage: start > 0 };
  return { ...pageWith(edges, { ...place, endCursor: edges.at(-1)?.cursor }), totalCount: items.length };
}

/** What a page tells of its edges. It ends at `endCursor`: behind its last edge, where more was looked at. */
export function pageWith<T>(
  edges: Page<T>["edges"],
  place: Omit<PageInfo, "startCursor">,
): Omit<Page<T>, "totalCount"> {
  const pageInfo = { ...place, startCursor: edges[0]?.cursor };
  return { edges, nodes: edges.map(({ node }) => node), pageInfo };
}

/** Throws unless so many fit on a page. */
export function demandFirst(first: number): void {
  if (first < 1 || first > FIRST_MAX) throw failure("BAD_USER_INPUT", `first: expected 1 to ${FIRST_MAX}.`);
}

/** The cursor of a place in a list. */
export function cursorOf(list: string, place: Place): string {
  return Buffer.from(JSON.stringify([list, ...place])).toString("base64url");
}

/** The place that a cursor stands for; refused when it is none of this list. */
export function placeOfCursor(cursor: string, list: string): Place {
  const read = placeIn(cursor);
  if (read?.[0] !== list) throw failure("BAD_USER_INPUT", "after: expected a cursor of this list.");
  return read.slice(1);
}

function placeIn(cursor: string): Place | undefined {
  try {
    const read: unknown = JSON.parse(Buffer.from(cursor, "base64url").toString());
    return Array.isArray(read) && read.every(isPart) ? read : undefined;
  } catch {
    return undefined;
  }
}

function isPart(value: unknown): value is string | number {
  return typeof value === "string" || typeof value === "number";
}

function compare(a: Place, b: Place, { descending = false }: { readonly descending?: boolean }): number {
  for (const [index, one] of a.entries()) {
    const other = b[index];
    if (one === other) continue;
    const less = other !== undefined && one < other;
    return less === descending ? 1 : -1;
  }
  return 0;
}

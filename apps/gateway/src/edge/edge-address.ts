import { dcsRegion } from "@tessera/destinations-aam";

/** One edge that changes are projected to. Without `region` it serves every region. */
export interface EdgeAddress {
  /** Base URL, without a slash at the end. */
  readonly url: string;
  /** Location hint of the one region it serves, `va6`. */
  readonly region?: string;
}

const ENTRY = /^(?:([a-z][a-z0-9]{1,7})=)?(https?:\/\/\S+)$/;

/**
 * Reads `https://edge.example` (one edge for every region) or `va6=https://a.example,irl1=https://b.example` (one a
 * region); `undefined` when it is neither, or names a region twice.
 */
export function parseEdgeAddresses(text: string): readonly EdgeAddress[] | undefined {
  const edges: EdgeAddress[] = [];
  for (const entry of text.split(",")) {
    const [, region, address = ""] = ENTRY.exec(entry.trim()) ?? [];
    if (!URL.canParse(address) || edges.some((other) => other.region === region)) return undefined;
    const url = address.replace(/\/+$/, "");
    edges.push(region === undefined ? { url } : { url, region });
  }
  return edges;
}

/** Whether an edge serves a person who was last active in these regions at these times, `since` or later (ms). */
export function servesRegions(
  { region }: EdgeAddress,
  regions: { readonly [region: string]: number } | undefined,
  since: number,
): boolean {
  return Object.entries(regions ?? {}).some(
    ([code, at]) => at >= since && (region === undefined || hintOf(code) === region),
  );
}

/** A region's location hint, however it was told: `va6`, `VA6`, or `7` as Audience Manager counts. */
function hintOf(code: string): string {
  return (dcsRegion(code)?.edge ?? code).toLowerCase();
}

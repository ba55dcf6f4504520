/**
 * One Data Collection Server (DCS) region. `edge` is the Experience Edge of the same place, the code under which
 * `userActivityRegions` reports a visit; the pairing is by place (São Paulo has no edge of its own).
 * Source: Audience Manager "DCS Region IDs, Locations, and Host Names"; edge codes from the edge profile pages.
 */
export interface DcsRegion {
  readonly id: number;
  readonly place: string;
  readonly host: string;
  readonly edge?: string;
}

/** Every DCS region, by id. */
export const DCS_REGIONS: readonly DcsRegion[] = [
  { id: 3, place: "Singapore", host: "apse.demdex.net", edge: "SGP3" },
  { id: 4, place: "São Paulo", host: "sae.demdex.net" },
  { id: 6, place: "Dublin", host: "irl1.demdex.net", edge: "IRL1" },
  { id: 7, place: "Virginia", host: "use.demdex.net", edge: "VA6" },
  { id: 8, place: "Sydney", host: "apse2.demdex.net", edge: "AUS3" },
  { id: 9, place: "Oregon", host: "usw2.demdex.net", edge: "OR2" },
  { id: 11, place: "Tokyo", host: "tyo3.demdex.net", edge: "JPN3" },
  { id: 12, place: "India", host: "ind1.demdex.net", edge: "IND1" },
];

const BY_CODE: ReadonlyMap<string, DcsRegion> = new Map(
  DCS_REGIONS.flatMap((region): [string, DcsRegion][] => [
    [String(region.id), region],
    ...(region.edge === undefined ? [] : [[region.edge, region] as [string, DcsRegion]]),
  ]),
);

/** The DCS region of a code as `userActivityRegions` and the `aamlh` hint write it: `VA6`, or `7`. Any case. */
export function dcsRegion(code: string): DcsRegion | undefined {
  return BY_CODE.get(code.trim().toUpperCase());
}

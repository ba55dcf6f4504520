/** An edge region: its location hint and the number Audience Manager knows it by. */
export interface EdgeRegion {
  readonly hint: string;
  readonly code: string;
  readonly aamRegion: number;
}

/** The regions of the Edge Network. */
export const REGIONS: readonly EdgeRegion[] = [
  { hint: "or2", code: "OR2", aamRegion: 9 },
  { hint: "va6", code: "VA6", aamRegion: 7 },
  { hint: "irl1", code: "IRL1", aamRegion: 6 },
  { hint: "ind1", code: "IND1", aamRegion: 12 },
  { hint: "sgp3", code: "SGP3", aamRegion: 3 },
  { hint: "aus3", code: "AUS3", aamRegion: 8 },
  { hint: "jpn3", code: "JPN3", aamRegion: 11 },
];

/** The region of a hint; `undefined` for one that does not exist. */
export function regionOfHint(hint: string): EdgeRegion | undefined {
  return REGIONS.find((region) => region.hint === hint);
}

/** How long a location hint and its cookie are good for, in seconds. */
export const HINT_TTL_SECONDS = 1800;

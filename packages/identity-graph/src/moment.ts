import { compareKeys } from "@tessera/xdm";

/** When something was observed, and by what: the event's time (ms since 1970), its key (event id) and its dataset. */
export interface Moment {
  readonly t: number;
  readonly key: string;
  readonly datasetId: string;
}

/** A place in the order of replay: time, then key. */
export interface Step {
  readonly t: number;
  readonly key: string;
}

/** Order of replay: earlier time first, equal times by key in code-unit order, so arrival order never matters. */
export function compareSteps(a: Step, b: Step): number {
  return a.t - b.t || compareKeys(a.key, b.key);
}

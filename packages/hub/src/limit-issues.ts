import { checkLimit, isRefused, type LimitId, type Limits } from "@tessera/guardrails";
import type { Issue } from "@tessera/xdm";

/** One question at a door: a limit, the value once the thing is saved, and where in the input the value stands. */
export type AskedLimit = readonly [limit: LimitId, value: number, path: readonly string[]];

/** The hard violations of what a door asks, as issues of the code `limit.<id>`; soft ones are told by the report of limits. */
export function limitIssues(limits: Limits, asked: readonly AskedLimit[]): readonly Issue[] {
  return asked.flatMap(([id, value, path]) => {
    const check = checkLimit(limits[id], value);
    return isRefused(check)
      ? [{ code: `limit.${id}`, path: [...path], message: `${check.message} ${check.whatToDo}` }]
      : [];
  });
}

import { checkLimit, isRefused, type LimitCheck, type LimitId, type Limits } from "@tessera/guardrails";
import type { Issue } from "@tessera/xdm";

/** One question at a door: a limit, the value once the thing is saved, and where in the input the value stands. */
export type AskedLimit = readonly [limit: LimitId, value: number, path: readonly string[]];

/** The hard violations of what a door asks, as issues of the code `limit.<id>`; soft ones are told by the report of limits. */
export function limitIssues(limits: Limits, asked: readonly AskedLimit[]): readonly Issue[] {
  return asked.flatMap(([id, value, path]) => refusalOf(checkLimit(limits[id], value), path));
}

/** What a hard violation says at a door; nothing for other answers. */
export function refusalOf(check: LimitCheck, path: readonly string[]): readonly Issue[] {
  if (!isRefused(check)) return [];
  const { limit, message, whatToDo } = check;
  return [{ code: `limit.${limit.id}`, path: [...path], message: `${message} ${whatToDo}` }];
}

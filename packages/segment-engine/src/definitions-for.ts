import type { AudienceDefinition } from "@tessera/xdm";
import { referredTo } from "./dependencies.ts";
import type { AudiencePlan } from "./plan.ts";

/** The definitions of some audiences of a plan and of all that they refer to, in the plan's order. */
export function definitionsFor(
  plan: AudiencePlan,
  audienceIds: Iterable<string>,
): readonly AudienceDefinition[] {
  const wanted = new Set<string>();
  const open = [...audienceIds];
  for (let id = open.pop(); id !== undefined; id = open.pop()) {
    if (wanted.has(id)) continue;
    wanted.add(id);
    const pql = plan.expressions.get(id);
    if (pql !== undefined) open.push(...referredTo(pql));
  }
  return plan.audiences.filter(({ id }) => wanted.has(id));
}

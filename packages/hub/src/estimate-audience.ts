import type { HubStore, PersonProjection } from "@tessera/profile-store";
import {
  compileAudiences,
  type Estimate,
  estimateCount,
  parsePql,
  referredTo,
} from "@tessera/segment-engine";
import {
  type AudienceDefinition,
  type AudienceExpression,
  digest,
  type Issue,
  type Result,
} from "@tessera/xdm";
import { checkAudience, expressionText } from "./audience-lifecycle.ts";
import type { Configuration } from "./configuration.ts";
import { projectable, projectionRequest } from "./evaluate-projected.ts";
import { evaluationViewsOf, isStitched } from "./evaluation-view.ts";

/** Estimates of audiences that are not saved yet. */
export interface AudienceEstimates {
  /**
   * How many persons an expression would have: exactly where the hub has a projection that can decide it and no `sample`
   * is asked for, or all of them are; else by a sample of `sample` persons (2,000 without it). Nothing is saved. `progress` is told of the persons looked at; what it throws ends it.
   */
  readonly estimateAudience: (
    expression: AudienceExpression,
    sample?: number,
    progress?: (done: number, total: number) => void,
  ) => Promise<Result<Estimate, readonly Issue[]>>;
}

const SAMPLE = 2_000;
const PAGE = 500;

/** The estimating side of a hub. */
export function createAudienceEstimates(options: {
  readonly store: HubStore;
  readonly configuration: () => Configuration;
  readonly clock: () => number;
  readonly projection?: PersonProjection | undefined;
}): AudienceEstimates {
  const { store, configuration, clock, projection } = options;
  return {
    estimateAudience: async (expression, wanted, progress) => {
      const sample = wanted ?? SAMPLE;
      const text = expressionText(expression);
      if (!text.ok) return text;
      const check = checkAudience(text.value, configuration());
      if (!check.valid) return { ok: false, error: check.issues };
      const asked = { id: ASKED, name: ASKED, expression, evaluation: "batch", version: 1 } as const;
      const plan = compileAudiences([...partsOf(text.value, configuration()), asked]);
      if (!plan.ok) return plan;
      const now = clock();
      const isForEveryone = wanted === undefined || wanted === Infinity;
      const isProjected = isStitched(configuration().policy) && projectable(plan.value, [ASKED]).has(ASKED);
      if (isForEveryone && projection !== undefined && isProjected) {
        const request = projectionRequest(plan.value, [ASKED], { policy: configuration().policy, now });
        const { counts, persons } = await projection.count({ ...request, onRefresh: progress });
        const [members = 0] = counts;
        return { ok: true, value: estimateCount({ members, sampled: persons, total: persons }) };
      }
      const { persons: total } = await store.totals();
      let sampled = 0;
      let members = 0;
      for await (const page of evenly(store, digest(text.value))) {
        for (const person of page.slice(0, sample - sampled)) {
          const views = await evaluationViewsOf(store, person, configuration(), now);
          if (views.some((view) => plan.value.evaluate(view, now).members.has(ASKED))) members += 1;
          sampled += 1;
        }
        progress?.(sampled, Math.min(sample, Math.max(total, sampled)));
        if (sampled >= sample) break;
      }
      return { ok: true, value: estimateCount({ members, sampled, total: Math.max(total, sampled) }) };
    },
  };
}

/** The audiences that a query refers to, and those that they do: no others have to be worked out. */
function partsOf(text: string, { whole }: Configuration): readonly AudienceDefinition[] {
  const parsed = parsePql(text);
  const wanted = new Set(parsed.ok ? referredTo(parsed.value) : []);
  for (const id of wanted) {
    const expression = whole.expressions.get(id);
    if (expression !== undefined) for (const other of referredTo(expression)) wanted.add(other);
  }
  return whole.audiences.filter(({ id }) => wanted.has(id));
}

/** An id that no audience has. */
const ASKED = "audience that is being estimated";

/** Persons page by page from a place in the order of ids on, then from the beginning: ids are digests, so this is an even sample. */
async function* evenly(
  store: HubStore,
  start: string,
): AsyncGenerator<Awaited<ReturnType<HubStore["scan"]>>> {
  for (const [from, until] of [
    [start, undefined],
    ["", start],
  ] as const) {
    for (let after: string = from; ;) {
      const page = await store.scan(after, PAGE);
      const fitting = until === undefined ? page : page.filter(({ personId }) => personId <= until);
      if (fitting.length > 0) yield fitting;
      const last = page.at(-1);
      if (last === undefined || fitting.length < page.length) break;
      after = last.personId;
    }
  }
}

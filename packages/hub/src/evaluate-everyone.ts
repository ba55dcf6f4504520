import type { HubStore, PersonProjection } from "@tessera/profile-store";
import type { MembershipChange } from "@tessera/xdm";
import { policyOf } from "./audience-policy.ts";
import type { Configuration, StoredAudience } from "./configuration.ts";
import type { Progress } from "./derive-everyone.ts";
import { evaluateBatchAudiences } from "./evaluate-batch.ts";
import { isStitched } from "./evaluation-view.ts";
import { evaluateProjected, projectable } from "./evaluate-projected.ts";
import type { Ingestion } from "./ingest.ts";
import { reevaluate } from "./reevaluate.ts";

/** Persons in one page of a sweep over all. */
const PAGE = 500;

/** Audiences for everyone there is. */
interface Evaluation {
  /** Batch audiences by the projection as far as it can decide them; the rest, and continuous ones, person by person. */
  readonly evaluate: (audiences: readonly StoredAudience[], progress?: Progress) => Promise<void>;
  /** Follows the continuous audiences of everyone up to now. */
  readonly follow: (progress?: Progress) => Promise<void>;
}

/** The evaluation of a hub. */
export function createEvaluation(parts: {
  readonly store: HubStore;
  readonly projection: PersonProjection | undefined;
  readonly configuration: () => Configuration;
  readonly begin: () => Ingestion;
  readonly told: (changes: readonly MembershipChange[]) => void;
}): Evaluation {
  const { store, projection, begin, told } = parts;

  /** All persons, page by page: continuous audiences are followed up to now, the named batch ones evaluated. */
  const sweep = async (batchIds: ReadonlySet<string>, progress?: Progress): Promise<void> => {
    const { persons: total } = await store.totals();
    let done = 0;
    for (let after = ""; ;) {
      const page = await store.scan(after, PAGE);
      const last = page.at(-1);
      if (last === undefined) break;
      after = last.personId;
      const ids = page.map((person) => person.personId);
      told(await reevaluate(ids, begin()));
      if (batchIds.size > 0) told(await evaluateBatchAudiences(ids, batchIds, begin()));
      done += page.length;
      progress?.(Math.min(done, total), total);
    }
  };

  return {
    follow: (progress) => sweep(new Set(), progress),
    evaluate: async (audiences, progress) => {
      const configuration = parts.configuration();
      const batch = audiences.filter(({ evaluation }) => evaluation === "batch");
      // The projection holds the attributes of whole persons as one merge policy makes them.
      const isUsual = isStitched(configuration.policy);
      const usual = batch.filter(
        (audience) => isUsual && policyOf(audience, configuration) === configuration.policy,
      );
      const projected =
        projection === undefined
          ? new Set<string>()
          : projectable(
              configuration.whole,
              usual.map(({ id }) => id),
            );
      const rest = new Set(batch.flatMap(({ id }) => (projected.has(id) ? [] : [id])));
      const needsSweep = rest.size > 0 || batch.length < audiences.length;
      const both = needsSweep && projected.size > 0;
      if (needsSweep) await sweep(rest, both ? (done, total) => progress?.(done, total * 2) : progress);
      if (projection === undefined || projected.size === 0) return;
      await evaluateProjected(projected, {
        projection,
        begin,
        told,
        progress: both ? (done, total) => progress?.(total + done, total * 2) : progress,
      });
    },
  };
}

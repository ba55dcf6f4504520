import {
  COMPUTED_DATASET,
  type MergePolicy,
  type MovedPerson,
  type PersonProjection,
  type ProjectionRequest,
} from "@tessera/profile-store";
import { type AudiencePlan, compileColumns, definitionsFor } from "@tessera/segment-engine";
import type { MembershipChange } from "@tessera/xdm";
import type { Configuration } from "./configuration.ts";
import { evaluateBatchAudiences } from "./evaluate-batch.ts";
import type { Ingestion } from "./ingest.ts";

/** Persons whose memberships are written in one commit: few, so that what comes in meanwhile does not wait for it. */
const COMMIT_PERSONS = 100;

/**
 * Those of some audiences of a plan that a projection can decide: the others need whole events,
 * computed attributes, or memberships that are decided elsewhere.
 */
export function projectable(plan: AudiencePlan, audienceIds: Iterable<string>): ReadonlySet<string> {
  const asked = new Set(audienceIds);
  const wanted = new Set(plan.audiences.flatMap(({ id }) => (asked.has(id) ? [id] : [])));
  const { fallbacks } = compileColumns(plan, { absent: [COMPUTED_DATASET, "segmentMembership"] });
  for (const { audienceId } of fallbacks) wanted.delete(audienceId);
  return wanted;
}

/** What a projection is asked for audiences of a plan, whose other audiences are held ready. */
export function projectionRequest(
  plan: AudiencePlan,
  audienceIds: Iterable<string>,
  { policy, now }: { readonly policy: MergePolicy; readonly now: number },
): ProjectionRequest {
  const ids = [...audienceIds];
  const ready = projectable(
    plan,
    plan.audiences.map(({ id }) => id),
  );
  const definitions = definitionsFor(plan, [...ready, ...ids]);
  return { definitions, audienceIds: ids, policy, now };
}

/**
 * Evaluates batch audiences for everyone by a projection: only persons whose memberships change are read from the store
 * and written, a few in each commit. Broken off, it goes on with those who still differ.
 */
export async function evaluateProjected(
  audienceIds: ReadonlySet<string>,
  {
    projection,
    begin,
    progress,
    told,
  }: {
    readonly projection: PersonProjection;
    readonly begin: () => Ingestion;
    readonly progress?: ((done: number, total: number) => void) | undefined;
    readonly told: (changes: readonly MembershipChange[]) => void;
  },
): Promise<void> {
  const { configuration, now } = begin();
  const request = projectionRequest(configuration.whole, audienceIds, { policy: configuration.policy, now });
  for await (const { done, total, moved } of projection.parts(request)) {
    for (let from = 0; from < moved.length; from += COMMIT_PERSONS) {
      const some = moved.slice(from, from + COMMIT_PERSONS);
      const present = begin();
      const known = new Map(some.map((person): [string, MovedPerson] => [person.personId, person]));
      const same = stillSame(audienceIds, configuration, present.configuration);
      // A decision holds for one moment: everyone enters and leaves as of the same one.
      told(await evaluateBatchAudiences([...known.keys()], same, { ...present, now }, known));
    }
    progress?.(done, total);
  }
}

/** The audiences that are still what they were when the run began. Under another merge policy none is. */
function stillSame(
  audienceIds: ReadonlySet<string>,
  before: Configuration,
  now: Configuration,
): ReadonlySet<string> {
  if (before === now) return audienceIds;
  if (JSON.stringify(before.policy) !== JSON.stringify(now.policy)) return new Set();
  const isSame = (id: string): boolean => {
    const [was, is] = [before.audiences.get(id), now.audiences.get(id)];
    return (
      is?.status === "published" && is.version === was?.version && is.mergePolicyId === was?.mergePolicyId
    );
  };
  return new Set([...audienceIds].filter(isSame));
}

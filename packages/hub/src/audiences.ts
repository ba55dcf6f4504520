import type { Afterwards } from "./afterwards.ts";
import type { DocumentWrite, HubStore, PersonProjection } from "@tessera/profile-store";
import { err, type Issue, type MembershipChange, ok, type Result, UPS } from "@tessera/xdm";
import {
  type AudienceInput,
  changeStatus,
  newestOf,
  planAudience,
  saveAudience,
} from "./audience-lifecycle.ts";
import { audienceVersions, type AudienceVersion, versionWrite } from "./audience-history.ts";
import { type Compositions, createCompositions } from "./compositions.ts";
import type { Configuration, StoredAudience, StoredComposition } from "./configuration.ts";
import { memberCounter } from "./member-tally.ts";
import type { Progress } from "./derive-everyone.ts";
import { createEvaluation } from "./evaluate-everyone.ts";
import { evaluateComposition } from "./evaluate-composition.ts";
import { governedAudience } from "./governance/governance-catalog.ts";
import type { Guard } from "./governance/governance.ts";
import type { Ingestion } from "./ingest.ts";
import { createVersionSwitches, type VersionSwitches } from "./switch-versions.ts";

/** An audience with the number of its members. */
export interface AudienceView extends StoredAudience {
  readonly count: number;
}

/** The audiences of a sandbox: their lives, and their evaluation for everyone. */
export interface Audiences extends Compositions, VersionSwitches {
  readonly audiences: () => Promise<readonly AudienceView[]>;
  readonly audience: (id: string) => Promise<AudienceView | undefined>;
  readonly createAudience: (input: AudienceInput) => Promise<Result<AudienceView, readonly Issue[]>>;
  /**
   * Edits an audience. What changes who is in a published one waits as `next` until `switchVersions` has worked it out
   * for everyone; until then members, destinations and edges go by the version in force.
   */
  readonly updateAudience: (
    id: string,
    input: AudienceInput,
  ) => Promise<Result<AudienceView, readonly Issue[]>>;
  /** The versions of an audience as they were saved, the newest first. */
  readonly audienceVersions: (id: string) => Promise<readonly AudienceVersion[]>;
  readonly setAudienceStatus: (
    id: string,
    status: StoredAudience["status"],
  ) => Promise<Result<AudienceView, readonly Issue[]>>;
  /** Evaluates audiences (all published ones without `ids`) for every person and waits for it. */
  readonly evaluateAudiences: (
    ids?: readonly string[],
    progress?: Progress,
  ) => Promise<Result<readonly AudienceView[], readonly Issue[]>>;
  /** `evaluateAudiences` of the versions in force only, whatever waits: for one part of the persons of a shared store. */
  readonly evaluateInForce: Audiences["evaluateAudiences"];
  /** Evaluates the compositions that some audiences come out of, for everyone, by the memberships as they stand. */
  readonly evaluateCompositions: (audienceIds: readonly string[], progress?: Progress) => Promise<void>;
}

/** What the audiences of a hub are made of. */
interface AudiencesOptions {
  readonly store: HubStore;
  readonly projection: PersonProjection | undefined;
  readonly clock: () => number;
  readonly newId: () => string;
  readonly configuration: () => Configuration;
  readonly reload: () => Promise<void>;
  readonly begin: () => Ingestion;
  readonly told: (changes: readonly MembershipChange[]) => void;
  /** Resolves when what had come in before is done. */
  readonly caughtUp: () => Promise<void>;
  /** Asks the policies before an audience changes. */
  readonly guard: Guard;
  readonly afterwards: Afterwards;
}

/** Every edit is kept beside the audience. */
const kept = (audience: StoredAudience): readonly DocumentWrite[] => [versionWrite(audience)];

/** The audiences of a hub. */
export function createAudiences(options: AudiencesOptions): Audiences {
  const { store, clock, newId, configuration, reload, begin, told, caughtUp, guard, afterwards } = options;
  const counted = async (audience: StoredAudience): Promise<AudienceView> => {
    const counters = await store.counters();
    const counter = memberCounter({ namespace: UPS, audienceId: audience.id });
    return { ...audience, count: audience.switched?.members ?? counters[counter] ?? 0 };
  };
  const save = async (
    planned: Result<StoredAudience, readonly Issue[]>,
    beside: (audience: StoredAudience) => readonly DocumentWrite[] = () => [],
  ): Promise<Result<AudienceView, readonly Issue[]>> => {
    if (!planned.ok) return planned;
    const { value } = planned;
    const saved = await guard(
      (at) => ({ kind: "audience", audience: governedAudience(newestOf(value), at) }),
      () => saveAudience(store, value, beside(value)),
    );
    if (!saved.ok) return saved;
    await reload();
    return ok(await counted(configuration().audiences.get(planned.value.id) ?? planned.value));
  };
  const missing = (what: string): Issue => ({
    code: "notFound",
    message: `No such ${what} in this sandbox.`,
  });

  const everyone = createEvaluation({ store, projection: options.projection, configuration, begin, told });

  const switches = createVersionSwitches({
    store,
    configuration,
    clock,
    begin,
    reload,
    told,
    caughtUp,
  });
  const publishedIds = (): readonly string[] =>
    [...configuration().audiences.values()]
      .filter(({ status }) => status === "published")
      .map(({ id }) => id);
  const compositionsOf = (audienceIds: readonly string[]): readonly StoredComposition[] => {
    const ids = new Set(audienceIds.map((id) => configuration().audiences.get(id)?.composition?.id));
    return [...configuration().compositions.values()].filter(({ id }) => ids.has(id));
  };
  /** The published audiences that the compositions of some audiences read: these are evaluated before. */
  const readBy = (audienceIds: readonly string[]): readonly string[] =>
    compositionsOf(audienceIds)
      .flatMap(({ audiences, exclude }) => [...audiences, ...exclude])
      .filter((id) => configuration().audiences.get(id)?.status === "published");
  const evaluateCompositions: Audiences["evaluateCompositions"] = async (audienceIds, progress) => {
    const { persons: total } = await store.totals();
    for (const composition of compositionsOf(audienceIds)) {
      let done = 0;
      await evaluateComposition(
        composition,
        { store, begin },
        {
          told,
          progress: (persons) => {
            done += persons;
            progress?.(Math.min(done, total), total);
          },
        },
      );
    }
  };
  const evaluateInForce: Audiences["evaluateAudiences"] = async (ids, progress) => {
    const wanted = ids ?? publishedIds();
    const found = wanted.map((id) => configuration().audiences.get(id));
    const wrong = found.findIndex((audience) => audience?.status !== "published");
    if (wrong >= 0) return err([{ ...missing("published audience"), path: ["ids", wrong] }]);
    const now = clock();
    await everyone.evaluate(
      found.flatMap((audience) => audience ?? []),
      progress,
    );
    for (const id of wanted) {
      const audience = configuration().audiences.get(id);
      if (audience !== undefined) await saveAudience(store, { ...audience, evaluatedAt: now });
    }
    await reload();
    return ok(
      await Promise.all(wanted.flatMap((id) => configuration().audiences.get(id) ?? []).map(counted)),
    );
  };
  return {
    ...switches,
    ...createCompositions({
      store,
      clock,
      newId,
      configuration,
      reload,
      retire: (id) => afterwards(`follow composition ${id}`, everyone.follow),
    }),
    audiences: async () =>
      Promise.all(
        [...configuration().audiences.values()].filter(({ status }) => status !== "deleted").map(counted),
      ),
    audience: async (id) => {
      const audience = configuration().audiences.get(id);
      return audience === undefined ? undefined : counted(audience);
    },
    createAudience: async (input) =>
      save(planAudience(input, { id: newId(), now: clock(), configuration: configuration() }), kept),
    audienceVersions: (id) => audienceVersions(store, id),
    updateAudience: async (id, input) =>
      configuration().audiences.has(id)
        ? save(planAudience(input, { id, now: clock(), configuration: configuration() }), kept)
        : err([missing("audience")]),
    setAudienceStatus: async (id, status) => {
      const audience = configuration().audiences.get(id);
      if (audience === undefined) return err([missing("audience")]);
      const saved = await save(
        changeStatus(audience, status, { now: clock(), configuration: configuration() }),
      );
      if (saved.ok && audience.status === "published")
        await afterwards(`follow audience ${id}`, everyone.follow);
      return saved;
    },
    evaluateAudiences: async (ids, progress) => {
      // What waits comes into force first: who asks for an evaluation asks for the newest version.
      await switches.switchVersions(progress);
      const wanted = ids ?? publishedIds();
      const evaluated = await evaluateInForce([...new Set([...wanted, ...readBy(wanted)])], progress);
      if (!evaluated.ok) return evaluated;
      await evaluateCompositions(wanted, progress);
      return ok(
        await Promise.all(wanted.flatMap((id) => configuration().audiences.get(id) ?? []).map(counted)),
      );
    },
    evaluateCompositions,
    evaluateInForce,
  };
}

import { busiestHour, exportHours } from "@tessera/destinations";
import {
  type AudienceCounts,
  type LimitCheck,
  type LimitId,
  type LimitProfile,
  type Limits,
  limitsOf,
  preflight,
  reportUsage,
  type UsageRow,
  type UsageSample,
} from "@tessera/guardrails";
import type { HubStore } from "@tessera/profile-store";
import { err, type EvaluationType, formatInstant, isObject, type Issue, ok, type Result } from "@tessera/xdm";
import type { Configuration } from "./configuration.ts";
import { type LiveDestination, saveDocument } from "./destination-lifecycle.ts";
import { refusalOf } from "./limit-issues.ts";

/** The limits of one sandbox and how much of them is used. */
export interface SandboxLimits {
  /** Takes a profile of limits with other values for some; asked at every door from then on. */
  readonly setLimits: (
    profile: LimitProfile,
    overrides?: unknown,
  ) => Promise<Result<Limits, readonly Issue[]>>;
  /** Notes today's use, for the trend; the same day again takes the place of what was noted. */
  readonly noteUsage: () => Promise<readonly UsageSample[]>;
  /** All limits with current use, trend and the date of reaching them. */
  readonly limitsReport: () => Promise<readonly UsageRow[]>;
  /** Every limit that a further published audience would touch. */
  readonly preflightAudience: (evaluation: EvaluationType) => readonly LimitCheck[];
}

/** What the limits of a sandbox are read from. */
export interface SandboxLimitsOptions {
  readonly store: HubStore;
  readonly clock: () => number;
  readonly configuration: () => Configuration;
  readonly destinations: () => ReadonlyMap<string, LiveDestination>;
  readonly reload: () => Promise<void>;
}

/** Days of use that are kept for the trend. */
const DAYS_KEPT = 90;
/** Persons looked at for the largest graph; reading all of them is for batch work. */
const PERSONS_SAMPLED = 2_000;

/** The limits side of a hub. */
export function createSandboxLimits(options: SandboxLimitsOptions): SandboxLimits {
  const { store, clock, configuration, destinations, reload } = options;
  const noteUsage = async (): Promise<readonly UsageSample[]> => {
    const at = formatInstant(clock());
    const samples = [...usageOf(configuration(), destinations(), at), ...(await usageOfPersons(store, at))];
    await saveDocument(store, "usage", at.slice(0, 10), { samples });
    return samples;
  };
  return {
    setLimits: async (profile, overrides = {}) => {
      const limits = limitsOf(profile, overrides);
      if (!limits.ok) return limits;
      if (!(await saveDocument(store, "guardrails", "current", { profile, overrides: overrides as object })))
        return err([{ code: "conflict", message: "Someone else changed the limits meanwhile. Try again." }]);
      await reload();
      return limits;
    },
    noteUsage,
    limitsReport: async () => {
      await noteUsage();
      const oldest = formatInstant(clock() - DAYS_KEPT * 86_400_000).slice(0, 10);
      const samples = (await store.documents("usage"))
        .filter(({ id }) => id >= oldest)
        .flatMap(({ body }) => body["samples"] as unknown as readonly UsageSample[]);
      return reportUsage(samples, configuration().limits, clock()).rows;
    },
    preflightAudience: (evaluation) =>
      preflight(
        { planned: { kind: "audience", evaluation }, counts: audienceCounts(configuration()) },
        configuration().limits,
      ),
  };
}

/** The limits in force by their stored choice; the documented ones when there is none, or none that can be read. */
export function limitsFrom(stored: unknown, fallback: Limits): Limits {
  if (!isObject(stored)) return fallback;
  const { profile, overrides } = stored;
  if (profile !== "adobe" && profile !== "tessera") return fallback;
  const limits = limitsOf(profile, overrides);
  return limits.ok ? limits.value : fallback;
}

/** The hard violations of publishing one more audience, as issues. */
export function audienceRefusals(
  configuration: Configuration,
  evaluation: EvaluationType,
): Result<undefined, readonly Issue[]> {
  const counts = audienceCounts(configuration);
  const checks = preflight({ planned: { kind: "audience", evaluation }, counts }, configuration.limits);
  const refused = checks.flatMap((check) => refusalOf(check, ["evaluation"]));
  return refused.length === 0 ? ok(undefined) : err(refused);
}

function audienceCounts({ audiences }: Configuration): AudienceCounts {
  const counts = { batch: 0, streaming: 0, edge: 0 };
  for (const { status, evaluation } of audiences.values())
    if (status === "published") counts[evaluation] += 1;
  return counts;
}

/** What the configuration of a sandbox uses of its limits. */
function usageOf(
  configuration: Configuration,
  destinations: ReadonlyMap<string, LiveDestination>,
  at: string,
): readonly UsageSample[] {
  const { batch, streaming, edge } = audienceCounts(configuration);
  const datasets = [...configuration.datasets.values()];
  const live = [...destinations.values()];
  const of = (limit: LimitId, value: number, scope?: string): UsageSample => ({
    limit,
    at,
    value,
    ...(scope === undefined ? {} : { scope }),
  });
  const onEdge = live.filter(({ configured }) => configured.kind === "profile-request");
  return [
    of("profile.record-datasets", datasets.filter(({ kind }) => kind === "profile").length),
    of("profile.event-datasets", datasets.filter(({ kind }) => kind === "event").length),
    of("segmentation.audiences", batch + streaming + edge),
    of("segmentation.batch-audiences", batch),
    of("segmentation.streaming-audiences", streaming + edge),
    of("segmentation.edge-audiences", edge),
    of("merge-policy.policies", configuration.policies.length),
    of(
      "merge-policy.active-on-edge",
      configuration.policies.filter((policy) => policy.isActiveOnEdge).length,
    ),
    of("destinations.destinations", live.length),
    of("destinations.personalization-destinations", onEdge.length),
    of(
      "destinations.personalization-attributes",
      onEdge.reduce((sum, one) => sum + attributesOf(one), 0),
    ),
    of("destinations.audiences-per-hour", busiestHour(hoursOf(live), [])?.own ?? 0),
    ...live.flatMap((destination) => [
      ...destination.dataflows.map(({ audiences, name }) =>
        of("destinations.audiences-per-dataflow", audiences.length, name),
      ),
      of("destinations.attributes", attributesOf(destination), destination.stored.name),
      ...(destination.configured.capabilities.limits === "target"
        ? [of("target.audiences-per-destination", audiencesOf(destination), destination.stored.name)]
        : []),
      ...(destination.configured.capabilities.limits === "campaign"
        ? [of("campaign.audiences", audiencesOf(destination), destination.stored.name)]
        : []),
    ]),
  ];
}

/** The largest graph and history among the first persons of a store. */
async function usageOfPersons(store: HubStore, at: string): Promise<readonly UsageSample[]> {
  const persons = await store.scan("", PERSONS_SAMPLED);
  if (persons.length === 0) return [];
  const scope = "largest of a sample";
  const largest = (count: (person: (typeof persons)[number]) => number): number =>
    persons.reduce((most, person) => Math.max(most, count(person)), 0);
  return [
    { limit: "identity.graph-identities", scope, at, value: largest(({ identities }) => identities.length) },
    { limit: "profile.events", scope, at, value: largest(({ eventCount }) => eventCount) },
  ];
}

/** The hours in which each audience of a file destination is exported by the clock. */
function hoursOf(destinations: readonly LiveDestination[]): readonly (readonly number[])[] {
  return destinations.flatMap(({ dataflows }) =>
    dataflows
      .filter(({ enabled }) => enabled)
      .flatMap(({ audiences }) => audiences.map(({ schedule }) => exportHours(schedule))),
  );
}

function attributesOf({ dataflows }: LiveDestination): number {
  return dataflows.reduce(
    (sum, { mapping }) =>
      sum + mapping.filter(({ source }) => source.kind === "attribute" || source.kind === "pql").length,
    0,
  );
}

function audiencesOf({ dataflows }: LiveDestination): number {
  return dataflows.reduce((sum, { audiences }) => sum + audiences.length, 0);
}

import type { CatalogEntry } from "@tessera/destinations";
import { normalIdentity } from "@tessera/identity-graph";
import {
  type Dataset,
  type HubStore,
  type PersonFinder,
  type PersonProjection,
  type PersonState,
  type RecordOperation,
} from "@tessera/profile-store";
import type { Identity, MembershipChange } from "@tessera/xdm";
import { type Afterwards, atOnce } from "./afterwards.ts";
import { type Audiences, createAudiences } from "./audiences.ts";
import { type Configuration, readConfiguration } from "./configuration.ts";
import type { RefusedActions } from "./activation.ts";
import { type Activations, createActivations } from "./activations.ts";
import { type AudienceCosts, createAudienceCosts } from "./audience-costs.ts";
import { type AudienceEstimates, createAudienceEstimates } from "./estimate-audience.ts";
import { createMembershipExplanations, type MembershipExplanations } from "./explain-membership.ts";
import { type ComputedAttributes, createComputedAttributes } from "./computed/computed-attributes.ts";
import { deriveEveryone, type Progress } from "./derive-everyone.ts";
import { createExpiry, type Expiry } from "./expiry.ts";
import type { Ingestion, IsSuppressed } from "./ingest.ts";
import { type Door, parseEvents, parseRecords } from "./ingest-batch.ts";
import { createIngestQueue, type IngestReport } from "./ingest-queue.ts";
import { createIdentityNamespaces, type IdentityNamespaces } from "./identity-namespaces.ts";
import { createIdentityRules, type IdentityRules } from "./identity-rules.ts";
import { createQuarantine, type Quarantine } from "./quarantine.ts";
import { type Arrival, createImports, type Imports } from "./rows/import-rows.ts";
import { createSandboxSchemas, type SandboxSchemas } from "./schemas.ts";
import { createSandboxSettings, datasetOf, type SandboxSettings } from "./sandbox-settings.ts";
import {
  type EdgeDefinitions,
  edgeDefinitions,
  edgeLookup,
  type EdgeProjection,
  edgeProjection,
} from "./edge.ts";
import { createGovernance, type Governance } from "./governance/governance.ts";
import { type CommittedPersons, observeCommits } from "./observe-commits.ts";
import { createProfiles, type Profiles } from "./profiles.ts";
import { createPrivacy, type Privacy, readSuppressions } from "./privacy.ts";
import { createSandboxLimits, type SandboxLimits } from "./limits.ts";
import { rebuild } from "./rederive.ts";
import { createPersonSearch, type PersonSearch } from "./search-persons.ts";
import { reevaluate } from "./reevaluate.ts";
import { createRulesRehearsals, type RulesRehearsals } from "./rehearse-linking-rules.ts";

/** What a hub is made of. Time and ids come from outside. */
export interface HubOptions {
  readonly store: HubStore;
  /** Decides batch audiences for everyone without reading everyone; without it persons are read page by page. */
  readonly projection?: PersonProjection | undefined;
  /** Finds persons by indexed attributes; without it a search looks at everyone. */
  readonly finder?: PersonFinder | undefined;
  /** How members of a changed dataflow are told, and persons of a changed audience followed; within the change without it. */
  readonly afterwards?: Afterwards | undefined;
  /** Milliseconds since 1970. */
  readonly clock: () => number;
  readonly newId: () => string;
  /** The kinds of destinations there are; none without it. */
  readonly catalog?: readonly CatalogEntry[];
  readonly organisation?: string;
  readonly sandbox?: string;
  /** Marketing actions that a person's consents (XDM `consents`) refuse; none without it. */
  readonly refusedActions?: RefusedActions;
  /** Told of every membership that changed, after its commit. */
  readonly onMemberships?: (changes: readonly MembershipChange[]) => void;
  /** Told of every commit that wrote persons, whatever caused it, once it is durable; what is thrown here is a bug. */
  readonly onPersonsCommitted?: (committed: CommittedPersons) => void;
  /** Salt of the hashes that deleted persons leave behind: at least 16 characters, kept like a key, never changed. */
  readonly suppressionSalt?: string;
  /** The name of the tenant ("tenant"): users' own fields lie under `_<tenant>`. */
  readonly tenant?: string;
}

/** The hub of one sandbox. Every method resolves after what it changed is durable. */
export interface Hub
  extends
    IdentityRules,
    IdentityNamespaces,
    SandboxSettings,
    SandboxLimits,
    Privacy,
    Expiry,
    SandboxSchemas,
    Imports,
    Quarantine,
    ComputedAttributes,
    Profiles,
    RulesRehearsals,
    AudienceEstimates,
    PersonSearch,
    AudienceCosts,
    Audiences,
    MembershipExplanations,
    Omit<Activations, "reload" | "activate"> {
  /** What edges work by; its version changes whenever anything in it does. */
  readonly edgeDefinitions: () => Promise<EdgeDefinitions>;
  /** A person as edges keep them. */
  readonly edgeLookup: (identity: Identity) => Promise<EdgeProjection | undefined>;
  /** Persons by id as edges keep them; an id that went into another person leads there. */
  readonly edgeProjections: (
    personIds: readonly string[],
  ) => Promise<readonly (EdgeProjection & { readonly regions: PersonState["regions"] })[]>;
  readonly configuration: () => Configuration;
  /** Data usage policies, labels and consent policies: asked at every edit that concerns them. */
  readonly governance: Governance;
  /** Reads the configuration anew, after documents were changed by someone else. */
  readonly reload: () => Promise<void>;
  /** `occurrences` goes on over the parts of one import, see `Door`. */
  readonly ingestEvents: (
    datasetId: string,
    events: readonly unknown[],
    occurrences?: Map<string, number>,
  ) => Promise<IngestReport>;
  readonly ingestRecords: (
    datasetId: string,
    records: readonly unknown[],
    operation?: RecordOperation,
  ) => Promise<IngestReport>;
  /** When an identity was erased (ms); data from before stays out. Undefined for one that was not; infinite when all data stays out. */
  readonly erasedAt: (identity: Identity) => number | undefined;
  readonly queueDepth: () => number;
  readonly totals: HubStore["totals"];
  /** Follows the persons whose next change is due; gives how many there were. */
  readonly runTimers: (limit?: number) => Promise<number>;
  /**
   * Derives everyone from their truth as today's definitions say, page by page while all else goes on: after the merge
   * policy that is active on edge became another.
   */
  readonly deriveEveryone: (progress?: Progress) => Promise<void>;
  /**
   * Drops everything derived and derives it anew from the truth; needs the store for itself. Batch audiences that were
   * evaluated are evaluated again, as of now.
   */
  readonly rebuild: (progress?: Progress) => Promise<void>;
  /** Waits for what is under way. */
  readonly drain: () => Promise<void>;
}

type Coming = Pick<Arrival, "occurrences" | "operation" | "rowAt">;

/** Opens a hub on a store. */
export async function createHub(options: HubOptions): Promise<Hub> {
  const { clock, newId, onMemberships, organisation = "tessera@TesseraOrg", sandbox = "prod" } = options;
  const store = observeCommits(options.store, options.onPersonsCommitted);
  let configuration = await readConfiguration(store);
  let [asked, taken] = [0, 0];
  const reload = async (): Promise<void> => {
    const reading = (asked += 1);
    const read = await readConfiguration(store);
    // One that was asked for later knows more, and may be read sooner.
    if (reading > taken) [taken, configuration] = [reading, read];
  };
  let suppressions = await readSuppressions(store, options.suppressionSalt);
  const reloadSuppressions = async (): Promise<void> => {
    suppressions = await readSuppressions(store, options.suppressionSalt);
  };
  const isSuppressed: IsSuppressed = (identities, time) =>
    suppressions.size > 0 && identities.some((identity) => suppressions.isSuppressed(identity, time));
  const told = (changes: readonly MembershipChange[]): void => {
    if (changes.length > 0) onMemberships?.(changes);
  };
  const { governance, gate } = await createGovernance({
    store,
    configuration: () => configuration,
    destinations: () => activations.destinations(),
    reload: () => activations.reload(),
  });
  const activations: Activations = await createActivations({
    store,
    clock,
    newId,
    catalog: options.catalog ?? [],
    refusedActions: (consents) => [
      ...(options.refusedActions?.(consents) ?? []),
      ...gate.refusedActions(consents),
    ],
    guard: gate.guard,
    review: gate.review,
    afterwards: options.afterwards ?? atOnce,
    organisation,
    sandbox,
    policy: () => configuration.policy,
    limits: () => configuration.limits,
    nameOf: (id) => {
      const audience = configuration.audiences.get(id);
      return audience?.status === "published" ? audience.name : undefined;
    },
  });
  const begin = (): Ingestion => ({
    store,
    configuration,
    activate: activations.activate(),
    now: clock(),
    isSuppressed,
  });
  const queue = createIngestQueue(begin, (done) => told(done.changes));
  const door = async (
    datasetId: string,
    kind: Dataset["kind"],
    { occurrences = new Map<string, number>(), operation, rowAt }: Coming,
  ): Promise<Door> => {
    const { rules, decisions, registry, limits, schemas } = configuration;
    const dataset = datasetOf(configuration, datasetId, kind);
    const check = (operation === "merge" ? schemas.updateChecks : schemas.checks).get(datasetId);
    return {
      dataset,
      check,
      rules,
      decisions,
      registry,
      limits,
      now: clock(),
      occurrences,
      isSuppressed,
      rowAt,
    };
  };

  const take = async ({ datasetId, kind, items, ...coming }: Arrival): Promise<IngestReport> =>
    queue.push(
      kind === "event"
        ? parseEvents(items, await door(datasetId, "event", coming))
        : parseRecords(items, await door(datasetId, "profile", coming), coming.operation ?? "upsert"),
    );
  const ingestEvents: Hub["ingestEvents"] = (datasetId, items, occurrences) =>
    take({ datasetId, kind: "event", items, occurrences });
  const ingestRecords: Hub["ingestRecords"] = (datasetId, items, operation) =>
    take({ datasetId, kind: "record", items, operation });

  const audiences = createAudiences({
    store,
    projection: options.projection,
    clock,
    newId,
    configuration: () => configuration,
    reload,
    begin,
    told,
    caughtUp: queue.caughtUp,
    guard: gate.guard,
    afterwards: options.afterwards ?? atOnce,
  });

  const { reload: reloadDestinations, activate: _activate, ...destinations } = activations;
  return {
    ...destinations,
    ...createIdentityRules({ store, clock, newId, begin, reload, told, queue }),
    ...createIdentityNamespaces({ store, configuration: () => configuration, reload }),
    ...createRulesRehearsals({ begin }),
    ...createMembershipExplanations({ store, begin }),
    ...audiences,
    ...createAudienceEstimates({
      store,
      configuration: () => configuration,
      clock,
      projection: options.projection,
    }),
    ...createPersonSearch({
      store,
      finder: options.finder,
      configuration: () => configuration,
      clock,
    }),
    ...createAudienceCosts({ store, configuration: () => configuration, clock }),
    ...createPrivacy({
      store,
      begin,
      salt: options.suppressionSalt,
      destinationIds: () => activations.destinations().keys(),
      reload: async () => {
        await reload();
        await reloadSuppressions();
      },
      told,
    }),
    ...createExpiry({ store, begin, told }),
    ...createComputedAttributes({ store, begin, reload, told }),
    ...createSandboxSchemas({
      store,
      configuration: () => configuration,
      reload,
      tenantField: `_${options.tenant ?? "tenant"}`,
    }),
    ...createSandboxSettings({
      store,
      newId,
      configuration: () => configuration,
      reload,
      guard: gate.guard,
    }),
    governance,
    ...createSandboxLimits({
      store,
      clock,
      configuration: () => configuration,
      destinations: () => activations.destinations(),
      reload,
    }),
    edgeDefinitions: () =>
      edgeDefinitions({
        store,
        configuration,
        destinations: activations.destinations(),
        organisation,
        sandbox,
        now: clock(),
      }),
    edgeLookup: (identity) => edgeLookup(store, identity, { configuration, now: clock() }),
    edgeProjections: async (personIds) =>
      (await store.persons(personIds)).map((person) => ({
        ...edgeProjection(person, configuration, clock()),
        regions: person.regions,
      })),
    configuration: () => configuration,
    reload: async () => {
      await reload();
      await reloadSuppressions();
      await gate.reload();
      await reloadDestinations();
    },
    totals: () => store.totals(),
    ingestEvents,
    ingestRecords,
    ...createImports({ store, clock, take }),
    ...createQuarantine({ store, clock, take }),
    erasedAt: (identity) => suppressions.deletedAt(normalIdentity(identity, configuration.registry)),
    queueDepth: queue.depth,
    ...createProfiles({ store, begin }),
    runTimers: async (limit = TIMER_PAGE) => {
      // Thousands may be due at one moment (midnight, after downtime): what comes in takes turns with them.
      await queue.caughtUp();
      const due = await store.due(clock(), limit);
      if (due.length > 0) told(await reevaluate(due, begin()));
      return due.length;
    },
    deriveEveryone: (progress) => deriveEveryone({ store, begin, told }, progress),
    rebuild: async (progress) => {
      await queue.idle();
      await rebuild(begin(), progress);
      // What is decided by jobs alone was dropped with the rest: it is as good as never evaluated.
      const evaluated = [...configuration.audiences.values()].filter(
        ({ status, evaluation, evaluatedAt }) =>
          status === "published" && evaluation === "batch" && evaluatedAt !== undefined,
      );
      if (evaluated.length > 0) await audiences.evaluateAudiences(evaluated.map(({ id }) => id));
    },
    drain: queue.idle,
  };
}

/** Persons followed together when their time comes. */
const TIMER_PAGE = 500;

import type { Afterwards } from "./afterwards.ts";
import type {
  ActivationItem,
  CatalogEntry,
  ConfiguredDestination,
  Dataflow,
  FileBatch,
  PersonView,
  PlanContext,
  PlannedRequest,
} from "@tessera/destinations";
import { selectForExport } from "@tessera/destinations";
import type { Limits } from "@tessera/guardrails";
import type { HubStore, MergePolicy, PersonState } from "@tessera/profile-store";
import { compileValue, type ValuePlan } from "@tessera/segment-engine";
import { err, formatInstant, isMember, type Issue, ok, type Result } from "@tessera/xdm";
import { createActivate, type EvaluateMapping, personView, type RefusedActions } from "./activation.ts";
import type { Activate } from "./decide.ts";
import {
  activeDataflows,
  type ActivationInput,
  type DestinationInput,
  type LiveDestination,
  planDataflow,
  planDestination,
  readDestinations,
  saveDocument,
} from "./destination-lifecycle.ts";
import { createDataflowChanges } from "./dataflow-changes.ts";
import { createDestinationChanges, type DestinationChanges, leavingIssues } from "./destination-removal.ts";
import { governedDataflow } from "./governance/governance-catalog.ts";
import type { Guard, Review } from "./governance/governance.ts";
import { limitIssues } from "./limit-issues.ts";

/** A file export that is planned: the requests in order, and the destination that reads the answers. */
interface PlannedExport {
  readonly destination: ConfiguredDestination;
  readonly dataflow: Dataflow;
  readonly audienceId: string;
  /** What the requests were planned from: one item a person. */
  readonly batch: FileBatch;
  readonly context: PlanContext;
  readonly requests: readonly PlannedRequest[];
  readonly members: number;
}

/** Whose rows a file gets: everyone in the audience, or who entered or left after `since` (ISO 8601). */
interface ExportMode {
  readonly mode: "full" | "incremental";
  readonly since?: string;
}

/** Destinations and what is activated to them, of one sandbox. */
export interface Activations extends DestinationChanges {
  readonly destinations: () => ReadonlyMap<string, LiveDestination>;
  readonly reload: () => Promise<void>;
  /** Plans the outbox entries of changed persons. */
  readonly activate: () => Activate;
  readonly createDestination: (input: DestinationInput) => Promise<Result<LiveDestination, readonly Issue[]>>;
  /** Adds audiences to the destination's dataflow; members that qualified before are queued for it. */
  readonly activateAudiences: (input: ActivationInput) => Promise<Result<Dataflow, readonly Issue[]>>;
  /** Makes a dataflow as it is given, beside those that the destination has; members that qualified before are queued. */
  readonly createDataflow: (dataflow: Omit<Dataflow, "id">) => Promise<Result<Dataflow, readonly Issue[]>>;
  /** Edits a dataflow that is there; audiences that come or go are told of their members, disabled ones go. */
  readonly saveDataflow: (dataflow: Dataflow) => Promise<Result<Dataflow, readonly Issue[]>>;
  /** Tells streaming destinations of audiences whose time in a dataflow began or ended; to be called now and then. */
  readonly followActivationTimes: () => Promise<void>;
  /** What data usage policies have against a dataflow as it would stand; nothing is saved. */
  readonly reviewDataflow: (dataflow: Dataflow) => Promise<readonly Issue[]>;
  /** Plans a file of each activated audience of a file destination: full ones without `select`. */
  readonly planExports: (
    destinationId: string,
    audienceIds?: readonly string[],
    select?: ExportMode,
  ) => Promise<Result<readonly PlannedExport[], readonly Issue[]>>;
}

/** What activations are made of. */
export interface ActivationsOptions {
  readonly store: HubStore;
  readonly catalog: readonly CatalogEntry[];
  readonly clock: () => number;
  readonly newId: () => string;
  readonly policy: () => MergePolicy;
  /** The limits in force, asked before a destination is saved. */
  readonly limits: () => Limits;
  readonly nameOf: (audienceId: string) => string | undefined;
  readonly organisation: string;
  readonly sandbox: string;
  /** Marketing actions that a person's consents refuse: destinations that stand for one are not told of them. */
  readonly refusedActions?: RefusedActions | undefined;
  /** Asks the policies before a dataflow is saved. */
  readonly guard: Guard;
  /** Asks the policies without saving. */
  readonly review: Review;
  readonly afterwards: Afterwards;
}

const PAGE = 500;

/** Reads the destinations of a store and keeps them at hand. */
export async function createActivations(options: ActivationsOptions): Promise<Activations> {
  const { store, catalog, clock, newId, policy, nameOf, refusedActions, guard, review } = options;
  /** Mapped expressions, made ready once each. */
  const expressions = new Map<string, ValuePlan | undefined>();
  const evaluate: EvaluateMapping = (expression, attributes) => {
    if (!expressions.has(expression)) {
      const compiled = compileValue(expression);
      expressions.set(expression, compiled.ok ? compiled.value : undefined);
    }
    const answer = expressions.get(expression)?.valueOf(attributes, { now: formatInstant(clock()) });
    return answer?.ok === true && answer.value !== null ? answer.value : undefined;
  };
  let live = await readDestinations(store, catalog);
  let activate: Activate | undefined;
  const reload = async (): Promise<void> => {
    live = await readDestinations(store, catalog);
    activate = undefined;
  };
  const notFound = err([
    { code: "notFound", path: ["destinationId"], message: "No such destination in this sandbox." },
  ]);
  const conflict = err([
    { code: "conflict", message: "Someone else changed this meanwhile. Read it again and repeat." },
  ]);

  const changes = createDataflowChanges({
    store,
    clock,
    destination: (id) => live.get(id)?.configured,
    dataflows: () =>
      [...live.values()]
        .filter(({ configured }) => configured.kind.startsWith("streaming"))
        .flatMap(({ dataflows }) => dataflows),
    view: () => ({ policy: policy(), refusedActions, evaluate }),
    afterwards: options.afterwards,
  });
  await changes.tell();
  const save = async (
    before: Dataflow | undefined,
    dataflow: Dataflow,
  ): Promise<Result<Dataflow, readonly Issue[]>> => {
    const saved = await guard(
      (sandbox) => ({ kind: "dataflow", dataflow: governedDataflow(dataflow, sandbox) }),
      () => changes.save(before, dataflow),
    );
    if (!saved.ok) return saved;
    await reload();
    await changes.tellAfterwards(dataflow.id);
    return ok(dataflow);
  };

  return {
    ...createDestinationChanges({ store, clock, catalog, changes, live: () => live, reload }),
    destinations: () => live,
    reload,
    activate: () =>
      (activate ??= createActivate({
        dataflows: activeDataflows(live),
        policy: policy(),
        refusedActions,
        evaluate,
      })),
    createDestination: async (input) => {
      const planned = planDestination(input, { id: newId(), now: clock(), catalog });
      if (!planned.ok) return planned;
      const { stored } = planned.value;
      const refused = limitIssues(options.limits(), [["destinations.destinations", live.size + 1, ["type"]]]);
      if (refused.length > 0) return err(refused);
      if (!(await saveDocument(store, "destination", stored.id, stored))) return conflict;
      await reload();
      return ok({ ...planned.value, dataflows: [], leaving: [] });
    },
    activateAudiences: async (input) => {
      const destination = live.get(input.destinationId);
      if (destination === undefined) return notFound;
      const leaving = leavingIssues(destination);
      if (leaving.length > 0) return err(leaving);
      const dataflow = planDataflow(input, destination, { id: newId(), now: clock(), nameOf });
      return dataflow.ok ? save(destination.dataflows[0], dataflow.value) : dataflow;
    },
    createDataflow: async (dataflow) => {
      const destination = live.get(dataflow.destinationId);
      if (destination === undefined) return notFound;
      const leaving = leavingIssues(destination);
      return leaving.length > 0 ? err(leaving) : save(undefined, { ...dataflow, id: newId() });
    },
    saveDataflow: async (dataflow) => {
      const destination = live.get(dataflow.destinationId);
      const before = destination?.dataflows.find(({ id }) => id === dataflow.id);
      return before === undefined ? notFound : save(before, dataflow);
    },
    followActivationTimes: () => changes.followTime(),
    reviewDataflow: (dataflow) =>
      review((sandbox) => ({ kind: "dataflow", dataflow: governedDataflow(dataflow, sandbox) })),
    planExports: async (destinationId, audienceIds, { mode, since } = { mode: "full" }) => {
      const destination = live.get(destinationId);
      if (destination === undefined) return notFound;
      const { configured, stored, dataflows } = destination;
      const { organisation: orgId, sandbox } = options;
      const { marketingActions } = configured.capabilities;
      const exports: PlannedExport[] = [];
      for (const dataflow of dataflows) {
        for (const audience of dataflow.audiences) {
          if (audienceIds !== undefined && !audienceIds.includes(audience.id)) continue;
          const now = formatInstant(clock());
          const selection = { dataflow, audience, mode, at: now, marketingActions, evaluate };
          const items: ActivationItem[] = [];
          for await (const page of members(store, new Set([audience.id]), mode === "incremental")) {
            const views = page.map((person) => personView(person, { policy: policy(), refusedActions }));
            const selected = selectForExport(views, { ...selection, ...(since !== undefined && { since }) });
            items.push(...(configured.kind === "batch-file" ? selected : asStreamed(selected, views)));
          }
          const { mapping, id: dataflowId } = dataflow;
          const batch = { kind: "file", destinationId, dataflowId, audience, mapping, mode, items } as const;
          const context = { now, destinationId, destinationName: stored.name, orgId, sandbox };
          exports.push({
            destination: configured,
            dataflow,
            audienceId: audience.id,
            batch,
            context,
            requests: configured.plan(batch, context),
            members: items.length,
          });
        }
      }
      return ok(exports);
    },
  };
}

/** Items as a streaming destination is told of them: with every identity, and where the person was last. */
function* asStreamed(
  items: Iterable<ActivationItem>,
  views: readonly PersonView[],
): Generator<ActivationItem> {
  const byId = new Map(views.map((view) => [view.personId, view]));
  for (const item of items) {
    const { identities = [], regions } = byId.get(item.personId) ?? {};
    yield {
      ...item,
      identities: identities.map(({ namespace, id }) => ({ namespace, id, target: namespace })),
      ...(regions !== undefined && { regions }),
    };
  }
}

/** The persons who are in any of these audiences, or were when `left` says so, page by page. */
async function* members(
  store: HubStore,
  audienceIds: ReadonlySet<string>,
  left = false,
): AsyncGenerator<readonly PersonState[]> {
  for (let after = ""; ;) {
    const page = await store.scan(after, PAGE);
    const last = page.at(-1);
    if (last === undefined) return;
    after = last.personId;
    const found = page.filter(({ memberships }) =>
      memberships.some(({ audienceId, status }) => audienceIds.has(audienceId) && (left || isMember(status))),
    );
    if (found.length > 0) yield found;
  }
}

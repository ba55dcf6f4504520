import type {
  ActiveDataflow,
  CatalogEntry,
  ConfiguredDestination,
  Dataflow,
  DataflowAudience,
  FieldMapping,
} from "@tessera/destinations";
import { emptyCommit, type HubStore } from "@tessera/profile-store";
import {
  describe,
  err,
  formatInstant,
  type Issue,
  type JsonObject,
  ok,
  parseJson,
  type Result,
  UPS,
} from "@tessera/xdm";

/** A destination as the hub keeps it: what the catalogue entry `type` was configured with. Times are milliseconds. */
export interface StoredDestination {
  readonly id: string;
  readonly name: string;
  /** Slug of the catalogue entry. */
  readonly type: string;
  readonly settings: JsonObject;
  readonly createdAt: number;
  /** Set while it goes: it takes no audiences any more, and is gone once what waits for it came to its end. */
  readonly removal?: Removal;
}

/** How a destination goes. */
interface Removal extends RemovalChoice {
  /** Since when, in milliseconds. */
  readonly at: number;
}

/** What is still told when a destination goes. */
export interface RemovalChoice {
  /** Whether members are told to leave. */
  readonly exits: boolean;
  /** `tell`: what waits is told first. `discard`: nothing is told any more; goes without exits only. */
  readonly pending: "tell" | "discard";
}

/** A dataflow as the hub keeps it. */
interface StoredDataflow extends Dataflow {
  /** Since when it is removed (ms); it is kept until nothing of it waits in the outbox. */
  readonly removedAt?: number;
}

/** What a new destination is made from. */
export interface DestinationInput {
  readonly name: string;
  readonly type: string;
  readonly settings: JsonObject;
}

/** Which audiences go to a destination, under which names. An existing dataflow of the destination is extended. */
export interface ActivationInput {
  readonly destinationId: string;
  readonly audienceIds: readonly string[];
  readonly mapping?: readonly FieldMapping[];
  readonly name?: string;
}

/** A destination ready to be planned for, with its dataflows. */
export interface LiveDestination {
  readonly stored: StoredDestination;
  readonly configured: ConfiguredDestination;
  readonly dataflows: readonly Dataflow[];
  /** Dataflows that were removed while something of them waited in the outbox. */
  readonly leaving: readonly StoredDataflow[];
}

/** Checks a destination before it is saved: its name, its type, its settings; every issue at once. */
export function planDestination(
  input: DestinationInput,
  made: { readonly id: string; readonly now: number; readonly catalog: readonly CatalogEntry[] },
): Result<
  { readonly stored: StoredDestination; readonly configured: ConfiguredDestination },
  readonly Issue[]
> {
  const entry = made.catalog.find(({ slug }) => slug === input.type);
  if (entry === undefined) {
    const known = made.catalog.map(({ slug }) => slug).join(", ");
    return err([
      {
        code: "destination.type",
        path: ["type"],
        expected: known,
        message: `type: expected one of ${known}, got ${describe(input.type)}.`,
      },
    ]);
  }
  const issues: Issue[] = [];
  if (input.name.trim() === "") {
    issues.push({
      code: "destination.name",
      path: ["name"],
      message: "name: expected a non-empty name, got an empty one.",
    });
  }
  const configured = entry.configure({ id: made.id, name: input.name }, input.settings);
  if (!configured.ok) return err([...issues, ...configured.error]);
  if (issues.length > 0) return err(issues);
  const { name, type, settings } = input;
  return ok({
    stored: { id: made.id, name, type, settings, createdAt: made.now },
    configured: configured.value,
  });
}

/** The dataflow of a destination after audiences were activated to it; `known` finds published audiences by id. */
export function planDataflow(
  input: ActivationInput,
  destination: LiveDestination,
  made: {
    readonly id: string;
    readonly now: number;
    readonly nameOf: (audienceId: string) => string | undefined;
  },
): Result<Dataflow, readonly Issue[]> {
  const issues: Issue[] = [];
  const before = destination.dataflows[0];
  const audiences = new Map<string, DataflowAudience>(
    (before?.audiences ?? []).map((audience) => [audience.id, audience]),
  );
  input.audienceIds.forEach((id, index) => {
    const name = made.nameOf(id);
    if (name === undefined) {
      issues.push({
        code: "activation.audience",
        path: ["audienceIds", index],
        message: "Expected the id of a published audience. Publish the audience first.",
      });
    } else if (!audiences.has(id))
      audiences.set(id, { id, namespace: UPS, name, startsAt: formatInstant(made.now) });
  });
  if (input.audienceIds.length === 0) {
    issues.push({
      code: "activation.audience",
      path: ["audienceIds"],
      message: "Expected at least one audience id, got none.",
    });
  }
  if (issues.length > 0) return err(issues);
  return ok({
    id: before?.id ?? made.id,
    destinationId: destination.stored.id,
    name: input.name ?? before?.name ?? destination.stored.name,
    audiences: [...audiences.values()],
    mapping: input.mapping ?? before?.mapping ?? [],
    enabled: true,
  });
}

/** Reads destinations and dataflows from the store; a destination whose type is no longer in the catalogue is left out. */
export async function readDestinations(
  store: HubStore,
  catalog: readonly CatalogEntry[],
): Promise<ReadonlyMap<string, LiveDestination>> {
  const [destinations, dataflows] = await Promise.all([
    store.documents("destination"),
    store.documents("dataflow"),
  ]);
  const live = new Map<string, LiveDestination>();
  for (const { id, body } of destinations) {
    const stored = body as unknown as StoredDestination;
    const configured = catalog.find(({ slug }) => slug === stored.type)?.configure(stored, stored.settings);
    if (configured?.ok !== true) continue;
    const own = dataflows
      .map((document) => document.body as unknown as StoredDataflow)
      .filter((flow) => flow.destinationId === id);
    live.set(id, {
      stored,
      configured: configured.value,
      dataflows: own.filter(({ removedAt }) => removedAt === undefined),
      leaving: own.filter(({ removedAt }) => removedAt !== undefined),
    });
  }
  return live;
}

/** The enabled dataflows of all destinations, with what planning must know of each. */
export function activeDataflows(
  destinations: ReadonlyMap<string, LiveDestination>,
): readonly ActiveDataflow[] {
  return [...destinations.values()].flatMap(({ configured, dataflows }) =>
    dataflows.filter(({ enabled }) => enabled).map((dataflow) => ({ dataflow, destination: configured })),
  );
}

/** Writes one document of a kind, over the version that is stored; false when someone else wrote meanwhile. */
export async function saveDocument(
  store: HubStore,
  kind: string,
  id: string,
  body: object,
): Promise<boolean> {
  const json = parseJson(body);
  if ("badPath" in json) throw new Error("Configuration is JSON data.");
  const before = await store.document(kind, id);
  const write = { kind, id, expectedVersion: before?.version ?? 0, body: json.value as JsonObject };
  return (await store.commit({ ...emptyCommit, documents: [write] })).ok;
}

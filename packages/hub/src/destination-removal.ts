import type { CatalogEntry, Dataflow, OutboxItem } from "@tessera/destinations";
import { emptyCommit, type DocumentWrite, type HubStore } from "@tessera/profile-store";
import { err, type Issue, type JsonObject, ok, type Result } from "@tessera/xdm";
import type { DataflowChanges } from "./dataflow-changes.ts";
import {
  type DestinationInput,
  type LiveDestination,
  planDestination,
  type RemovalChoice,
  saveDocument,
} from "./destination-lifecycle.ts";

/** Takes away what else is kept of a destination, such as its dead letters; called before the destination itself goes. */
type ForgetDestination = (destinationId: string) => Promise<void>;

/** What removals are carried out with. */
interface RemovalPorts {
  readonly store: HubStore;
  readonly clock: () => number;
  readonly changes: Pick<DataflowChanges, "remove" | "tell" | "tellAfterwards" | "isUntold">;
}

/** Another process may still plan by the destination as it was; what it queues meanwhile is waited for. */
const GRACE_MS = 10_000;
/** What cannot even be discarded through delivery by then, such as a job of the destination that never ends, is dropped. */
const DISCARD_MS = 60_000;
const PAGE = 500;

/**
 * Goes on with the removal of a destination and its removed dataflows, as far as that is possible now; true when
 * anything changed. Safe to repeat: a process that ends in between is taken up where it was.
 */
async function carryOnRemoval(
  live: LiveDestination,
  { store, clock, changes }: RemovalPorts,
  forget: ForgetDestination,
): Promise<boolean> {
  const { stored, configured, dataflows } = live;
  const { removal } = stored;
  let changed = false;
  if (removal !== undefined) {
    for (const dataflow of dataflows) changed = (await changes.remove(dataflow, removal.exits)) || changed;
    if (changed) await changes.tell();
    const now = clock();
    if (removal.pending === "discard" && now >= removal.at + DISCARD_MS) await discard(store, stored.id);
    const settled = !configured.kind.startsWith("streaming") || now >= removal.at + GRACE_MS;
    const own = [...dataflows, ...live.leaving].map(({ id }) => id);
    // Exits may still be on their way into the outbox.
    const untold = await Promise.all(own.map(changes.isUntold));
    if (settled && !untold.includes(true) && (await store.outbox(stored.id, 0, 1)).length === 0) {
      await forget(stored.id);
      await remove(store, [["destination", stored.id], ...own.map((id) => ["dataflow", id] as const)]);
      return true;
    }
  }
  for (const { id, removedAt = 0 } of live.leaving) {
    if (clock() < removedAt + GRACE_MS || (await changes.isUntold(id))) continue;
    if (await waits(store, stored.id, id)) continue;
    await remove(store, [["dataflow", id]]);
    changed = true;
  }
  return changed;
}

/** Marks a destination as going; false when someone else changed it meanwhile. */
function markRemoval(
  { stored }: LiveDestination,
  removal: NonNullable<LiveDestination["stored"]["removal"]>,
  store: HubStore,
): Promise<boolean> {
  return saveDocument(store, "destination", stored.id, { ...stored, removal });
}

/** Whether something of a dataflow waits in the outbox. */
async function waits(store: HubStore, destinationId: string, dataflowId: string): Promise<boolean> {
  for (let after = 0; ;) {
    const page = await store.outbox(destinationId, after, PAGE);
    const last = page.at(-1);
    if (last === undefined) return false;
    if (page.some(({ body }) => (body as unknown as OutboxItem).dataflowId === dataflowId)) return true;
    after = last.sequence;
  }
}

async function discard(store: HubStore, destinationId: string): Promise<void> {
  for (;;) {
    const page = await store.outbox(destinationId, 0, PAGE);
    if (page.length === 0) return;
    await store.acknowledge(page.map(({ id }) => id));
  }
}

async function remove(store: HubStore, which: readonly (readonly [string, string])[]): Promise<void> {
  const documents: DocumentWrite[] = [];
  for (const [kind, id] of which) {
    const stored = await store.document(kind, id);
    if (stored !== undefined) documents.push({ kind, id, expectedVersion: stored.version });
  }
  if (documents.length > 0) await store.commit({ ...emptyCommit, documents });
}

/** Edits and removals of destinations and dataflows. */
export interface DestinationChanges {
  /** Edits name and settings; the type stays. Later deliveries go by the new settings, those that wait included. */
  readonly updateDestination: (
    id: string,
    input: Partial<Pick<DestinationInput, "name" | "settings">>,
  ) => Promise<Result<LiveDestination, readonly Issue[]>>;
  /**
   * Removes a destination with its dataflows. A streaming one is gone once what is still told came to its end (see
   * `followRemovals`); until then it takes no audiences. Asking again with `discard` gives up what still waits.
   */
  readonly deleteDestination: (
    id: string,
    choice: RemovalChoice,
  ) => Promise<Result<LiveDestination, readonly Issue[]>>;
  /** Removes a dataflow; with `exits` its members are told to leave. What waits is told in any case. */
  readonly deleteDataflow: (id: string, exits: boolean) => Promise<Result<Dataflow, readonly Issue[]>>;
  /** Goes on with removals; to be called now and then. */
  readonly followRemovals: (forget: ForgetDestination) => Promise<void>;
}

/** What edits and removals are made with. */
interface DestinationChangesSetup extends RemovalPorts {
  readonly catalog: readonly CatalogEntry[];
  readonly live: () => ReadonlyMap<string, LiveDestination>;
  readonly reload: () => Promise<void>;
}

const NOT_FOUND = err([
  { code: "notFound", path: ["id"], message: "No such destination or dataflow in this sandbox." },
]);
const CONFLICT = err([
  { code: "conflict", message: "Someone else changed this meanwhile. Read it again and repeat." },
]);

/** Why a destination takes no more changes: it is being removed. */
export function leavingIssues({ stored }: Pick<LiveDestination, "stored">): readonly Issue[] {
  if (stored.removal === undefined) return [];
  const message = "The destination is being removed. Make another one, or wait until it is gone.";
  return [{ code: "destination.leaving", path: ["id"], message }];
}

/** The edits and removals of a hub's destinations. */
export function createDestinationChanges(setup: DestinationChangesSetup): DestinationChanges {
  const { store, clock, catalog, changes, live, reload } = setup;
  return {
    updateDestination: async (id, input) => {
      const before = live().get(id);
      // What stands in the store: another process may have begun to remove it, or edited it.
      const document = await store.document("destination", id);
      if (before === undefined || document === undefined) return NOT_FOUND;
      const stored = document.body as unknown as LiveDestination["stored"];
      const leaving = leavingIssues({ stored });
      if (leaving.length > 0) return err(leaving);
      const { name = stored.name, settings = stored.settings } = input;
      const planned = planDestination(
        { name, type: stored.type, settings },
        { id, now: stored.createdAt, catalog },
      );
      if (!planned.ok) return planned;
      const body = planned.value.stored as unknown as JsonObject;
      const write = { kind: "destination", id, expectedVersion: document.version, body };
      if (!(await store.commit({ ...emptyCommit, documents: [write] })).ok) return CONFLICT;
      await reload();
      return ok(live().get(id) ?? { ...before, ...planned.value });
    },
    deleteDestination: async (id, { exits, pending }) => {
      const before = live().get(id);
      if (before === undefined) return NOT_FOUND;
      if (exits && pending === "discard") {
        const message =
          "Exits come after what waits: expected exits without discarding, or discarding without exits.";
        return err([{ code: "destination.removal", path: ["exits"], message }]);
      }
      const { removal } = before.stored;
      if (removal === undefined || (pending === "discard" && removal.pending !== "discard")) {
        const wanted = { at: clock(), exits, pending };
        if (!(await markRemoval(before, wanted, store))) return CONFLICT;
        await reload();
      }
      const marked = live().get(id) ?? before;
      for (const dataflow of marked.dataflows) await changes.remove(dataflow, exits);
      await reload();
      await changes.tellAfterwards(id);
      return ok(live().get(id) ?? marked);
    },
    deleteDataflow: async (id, exits) => {
      const dataflow = [...live().values()]
        .flatMap(({ dataflows }) => dataflows)
        .find((one) => one.id === id);
      if (dataflow === undefined) return NOT_FOUND;
      if (!(await changes.remove(dataflow, exits))) return CONFLICT;
      await reload();
      await changes.tellAfterwards(id);
      return ok(dataflow);
    },
    followRemovals: async (forget) => {
      let changed = false;
      for (const one of live().values()) {
        if (one.stored.removal === undefined && one.leaving.length === 0) continue;
        changed = (await carryOnRemoval(one, setup, forget)) || changed;
      }
      if (changed) await reload();
    },
  };
}

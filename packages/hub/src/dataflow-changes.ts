import {
  activeAt,
  type ConfiguredDestination,
  type Dataflow,
  planDefinitionChanges,
  planMappingChange,
} from "@tessera/destinations";
import { emptyCommit, type DocumentWrite, type HubStore } from "@tessera/profile-store";
import { formatInstant, type JsonObject, parseInstant, parseJson } from "@tessera/xdm";
import { type ActivationSetup, outboxEntry, personView } from "./activation.ts";
import type { Afterwards } from "./afterwards.ts";
import type { Progress } from "./derive-everyone.ts";

/** Tells the members of audiences that a dataflow gained or lost. */
export interface DataflowChanges {
  /** Saves a dataflow with the note whom it concerns; false when someone else saved it meanwhile. */
  readonly save: (before: Dataflow | undefined, after: Dataflow) => Promise<boolean>;
  /**
   * Takes a dataflow out of force, with the note that its members are to be told to leave where `exits` says so. Its
   * document stays, marked, for what waits in the outbox. False when someone else changed it meanwhile.
   */
  readonly remove: (dataflow: Dataflow, exits: boolean) => Promise<boolean>;
  /** Tells those of the notes: to be called once changes of persons are planned by the dataflow as it was saved. */
  readonly tell: () => Promise<void>;
  /** The same after a change of a dataflow or destination: its caller may be answered before everyone is told. */
  readonly tellAfterwards: (id: string) => Promise<void>;
  /** Whether members are still to be told of a change of this dataflow. */
  readonly isUntold: (id: string) => Promise<boolean>;
  /** Tells members of audiences whose time in a dataflow began or ended since it was last looked at. */
  readonly followTime: () => Promise<void>;
}

type Stored = Awaited<ReturnType<HubStore["document"]>>;

interface PendingChange {
  readonly id: string;
  readonly at: string;
  readonly before?: Dataflow;
  readonly after: Dataflow;
  /** Nobody edited anything: times came. */
  readonly byTime?: true;
}

const PENDING = "dataflowChange";
/** Up to when the times of a dataflow's audiences were followed, by dataflow id: `{ at }` in milliseconds. */
const FOLLOWED = "dataflowFollowed";
const PAGE = 500;

/**
 * A change and the note that its members are still to be told are one commit, and the note goes when they are: a
 * process that ends in between tells them at its next start, under the same ids.
 */
export function createDataflowChanges(setup: {
  readonly store: HubStore;
  readonly clock: () => number;
  readonly destination: (id: string) => ConfiguredDestination | undefined;
  /** Those of streaming destinations. */
  readonly dataflows: () => readonly Dataflow[];
  readonly view: () => Omit<ActivationSetup, "dataflows">;
  readonly afterwards: Afterwards;
}): DataflowChanges {
  const { store, clock, destination, view, afterwards } = setup;
  /** What this process knows of `FOLLOWED`. */
  const followed = new Map<string, number>();

  const tellOf = async (change: PendingChange, progress?: Progress): Promise<void> => {
    const configured = destination(change.after.destinationId);
    if (configured !== undefined) {
      const common = { ...change, before: change.before, destination: configured };
      const definitions = change.byTime ? [] : planDefinitionChanges(common).map(outboxEntry);
      if (definitions.length > 0) await store.commit({ ...emptyCommit, outbox: definitions });
      if (configured.kind.startsWith("streaming") && concernsMembers(change)) {
        const current = view();
        // An audience whose time had not come, or was over, was never told or is told to have ended.
        const before = change.before && (change.byTime ? change.before : activeAt(change.before, change.at));
        const { persons: total } = await store.totals();
        let done = 0;
        for (let after = ""; ;) {
          const page = await store.scan(after, PAGE);
          const last = page.at(-1);
          if (last === undefined) break;
          after = last.personId;
          const persons = page.map((person) => personView(person, current));
          const { evaluate } = current;
          const outbox = [...planMappingChange({ ...common, before, persons, evaluate })].map(outboxEntry);
          if (outbox.length > 0) await store.commit({ ...emptyCommit, outbox });
          done += page.length;
          progress?.(Math.min(done, total), total);
        }
      }
    }
    const note = await store.document(PENDING, change.after.id);
    if (note !== undefined && note.body["id"] === change.id) {
      const gone = { kind: PENDING, id: note.id, expectedVersion: note.version };
      await store.commit({ ...emptyCommit, documents: [gone] });
    }
  };

  /** One after the other: whoever comes second finds told what the first one told. */
  let telling: Promise<void> = Promise.resolve();
  const tell = (progress?: Progress): Promise<void> => {
    const told = telling.then(async () => {
      for (const { body } of await store.documents(PENDING))
        await tellOf(body as unknown as PendingChange, progress);
    });
    telling = told.catch(() => undefined);
    return told;
  };

  const documentsOf = async (id: string): Promise<Record<"stored" | "note" | "clockOf", Stored>> => {
    const [stored, note, clockOf] = await Promise.all([
      store.document("dataflow", id),
      store.document(PENDING, id),
      store.document(FOLLOWED, id),
    ]);
    return { stored, note, clockOf };
  };

  /** Notes that times came, unless another process did; true when there is something to tell. */
  const noteTimes = async (dataflow: Dataflow, now: number): Promise<boolean> => {
    const { id } = dataflow;
    const [clockOf, note] = await Promise.all([store.document(FOLLOWED, id), store.document(PENDING, id)]);
    // An edit that waits to be told comes first; the next look sees to the times.
    if (note !== undefined) return true;
    const last = Number(clockOf?.body["at"] ?? now);
    followed.set(id, now);
    if (clockOf !== undefined && !boundariesOf(dataflow).some((time) => last < time && time <= now))
      return false;
    const documents: DocumentWrite[] = [
      { kind: FOLLOWED, id, expectedVersion: clockOf?.version ?? 0, body: { at: now } },
    ];
    const [before, after] = [last, now].map((time) => activeAt(dataflow, formatInstant(time)));
    if (clockOf !== undefined && before !== undefined && after !== undefined) {
      const at = formatInstant(now);
      const change: PendingChange = { id: `${id}@${at}`, at, before, after, byTime: true };
      documents.push({ kind: PENDING, id, expectedVersion: 0, body: jsonOf(change) });
    }
    return (await store.commit({ ...emptyCommit, documents })).ok && documents.length > 1;
  };

  return {
    tell: () => tell(),
    isUntold: async (id) => (await store.document(PENDING, id)) !== undefined,
    tellAfterwards: (id) => afterwards(`tell members ${id}`, tell),
    followTime: async () => {
      const now = clock();
      let news = false;
      for (const dataflow of setup.dataflows()) {
        const last = followed.get(dataflow.id);
        const isDue = last === undefined || boundariesOf(dataflow).some((time) => last < time && time <= now);
        if (dataflow.enabled && isDue) news = (await noteTimes(dataflow, now)) || news;
      }
      if (news) await tell();
    },
    remove: async (dataflow, exits) => {
      await tell();
      const { stored, note, clockOf } = await documentsOf(dataflow.id);
      if (stored === undefined) return false;
      const { id } = dataflow;
      const now = clock();
      const after = { ...dataflow, enabled: false };
      const told = { id: `${id}@${stored.version + 1}`, at: formatInstant(now), before: dataflow, after };
      const documents: DocumentWrite[] = [
        {
          kind: "dataflow",
          id,
          expectedVersion: stored.version,
          body: jsonOf({ ...after, removedAt: now }),
        },
      ];
      const expectedVersion = note?.version ?? 0;
      if (exits) documents.push({ kind: PENDING, id, expectedVersion, body: jsonOf(told) });
      else if (note !== undefined) documents.push({ kind: PENDING, id, expectedVersion });
      if (clockOf !== undefined) documents.push({ kind: FOLLOWED, id, expectedVersion: clockOf.version });
      followed.delete(id);
      return (await store.commit({ ...emptyCommit, documents })).ok;
    },
    save: async (before, after) => {
      const { stored, note, clockOf } = await documentsOf(after.id);
      const version = stored?.version ?? 0;
      const now = clock();
      const at = formatInstant(now);
      // What an earlier change left untold is told with this one.
      const earlier = note === undefined ? before : (note.body["before"] as unknown as Dataflow | undefined);
      const change: PendingChange = {
        id: `${after.id}@${version + 1}`,
        at,
        ...(earlier && { before: earlier }),
        after,
      };
      const documents = [
        { kind: "dataflow", id: after.id, expectedVersion: version, body: jsonOf(after) },
        { kind: PENDING, id: after.id, expectedVersion: note?.version ?? 0, body: jsonOf(change) },
        { kind: FOLLOWED, id: after.id, expectedVersion: clockOf?.version ?? 0, body: { at: now } },
      ];
      followed.set(after.id, now);
      return (await store.commit({ ...emptyCommit, documents })).ok;
    },
  };
}

/** The moments at which audiences begin or end, in milliseconds. */
function boundariesOf({ audiences }: Dataflow): readonly number[] {
  return audiences.flatMap(({ startsAt, endsAt }) =>
    [startsAt, endsAt].flatMap((time) => {
      const parsed = time === undefined ? undefined : parseInstant(time);
      return parsed?.ok === true ? [parsed.value] : [];
    }),
  );
}

/** Whether any audience came or went: an edit of the mapping alone is told with the next change of a person. */
function concernsMembers({ before, after }: PendingChange): boolean {
  const told = (dataflow: Dataflow | undefined): string =>
    dataflow?.enabled === true
      ? dataflow.audiences
          .map(({ namespace, id }) => `${namespace}\n${id}`)
          .sort()
          .join("\n\n")
      : "";
  return told(before) !== told(after);
}

function jsonOf(value: object): JsonObject {
  const json = parseJson(value);
  if ("badPath" in json) throw new Error("Configuration is JSON data.");
  return json.value as JsonObject;
}

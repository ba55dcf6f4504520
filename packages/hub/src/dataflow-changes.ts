import {
  type ConfiguredDestination,
  type Dataflow,
  planDefinitionChanges,
  planMappingChange,
} from "@tessera/destinations";
import type { HubStore } from "@tessera/profile-store";
import { formatInstant, type JsonObject, parseJson } from "@tessera/xdm";
import { type ActivationSetup, outboxEntry, personView } from "./activation.ts";
import { emptyCommit } from "./empty-commit.ts";

/** Tells the members of audiences that a dataflow gained or lost. */
export interface DataflowChanges {
  /** Saves a dataflow with the note whom it concerns; false when someone else saved it meanwhile. */
  readonly save: (before: Dataflow | undefined, after: Dataflow) => Promise<boolean>;
  /** Tells those of the notes: to be called once changes of persons are planned by the dataflow as it was saved. */
  readonly tell: () => Promise<void>;
}

interface PendingChange {
  readonly id: string;
  readonly at: string;
  readonly before?: Dataflow;
  readonly after: Dataflow;
}

const PENDING = "dataflowChange";
const PAGE = 500;

/**
 * A change and the note that its members are still to be told are one commit, and the note goes when they are: a
 * process that ends in between tells them at its next start, under the same ids.
 */
export function createDataflowChanges(setup: {
  readonly store: HubStore;
  readonly clock: () => number;
  readonly destination: (id: string) => ConfiguredDestination | undefined;
  readonly view: () => Omit<ActivationSetup, "dataflows">;
}): DataflowChanges {
  const { store, clock, destination, view } = setup;

  const tellOf = async (change: PendingChange): Promise<void> => {
    const configured = destination(change.after.destinationId);
    if (configured !== undefined) {
      const common = { ...change, before: change.before, destination: configured };
      const definitions = planDefinitionChanges(common).map(outboxEntry);
      if (definitions.length > 0) await store.commit({ ...emptyCommit, outbox: definitions });
      if (configured.kind.startsWith("streaming") && concernsMembers(change)) {
        const current = view();
        for (let after = ""; ;) {
          const page = await store.scan(after, PAGE);
          const last = page.at(-1);
          if (last === undefined) break;
          after = last.personId;
          const persons = page.map((person) => personView(person, current));
          const { evaluate } = current;
          const outbox = [...planMappingChange({ ...common, persons, evaluate })].map(outboxEntry);
          if (outbox.length > 0) await store.commit({ ...emptyCommit, outbox });
        }
      }
    }
    const note = await store.document(PENDING, change.after.id);
    if (note !== undefined && note.body["id"] === change.id) {
      const gone = { kind: PENDING, id: note.id, expectedVersion: note.version };
      await store.commit({ ...emptyCommit, documents: [gone] });
    }
  };

  return {
    save: async (before, after) => {
      const [stored, note] = await Promise.all([
        store.document("dataflow", after.id),
        store.document(PENDING, after.id),
      ]);
      const version = stored?.version ?? 0;
      const at = formatInstant(clock());
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
      ];
      return (await store.commit({ ...emptyCommit, documents })).ok;
    },
    tell: async () => {
      for (const { body } of await store.documents(PENDING)) await tellOf(body as unknown as PendingChange);
    },
  };
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

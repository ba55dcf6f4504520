import type { DatabaseSync, StatementSync } from "node:sqlite";
import { fromStored, type StoredItem, type StoredPage } from "@tessera/profile-store";
import type { PersonRows } from "./person-rows.ts";
import type { QueueRows } from "./queue-rows.ts";
import type { TruthRows } from "./truth-rows.ts";

/** What a copy reads and writes. */
export interface TransferParts {
  readonly truth: TruthRows;
  readonly persons: PersonRows;
  readonly queues: QueueRows;
  readonly walk: PersonWalk;
}

/** The rows of persons as a copy walks over them. */
export class PersonWalk {
  readonly #persons: PersonRows;
  readonly #rows: StatementSync;
  readonly #aliases: StatementSync;
  readonly #lead: StatementSync;

  constructor(database: DatabaseSync, persons: PersonRows) {
    this.#persons = persons;
    this.#rows = database.prepare("SELECT id FROM person WHERE id > ? AND version > 0 ORDER BY id LIMIT ?");
    this.#aliases = database.prepare(
      `SELECT id, pid, successor FROM person
       WHERE id > ? AND version = 0 AND successor IS NOT NULL ORDER BY id LIMIT ?`,
    );
    this.#lead = database.prepare("UPDATE person SET successor = ? WHERE id = ? AND version = 0");
    for (const statement of [this.#rows, this.#aliases]) statement.setReturnArrays(true);
  }

  persons(after: number, limit: number): readonly Placed[] {
    const rows = this.#rows.all(after, limit) as unknown as readonly (readonly [number])[];
    return rows.flatMap(([row]): readonly Placed[] => {
      const person = this.#persons.at(row);
      return person === undefined ? [] : [[[row], { kind: "person", person }]];
    });
  }

  aliases(after: number, limit: number): readonly Placed[] {
    const rows = this.#aliases.all(after, limit) as unknown as readonly (readonly [number, string, number])[];
    return rows.map(([row, pid, to]) => [
      [row],
      { kind: "alias", personId: fromStored(pid), successor: this.#persons.idOf(to) },
    ]);
  }

  takeInAlias(personId: string, successor: string): void {
    const to = this.#persons.internId(successor);
    this.#lead.run(to, this.#persons.internId(personId));
  }
}

type Place = string | number;
/** One thing, and the place after which the next page begins. */
type Placed = readonly [place: readonly Place[], item: StoredItem];

/** The parts of a store in the order of an export; each reads a page after a place (none: from its beginning). */
function partsOf({
  truth,
  persons,
  queues,
  walk,
}: TransferParts): readonly ((after: readonly Place[], limit: number) => readonly Placed[])[] {
  const number = (after: readonly Place[]): number => Number(after[0] ?? 0);
  const text = (after: readonly Place[], index = 0): string => String(after[index] ?? "");
  return [
    (after, limit) =>
      queues
        .documentsAfter(text(after), text(after, 1), limit)
        .map((document) => [[document.kind, document.id], { kind: "document", document }]),
    (after, limit) =>
      truth.eventsAfter(number(after), limit).map(([row, event]) => [[row], { kind: "event", event }]),
    (after, limit) =>
      truth
        .recordOwnersAfter(number(after), limit)
        .map(([id, owner]) => [[id], { kind: "records", owner, records: truth.records([owner]) }]),
    (after, limit) => walk.persons(number(after), limit),
    (after, limit) => walk.aliases(number(after), limit),
    (after, limit) =>
      queues.log.personsAfter(number(after), limit).map((row) => {
        const personId = persons.idOf(row);
        return [[row], { kind: "log", personId, changes: queues.log.of(personId) }];
      }),
    (after, limit) =>
      queues
        .entriesAfter(number(after), limit)
        .map(({ sequence, ...entry }) => [[sequence], { kind: "outbox", entry }]),
    (after, limit) =>
      queues.quarantined(limit, text(after)).map((item) => [[item.id], { kind: "quarantine", item }]),
    (after, limit) =>
      queues
        .countersAfter(text(after), limit)
        .map(([name, value]) => [[name], { kind: "counter", name, value }]),
  ];
}

/** A page of everything, from one part of the store; `after` names the part and the place in it. */
export function exportPage(
  stored: TransferParts,
  { after, limit }: { readonly after?: string; readonly limit: number },
): StoredPage {
  const [part = 0, ...place] = after === undefined ? [] : (JSON.parse(after) as [number, ...Place[]]);
  const parts = partsOf(stored);
  const found = parts[part]?.(place, limit) ?? [];
  const items = found.map(([, item]) => item);
  const last = found.at(-1);
  if (last !== undefined && found.length === limit)
    return { items, next: JSON.stringify([part, ...last[0]]) };
  return part + 1 < parts.length ? { items, next: JSON.stringify([part + 1]) } : { items };
}

/** Takes in one thing of a copy. */
export function takeIn(item: StoredItem, { truth, persons, queues, walk }: TransferParts): void {
  switch (item.kind) {
    case "document":
      return queues.takeInDocument(item.document);
    case "event":
      return truth.takeInEvent(item.event);
    case "records":
      return truth.takeInRecords(item.owner, item.records);
    case "person":
      for (const fragment of item.person.fragments) {
        if (fragment.times === undefined) truth.referTo(fragment);
      }
      return persons.takeIn(item.person);
    case "alias":
      return walk.takeInAlias(item.personId, item.successor);
    case "log":
      return queues.log.takeIn(item.personId, item.changes);
    case "outbox":
      return queues.enqueue([item.entry]);
    case "quarantine":
      return queues.setAside([item.item]);
    case "counter":
      return queues.takeInCounter(item.name, item.value);
  }
}

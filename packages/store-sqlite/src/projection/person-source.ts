import type { DatabaseSync, StatementSync } from "node:sqlite";
import { crc32 } from "node:zlib";
import { fromStored, type PersonState } from "@tessera/profile-store";
import type { ExperienceEvent } from "@tessera/xdm";
import type { PersonRows } from "../person-rows.ts";
import type { RetoldRows } from "../retold-rows.ts";
import type { TruthRows } from "../truth-rows.ts";

/** How a row stands: compared with what is held of it, it says what has to be read anew. */
export interface RowMarks {
  /** Of the attributes as they are stored. */
  readonly attributes: number;
  /** Of the identities, whose events belong to the person. */
  readonly identities: number;
  readonly eventCount: number;
}

/** The persons of a store by the number of their row, which stays the same for as long as they live. */
export class PersonSource {
  readonly #parts: {
    readonly persons: PersonRows;
    readonly truth: TruthRows;
    readonly retold: RetoldRows;
  };
  readonly #last: StatementSync;
  readonly #versions: StatementSync;
  readonly #ids: StatementSync;
  readonly #id: StatementSync;
  readonly #dataVersion: StatementSync;

  constructor(
    database: DatabaseSync,
    parts: { readonly persons: PersonRows; readonly truth: TruthRows; readonly retold: RetoldRows },
  ) {
    this.#parts = parts;
    const prepare = (sql: string): StatementSync => {
      const statement = database.prepare(sql);
      statement.setReturnArrays(true);
      return statement;
    };
    this.#last = prepare("SELECT coalesce(max(id), 0) FROM person");
    const between = "FROM person WHERE id >= ? AND id < ? AND version > 0 ORDER BY id";
    this.#versions = prepare(`SELECT id, version ${between}`);
    this.#ids = prepare(`SELECT id, pid ${between}`);
    this.#id = prepare("SELECT pid FROM person WHERE id = ? AND version > 0");
    this.#dataVersion = prepare("PRAGMA data_version");
  }

  get retold(): RetoldRows {
    return this.#parts.retold;
  }

  /** A number that is another one whenever somebody else wrote to the file. */
  dataVersion(): number {
    return (this.#dataVersion.get() as unknown as readonly [number])[0];
  }

  /** The id of the person in a row; undefined when there is none. */
  id(row: number): string | undefined {
    const found = this.#id.get(row) as unknown as readonly [string] | undefined;
    return found === undefined ? undefined : fromStored(found[0]);
  }

  /** The last row that was ever given. */
  lastRow(): number {
    return (this.#last.get() as unknown as readonly [number])[0];
  }

  /** Row and version of the persons in rows `from` to `end - 1`. */
  versions(from: number, end: number): readonly (readonly [row: number, version: number])[] {
    return this.#versions.all(from, end) as unknown as readonly (readonly [number, number])[];
  }

  /** Row and id of the persons in rows `from` to `end - 1`. */
  ids(from: number, end: number): readonly (readonly [row: number, personId: string])[] {
    const rows = this.#ids.all(from, end) as unknown as readonly (readonly [number, string])[];
    return rows.map(([row, pid]) => [row, fromStored(pid)]);
  }

  person(row: number): PersonState | undefined {
    return this.#parts.persons.at(row);
  }

  marks(row: number, person: PersonState): RowMarks {
    return {
      attributes: crc32(this.#parts.persons.storedFragments(row) ?? "") | 0,
      identities: crc32(JSON.stringify(person.identities)) | 0,
      eventCount: person.eventCount,
    };
  }

  /** The events of a person that still have a body, in order of time. */
  events(person: PersonState): readonly ExperienceEvent[] {
    return this.#parts.truth.bodies(person.identities);
  }
}

import { rmSync } from "node:fs";
import { DatabaseSync, type StatementSync } from "node:sqlite";
import type { ColumnLayout, StoredDictionaries } from "@tessera/segment-engine";

const FORMAT = 1;

/** What the chunks of a file were made by: with any other they are worth nothing. */
export interface ShardBasis {
  readonly shard: number;
  readonly shards: number;
  /** The file of the store, told apart from another one of the same name. */
  readonly store: string;
  /** The merge policy. */
  readonly policy: string;
  readonly epoch: number;
}

/** How far the file follows the store. */
interface ShardHead {
  readonly layout: ColumnLayout;
  /** The last entry of retold persons that was seen to. */
  readonly retold: number;
}

/** A chunk as it is stored: what lies in rows, memberships, columns. */
interface StoredChunk {
  readonly rows: Uint8Array;
  readonly audiences: readonly string[];
  readonly held: Uint8Array;
  readonly columns: Uint8Array;
}

/** A dictionary whose values are stored as they are added; the first one has code 1. */
export interface StoredValues {
  readonly size: number;
  valuesFrom(first: number): readonly unknown[];
}

/** Under which names the dictionaries of a layout are stored. */
export const attributeName = (path: string): string => `attribute ${path}`;
export const valueName = (path: string): string => `value ${path}`;
export const kindsName = ({ events }: ColumnLayout): string => `kinds ${JSON.stringify(events)}`;

/**
 * The file of one shard. A chunk and the values it needs are written in one transaction. A file that cannot be read, or
 * was made by something else, is begun anew.
 */
export class ShardFile {
  readonly #database: DatabaseSync;
  readonly #get: StatementSync;
  readonly #chunk: StatementSync;
  readonly #putChunk: StatementSync;
  readonly #putValues: StatementSync;
  readonly #putHead: StatementSync;
  #stored = new Map<string, number>();

  constructor(path: string, basis: ShardBasis) {
    this.#database = openedAnyway(path);
    const { shard, shards, store, policy, epoch } = basis;
    const text = JSON.stringify([FORMAT, shard, shards, store, policy, epoch]);
    const known = this.#database.prepare("SELECT value FROM head WHERE name = 'basis'").get()?.["value"];
    if (known !== text) {
      this.#database.exec("BEGIN; DELETE FROM head; DELETE FROM dictionary; DELETE FROM chunk");
      this.#database.prepare("INSERT INTO head VALUES ('basis', ?)").run(text);
      this.#database.exec("COMMIT");
    }
    this.#get = this.#database.prepare("SELECT value FROM head WHERE name = 'head'");
    this.#chunk = this.#database.prepare("SELECT rows, audiences, held, columns FROM chunk WHERE number = ?");
    this.#putChunk = this.#database.prepare("INSERT OR REPLACE INTO chunk VALUES (?, ?, ?, ?, ?)");
    this.#putValues = this.#database.prepare("INSERT INTO dictionary VALUES (?, ?, ?)");
    this.#putHead = this.#database.prepare("INSERT OR REPLACE INTO head VALUES ('head', ?)");
  }

  /** How far the file is; undefined for a new one. */
  head(): ShardHead | undefined {
    const value = this.#get.get()?.["value"];
    return typeof value === "string" ? (JSON.parse(value) as ShardHead) : undefined;
  }

  putHead(head: ShardHead): void {
    this.#putHead.run(JSON.stringify(head));
  }

  /** The values of the dictionaries of a layout, as far as they are stored. */
  dictionaries(layout: ColumnLayout): StoredDictionaries {
    this.#stored = new Map();
    const read = this.#database.prepare("SELECT body FROM dictionary WHERE name = ? ORDER BY first");
    const valuesOf = (name: string): readonly unknown[] => {
      const values = read.all(name).flatMap(({ body }) => JSON.parse(String(body)) as readonly unknown[]);
      this.#stored.set(name, values.length);
      return values;
    };
    return {
      attributes: layout.attributes.map((path) => valuesOf(attributeName(path))),
      kinds: valuesOf(kindsName(layout)),
      values: layout.values.map((path) => valuesOf(valueName(path))),
    };
  }

  /** One more than the last chunk. */
  chunks(): number {
    const row = this.#database.prepare("SELECT coalesce(max(number), -1) AS last FROM chunk").get();
    return Number(row?.["last"]) + 1;
  }

  chunk(number: number): StoredChunk | undefined {
    const row = this.#chunk.get(number);
    if (row === undefined) return undefined;
    return {
      rows: row["rows"] as Uint8Array,
      audiences: JSON.parse(String(row["audiences"])) as readonly string[],
      held: row["held"] as Uint8Array,
      columns: row["columns"] as Uint8Array,
    };
  }

  /** Writes a chunk together with the values that its codes may stand for. */
  putChunk(number: number, chunk: StoredChunk, dictionaries: ReadonlyMap<string, StoredValues>): void {
    const sizes = new Map([...dictionaries].map(([name, { size }]) => [name, size - 1]));
    this.#database.exec("BEGIN");
    try {
      for (const [name, dictionary] of dictionaries) {
        const first = this.#stored.get(name) ?? 0;
        if (dictionary.size - 1 === first) continue;
        this.#putValues.run(name, first, JSON.stringify(dictionary.valuesFrom(first + 1)));
      }
      this.#putChunk.run(number, chunk.rows, JSON.stringify(chunk.audiences), chunk.held, chunk.columns);
      this.#database.exec("COMMIT");
    } catch (cause) {
      this.#database.exec("ROLLBACK");
      throw cause;
    }
    this.#stored = sizes;
  }

  /** Begins anew with other columns. */
  clear(head: ShardHead): void {
    this.#database.exec("BEGIN; DELETE FROM dictionary; DELETE FROM chunk");
    this.putHead(head);
    this.#database.exec("COMMIT");
    this.#stored = new Map();
  }

  close(): void {
    this.#database.close();
  }
}

function openedAnyway(path: string): DatabaseSync {
  try {
    return opened(path);
  } catch {
    for (const end of ["", "-wal", "-shm"]) rmSync(`${path}${end}`, { force: true });
    return opened(path);
  }
}

function opened(path: string): DatabaseSync {
  const database = new DatabaseSync(path);
  // One thread writes it and nobody else reads it. It can be made anew at any time, but must not be wrong.
  database.exec(`
    PRAGMA locking_mode = EXCLUSIVE; PRAGMA page_size = 32768; PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL;
    PRAGMA cache_size = -8192;
    CREATE TABLE IF NOT EXISTS head(name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
    CREATE TABLE IF NOT EXISTS dictionary(name TEXT, first INTEGER, body TEXT NOT NULL, PRIMARY KEY(name, first));
    CREATE TABLE IF NOT EXISTS chunk(
      number INTEGER PRIMARY KEY, rows BLOB NOT NULL, audiences TEXT NOT NULL, held BLOB NOT NULL, columns BLOB NOT NULL);`);
  return database;
}

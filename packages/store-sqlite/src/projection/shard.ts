import { statSync } from "node:fs";
import {
  type AudiencePlan,
  CHUNK_PERSONS,
  type ColumnPlan,
  Columns,
  compileAudiences,
  compileColumns,
  decodeChunk,
  definitionsFor,
  encodeChunk,
  joinLayouts,
  type ColumnLayout,
} from "@tessera/segment-engine";
import type { MergePolicy, MovedPerson } from "@tessera/profile-store";
import type { AudienceDefinition } from "@tessera/xdm";
import type { FileStore } from "../sqlite-store.ts";
import { ChunkRows } from "./chunk-rows.ts";
import { followRows } from "./follow-rows.ts";
import { countsOf, type Move, movesOf } from "./moves-of.ts";
import { projectionFile } from "./projection-files.ts";
import { attributeName, kindsName, ShardFile, type StoredValues, valueName } from "./shard-file.ts";

/** Persons read in one transaction: a long one would keep the store's log from going into its file. */
const ROWS_AT_ONCE = 256;

/** So few persons of a chunk are named one by one; more of them by reading the names of all. */
const FEW_MOVES = 256;

/** So many values a dictionary may hold beyond what persons have. */
const SPARE_VALUES = 100_000;

/** What one thread decides by. */
export interface ShardRequest {
  readonly definitions: readonly AudienceDefinition[];
  readonly audienceIds: readonly string[];
  readonly policy: MergePolicy;
  readonly now: number;
}

/** What a shard found in one of its chunks. */
export interface ShardPart {
  readonly persons: number;
  readonly counts: readonly number[];
  readonly moved: readonly MovedPerson[];
}

/** Which part of the persons: every `shards`-th chunk from chunk `shard` on. */
export interface ShardPlace {
  readonly path: string;
  readonly shard: number;
  readonly shards: number;
  /** Bytes of chunks that are kept in memory. */
  readonly memory: number;
}

interface Loaded {
  readonly rows: ChunkRows;
  bytes: number;
}

/** What is decided, and by which plan: made of a whole one. */
interface Asked {
  readonly whole: AudiencePlan;
  readonly plan: ColumnPlan;
  readonly order: readonly number[];
  readonly request: ShardRequest;
}

/** A part of the persons in columns, in memory as far as there is room and in a file of its own. */
export class Shard {
  readonly #place: ShardPlace;
  readonly #store: FileStore;
  #file: ShardFile | undefined;
  #policy = "";
  #columns = new Columns({ attributes: [], events: [], values: [] });
  #chunks = new Map<number, Loaded>();
  #epoch = -1;
  #retold = 0;
  #persons = 0;
  /** The store's state that all chunks were brought up to; undefined when they were not. */
  #followed: number | undefined;
  #isWorn = false;
  #asked: Asked | undefined;
  #compiled:
    | { readonly key: string; readonly whole: AudiencePlan; readonly layout: ColumnLayout }
    | undefined;

  constructor(store: FileStore, place: ShardPlace) {
    this.#store = store;
    this.#place = place;
  }

  /** Follows the store up to now, chunk by chunk; gives rows looked at, of all. Then `decide` works by `request`. */
  *refresh(request: ShardRequest): Generator<readonly [done: number, total: number], void, undefined> {
    const whole = this.#compile(request.definitions);
    const { mark, lastRow, dataVersion } = this.#store.readSource((source) => ({
      dataVersion: source.dataVersion(),
      mark: source.retold.mark(),
      lastRow: source.lastRow(),
    }));
    this.#open(request.policy, mark.epoch);
    if (this.#isWorn) this.#begin(this.#columns.layout);
    this.#isWorn = false;
    this.#widen(whole.layout);
    const total = this.#chunksUpTo(lastRow);
    if (this.#followed === dataVersion) yield [total, total];
    else {
      this.#followed = undefined;
      const retold = this.#retoldSince(mark.epoch);
      this.#persons = 0;
      for (let number = 0; number < total; number++) {
        this.#persons += this.#follow(number, { policy: request.policy, retold: retold.get(number) ?? [] });
        yield [number + 1, total];
      }
      this.#followed = dataVersion;
    }
    // Values that nobody has any more stay in their dictionary: when they are most of it, everything is read once more.
    this.#isWorn = this.#columns.dictionaries.some(({ size }) => size > SPARE_VALUES + 2 * this.#persons);
    this.#retold = mark.last;
    this.#file?.putHead({ layout: this.#columns.layout, retold: this.#retold });
    this.#asked = this.#askedFor(whole.whole, request);
  }

  /** The same plan for the same question: what it learned about the values in the columns holds. */
  #askedFor(whole: AudiencePlan, request: ShardRequest): Asked {
    const known = this.#asked;
    const { audienceIds } = request;
    if (known?.whole === whole && known.request.audienceIds.join("\n") === audienceIds.join("\n"))
      return { ...known, request };
    const asked = compiled(definitionsFor(whole, audienceIds));
    const numbers = new Map(asked.audiences.map(({ id }, index) => [id, index]));
    const order = audienceIds.map((id) => numbers.get(id) ?? -1);
    return { whole, plan: compileColumns(asked), order, request };
  }

  /** How many chunks there are to decide. */
  get chunks(): number {
    return this.#columns.chunks.length;
  }

  /** How many persons there are, as of the last time the store was followed. */
  get persons(): number {
    return this.#persons;
  }

  /** Decides the persons of one chunk; who has to be moved is worked out only when it is asked. */
  decide(number: number, asksMoved: boolean): ShardPart {
    const asked = this.#asked;
    if (asked === undefined) throw new Error("A shard is brought up to date before it decides.");
    const { plan, order, request } = asked;
    const { rows } = this.#load(number);
    const bits = plan.evaluateChunk(this.#columns, number, request.now);
    this.#evict(number);
    const present = rows.present(bits.persons);
    const counts = countsOf(bits, present, { order });
    const moved = asksMoved
      ? this.#named(
          number,
          rows,
          movesOf(bits, { rows, present }, { audienceIds: request.audienceIds, order }),
        )
      : [];
    return { persons: rows.persons, counts, moved };
  }

  close(): void {
    this.#file?.close();
    this.#file = undefined;
  }

  #named(number: number, rows: ChunkRows, moves: ReadonlyMap<number, Move>): readonly MovedPerson[] {
    if (moves.size === 0) return [];
    const first = this.#firstRow(number);
    const named = (at: number, personId: string | undefined): readonly MovedPerson[] => {
      const move = moves.get(at);
      return move === undefined || personId === undefined
        ? []
        : [{ personId, version: rows.version(at), ...move }];
    };
    return this.#store.readSource((source) =>
      moves.size <= FEW_MOVES
        ? [...moves.keys()].sort((a, b) => a - b).flatMap((at) => named(at, source.id(first + at)))
        : source.ids(first, first + CHUNK_PERSONS).flatMap(([row, personId]) => named(row - first, personId)),
    );
  }

  #compile(definitions: readonly AudienceDefinition[]): {
    readonly whole: AudiencePlan;
    readonly layout: ColumnLayout;
  } {
    const key = JSON.stringify(definitions);
    if (this.#compiled?.key !== key) {
      const whole = compiled(definitions);
      this.#compiled = { key, whole, layout: compileColumns(whole).layout };
    }
    return this.#compiled;
  }

  /** The file, begun anew when it was made by another policy or of another store. */
  #open(policy: MergePolicy, epoch: number): void {
    const { path, shard, shards } = this.#place;
    const key = JSON.stringify(policy);
    if (this.#file !== undefined && key === this.#policy && epoch === this.#epoch) return;
    this.#file?.close();
    const { ino, birthtimeMs } = statSync(path);
    const basis = { shard, shards, store: `${ino} ${birthtimeMs}`, policy: key, epoch };
    const file = new ShardFile(projectionFile(path, shard), basis);
    const head = file.head();
    this.#file = file;
    this.#followed = undefined;
    this.#policy = key;
    this.#epoch = epoch;
    this.#retold = head?.retold ?? this.#store.readSource((source) => source.retold.mark().last);
    const layout = head?.layout ?? { attributes: [], events: [], values: [] };
    this.#columns = new Columns(layout, file.dictionaries(layout));
    this.#chunks = new Map();
    this.#asked = undefined;
  }

  /** Makes room for what new audiences read: attributes are added to what is there, event fields need everything anew. */
  #widen(wanted: ColumnLayout): void {
    const columns = this.#columns;
    const before = columns.layout;
    const layout = joinLayouts(before, wanted);
    if (JSON.stringify(layout) === JSON.stringify(before)) return;
    this.#followed = undefined;
    const keepsEvents =
      JSON.stringify([layout.events, layout.values]) === JSON.stringify([before.events, before.values]);
    const stored = columns.storedDictionaries();
    this.#asked = undefined;
    if (!keepsEvents) return this.#begin(layout);
    const places = layout.attributes.map((path) => before.attributes.indexOf(path));
    this.#columns = new Columns(layout, {
      ...stored,
      attributes: places.map((place) => stored.attributes[place] ?? []),
    });
    const file = this.#file;
    const widened = new Map<number, Loaded>();
    const chunks = file?.chunks() ?? 0;
    for (let number = 0; number < chunks; number++) {
      const loaded = this.#load(number, columns);
      const chunk = columns.chunks[number];
      if (chunk === undefined) continue;
      const codes = places.map((place) => chunk.codes[place] ?? new Uint8Array(CHUNK_PERSONS));
      for (let at = 0; at < chunk.persons; at++) loaded.rows.distrust(at, "attributes");
      this.#columns.setChunk(number, { ...chunk, codes });
      widened.set(number, loaded);
      columns.setChunk(number, undefined);
      this.#write(number, loaded);
      this.#chunks = widened;
      this.#evict(-1);
    }
    this.#chunks = widened;
    file?.putHead({ layout, retold: this.#retold });
  }

  /** Begins with empty columns. */
  #begin(layout: ColumnLayout): void {
    this.#followed = undefined;
    this.#columns = new Columns(layout);
    this.#chunks = new Map();
    this.#file?.clear({ layout, retold: this.#retold });
  }

  #retoldSince(epoch: number): ReadonlyMap<number, readonly number[]> {
    const rows = this.#store.readSource(({ retold }) => retold.after({ epoch, last: this.#retold }));
    if (rows === undefined) {
      // Too many to be known one by one.
      this.#file?.clear({ layout: this.#columns.layout, retold: this.#retold });
      this.#columns = new Columns(this.#columns.layout);
      this.#chunks = new Map();
    }
    const { shard, shards } = this.#place;
    const own = (rows ?? []).filter((row) => Math.floor(row / CHUNK_PERSONS) % shards === shard);
    return Map.groupBy(own, (row) => Math.floor(Math.floor(row / CHUNK_PERSONS) / shards));
  }

  #chunksUpTo(row: number): number {
    const { shard, shards } = this.#place;
    return Math.max(0, Math.floor((Math.floor(row / CHUNK_PERSONS) - shard) / shards) + 1);
  }

  #firstRow(number: number): number {
    return (number * this.#place.shards + this.#place.shard) * CHUNK_PERSONS;
  }

  /** Brings a chunk up to date; gives how many persons it has. */
  #follow(
    number: number,
    { policy, retold }: { readonly policy: MergePolicy; readonly retold: readonly number[] },
  ): number {
    const first = this.#firstRow(number);
    const loaded = this.#load(number);
    const { rows } = loaded;
    for (const row of retold) rows.distrust(row - first, "everything");
    let changed = retold.length > 0;
    const into = { rows, columns: this.#columns, first, place: number * CHUNK_PERSONS, policy };
    for (let from = first; from < first + CHUNK_PERSONS; from += ROWS_AT_ONCE) {
      this.#store.readSource((source) => {
        if (followRows(source, { ...into, from, end: from + ROWS_AT_ONCE })) changed = true;
      });
    }
    if (changed) this.#write(number, loaded);
    this.#evict(number);
    return rows.persons;
  }

  #load(number: number, into: Columns = this.#columns): Loaded {
    const known = this.#chunks.get(number);
    if (known !== undefined && into.chunks[number] !== undefined) {
      this.#chunks.delete(number);
      this.#chunks.set(number, known);
      return known;
    }
    const stored = this.#file?.chunk(number);
    const columns = stored && decodeChunk(stored.columns, into.layout);
    const rows = stored && ChunkRows.decode(stored.rows, stored.audiences, stored.held);
    const loaded =
      stored === undefined || columns === undefined || rows === undefined
        ? { rows: new ChunkRows(), bytes: 0 }
        : { rows, bytes: stored.columns.length + stored.rows.length + stored.held.length };
    into.setChunk(number, loaded.bytes === 0 ? undefined : columns);
    // An empty chunk comes into being with its first row.
    if (loaded.bytes === 0) into.clear(number * CHUNK_PERSONS);
    this.#chunks.set(number, loaded);
    return loaded;
  }

  #write(number: number, loaded: Loaded): void {
    const chunk = this.#columns.chunks[number];
    if (chunk === undefined) return;
    const columns = encodeChunk(chunk);
    const stored = { ...loaded.rows.encode(), columns };
    loaded.bytes = columns.length + stored.rows.length + stored.held.length;
    this.#file?.putChunk(number, stored, this.#dictionaries());
  }

  #dictionaries(): ReadonlyMap<string, StoredValues> {
    const { layout, dictionaries, kinds, valueDictionaries } = this.#columns;
    const named = new Map<string, StoredValues>([[kindsName(layout), kinds]]);
    layout.attributes.forEach((path, index) => {
      const dictionary = dictionaries[index];
      if (dictionary !== undefined) named.set(attributeName(path), dictionary);
    });
    layout.values.forEach((path, index) => {
      const dictionary = valueDictionaries[index];
      if (dictionary !== undefined) named.set(valueName(path), dictionary);
    });
    return named;
  }

  /** Takes the chunks used longest ago out of memory. */
  #evict(kept: number): void {
    let bytes = 0;
    for (const one of this.#chunks.values()) bytes += one.bytes;
    for (const [number, one] of this.#chunks) {
      if (bytes <= this.#place.memory) return;
      if (number === kept) continue;
      bytes -= one.bytes;
      this.#chunks.delete(number);
      this.#columns.setChunk(number, undefined);
    }
  }
}

function compiled(definitions: readonly AudienceDefinition[]): AudiencePlan {
  const plan = compileAudiences(definitions);
  if (!plan.ok)
    throw new Error(`Audiences do not compile: ${plan.error.map(({ message }) => message).join("; ")}`);
  return plan.value;
}

import type { AudiencePlan } from "@tessera/segment-engine";
import {
  digest,
  type ExperienceEvent,
  isObject,
  type JsonObject,
  type JsonValue,
  parseInstant,
} from "@tessera/xdm";

/** A past event as far as the audiences of a plan read it. */
export interface DigestedEvent {
  readonly at: number;
  readonly body: ExperienceEvent;
}

/**
 * What is kept of a person's events beside the raw ones: of each just the fields that continuous audiences read, a few
 * bytes an event. With it an event that comes in order is followed without loading or reading the history. It is made
 * anew whenever it does not fit the plan, and is the same however the events came in.
 */
export interface EventDigest {
  /** The past events, or undefined when the raw ones have to be read. */
  readonly read: (state: Uint8Array) => readonly DigestedEvent[] | undefined;
  /**
   * The state to keep once `events` (all, in order of time) are known; `before` is what the first `stored` of them were
   * read from. Undefined when it would grow too large, or cannot say what the plan reads.
   */
  readonly write: (
    events: readonly DigestedEvent[],
    before?: { readonly state: Uint8Array; readonly stored: number },
  ) => Uint8Array | undefined;
}

/** Beyond so many bytes, reading the raw events is the better deal. */
const LARGEST = 24_000;
const SEPARATOR = ";";
const UTF8 = new TextEncoder();
const TEXT = new TextDecoder();
const NOTHING = new Uint8Array(0);

const made = new WeakMap<AudiencePlan, EventDigest>();

/** The digest that fits a plan. */
export function eventDigestOf(plan: AudiencePlan): EventDigest {
  const known = made.get(plan);
  if (known !== undefined) return known;
  const digested = createEventDigest(plan);
  made.set(plan, digested);
  return digested;
}

function createEventDigest({ fields }: AudiencePlan): EventDigest {
  if (!fields.readsEvents) return { read: () => [], write: () => NOTHING };
  if (fields.events.includes("*")) return { read: () => undefined, write: () => undefined };
  const paths = fields.events.filter((path) => path !== "timestamp").map((path) => path.split("."));
  const key = digest(fields.events.join("\n")).slice(0, 12);

  return {
    read: (state) => {
      const text = TEXT.decode(state);
      if (!text.startsWith(key + SEPARATOR)) return undefined;
      const rows = JSON.parse(`[${text.slice(key.length + 1)}]`) as Row[];
      return rows.map((row) => eventOfRow(row, paths));
    },
    write: (events, before) => {
      const from = before?.stored ?? 0;
      const rows = events.slice(from).map((event) => JSON.stringify(rowOf(event, paths)));
      if (rows.length === 0 && before !== undefined) return before.state;
      const added = UTF8.encode(
        before === undefined ? key + SEPARATOR + rows.join() : (from > 0 ? "," : "") + rows.join(),
      );
      const state = before === undefined ? added : joinedBytes(before.state, added);
      if (state.length > LARGEST) return undefined;
      return state;
    },
  };
}

/** The time (as the event says it where that is not the usual form), then one cell for each path. */
type Row = readonly [at: number | string, ...cells: Cell[]];
/** A scalar; 0 cells for what is not there; anything else with the number of steps that led to it. */
type Cell = JsonValue;

function rowOf({ at, body }: DigestedEvent, paths: readonly (readonly string[])[]): Row {
  const { timestamp } = body;
  const cells = paths.map((path) => cellOf(body, path));
  return [new Date(at).toISOString() === timestamp ? at : timestamp, ...cells];
}

function cellOf(body: JsonObject, path: readonly string[]): Cell {
  let value: JsonValue | undefined = body;
  for (const [depth, name] of path.entries()) {
    if (!isObject(value)) return value === undefined || depth === 0 ? [] : [depth, value as JsonValue];
    value = Object.hasOwn(value, name) ? (value as JsonObject)[name] : undefined;
    if (value === undefined) return [];
  }
  return typeof value === "object" ? [path.length, value] : (value as JsonValue);
}

function eventOfRow([time, ...cells]: Row, paths: readonly (readonly string[])[]): DigestedEvent {
  const timestamp = typeof time === "number" ? new Date(time).toISOString() : time;
  const instant = typeof time === "number" ? { ok: true as const, value: time } : parseInstant(time);
  const body: Record<string, JsonValue | undefined> = { timestamp };
  cells.forEach((cell, index) => {
    const path = paths[index];
    if (path === undefined) return;
    if (!Array.isArray(cell)) put(body, path, cell);
    else if (cell.length > 0) put(body, path.slice(0, cell[0] as number), cell[1] as JsonValue);
  });
  return { at: instant.ok ? instant.value : 0, body: body as unknown as ExperienceEvent };
}

function put(into: Record<string, JsonValue | undefined>, path: readonly string[], value: JsonValue): void {
  let at = into;
  for (const name of path.slice(0, -1)) {
    const inner = at[name];
    if (isObject(inner)) at = inner as Record<string, JsonValue | undefined>;
    else at = (at[name] = {} as Record<string, JsonValue>) as Record<string, JsonValue | undefined>;
  }
  at[path.at(-1) ?? ""] = value;
}

/** Bytes behind other bytes. */
export function joinedBytes(a: Uint8Array, b: Uint8Array): Uint8Array {
  const all = new Uint8Array(a.length + b.length);
  all.set(a);
  all.set(b, a.length);
  return all;
}

import { COMPUTED_DATASET, type Fragment } from "@tessera/profile-store";
import {
  compareKeys,
  formatInstant,
  isObject,
  type ExperienceEvent,
  type IdentityKey,
  type JsonObject,
  type JsonValue,
} from "@tessera/xdm";
import type { PreparedAttribute } from "./computed-attribute.ts";

type Scalar = string | number | boolean;
/** A value with the moment and the id of its event: later ones come after. */
type Dated = readonly [at: number, id: string, value: Scalar];
/** What one bucket of time holds: a number (count, sum, min, max), or dated values, latest first. */
type Held = number | readonly Dated[];

/**
 * The computed attributes of one person while they are followed: each as buckets of time, so that an event changes one
 * number and a window that moves on drops whole buckets. The outcome depends on the events, not on their order.
 */
export class ComputedState {
  readonly #attributes: readonly PreparedAttribute[];
  readonly #buckets: Map<number, Held>[];
  /** The moment of the latest matching event. */
  #at = -Infinity;
  #changed = false;

  /** Goes on from the fragment of before, or from nothing. */
  constructor(attributes: readonly PreparedAttribute[], before: Fragment | undefined) {
    this.#attributes = attributes;
    const stored = before?.state ?? {};
    this.#buckets = attributes.map(({ definition: { name } }) => {
      const held = stored[name];
      return new Map(Array.isArray(held) ? (held as unknown as [number, Held][]) : []);
    });
    if (before !== undefined) this.#at = before.at;
  }

  /** Takes in an event. Each once, in any order. */
  take(event: ExperienceEvent, at: number): void {
    this.#attributes.forEach((attribute, index) => {
      if (!attribute.matches(event)) return;
      const value = attribute.valueOf(event);
      if (value === undefined && attribute.definition.function !== "count") return;
      const buckets = this.#buckets[index];
      if (buckets === undefined) return;
      const bucket = Math.floor(at / attribute.bucket);
      const next = joined(attribute, buckets.get(bucket), [at, event._id ?? "", value ?? true]);
      if (next === undefined) return;
      buckets.set(bucket, next);
      this.#at = Math.max(this.#at, at);
      this.#changed = true;
    });
  }

  /** Drops what is older than the windows that end at `at`. */
  moveTo(at: number): void {
    this.#attributes.forEach((attribute, index) => {
      const first = firstBucket(attribute, at);
      const buckets = this.#buckets[index];
      for (const bucket of buckets?.keys() ?? []) {
        if (bucket >= first) continue;
        buckets?.delete(bucket);
        this.#changed = true;
      }
    });
  }

  /** The attributes as they stand. */
  values(): JsonObject {
    const out: Record<string, JsonValue> = {};
    this.#attributes.forEach((attribute, index) => {
      const value = valueOf(attribute, [...(this.#buckets[index]?.values() ?? [])]);
      if (value !== undefined) out[attribute.definition.name] = value;
    });
    return Object.keys(out).length === 0 ? {} : { [COMPUTED_DATASET]: out };
  }

  /** The first moment after `at` at which a bucket leaves its window. */
  nextChangeAt(): number | undefined {
    let next = Infinity;
    this.#attributes.forEach((attribute, index) => {
      const { bucket, lookBack } = attribute;
      for (const held of this.#buckets[index]?.keys() ?? []) {
        next = Math.min(next, (held + 1) * bucket + Math.ceil(lookBack / bucket) * bucket);
      }
    });
    return next === Infinity ? undefined : next;
  }

  /** The fragment to keep; `before` itself when nothing changed, undefined when there is nothing to keep. */
  fragment(owner: IdentityKey, before: Fragment | undefined): Fragment | undefined {
    if (!this.#changed && before?.owner === owner) return before;
    const state: Record<string, JsonValue> = {};
    this.#attributes.forEach(({ definition: { name } }, index) => {
      const buckets = this.#buckets[index];
      if (buckets === undefined || buckets.size === 0) return;
      state[name] = [...buckets].sort(([a], [b]) => a - b) as unknown as JsonValue;
    });
    if (Object.keys(state).length === 0) return undefined;
    return { datasetId: COMPUTED_DATASET, owner, body: this.values(), at: this.#at, state };
  }
}

/** Windows begin on whole buckets: the oldest one that still counts at `at`. */
function firstBucket({ bucket, lookBack }: PreparedAttribute, at: number): number {
  return Math.floor(at / bucket) - Math.ceil(lookBack / bucket);
}

function joined({ definition }: PreparedAttribute, held: Held | undefined, dated: Dated): Held | undefined {
  const [, , value] = dated;
  const number = typeof held === "number" ? held : undefined;
  switch (definition.function) {
    case "count":
      return (number ?? 0) + 1;
    case "sum":
      return typeof value === "number" ? (number ?? 0) + value : undefined;
    case "min":
      return typeof value === "number" ? Math.min(number ?? Infinity, value) : undefined;
    case "max":
      return typeof value === "number" ? Math.max(number ?? -Infinity, value) : undefined;
    case "mostRecent":
      return latest([dated, ...(Array.isArray(held) ? (held as readonly Dated[]) : [])], 1);
    case "list":
      return latest(
        [dated, ...(Array.isArray(held) ? (held as readonly Dated[]) : [])],
        definition.most ?? MOST,
      );
  }
}

const MOST = 10;

/** The latest different values, latest first. */
function latest(values: readonly Dated[], most: number): readonly Dated[] {
  const seen = new Set<Scalar>();
  return values
    .toSorted((a, b) => b[0] - a[0] || compareKeys(b[1], a[1]))
    .filter(([, , value]) => seen.size !== seen.add(value).size)
    .slice(0, most);
}

function valueOf({ definition }: PreparedAttribute, held: readonly Held[]): JsonValue | undefined {
  if (held.length === 0) return undefined;
  const numbers = held.filter((one) => typeof one === "number");
  switch (definition.function) {
    case "count":
    case "sum":
      return { value: numbers.reduce((sum, one) => sum + one, 0) };
    case "min":
      return { value: Math.min(...numbers) };
    case "max":
      return { value: Math.max(...numbers) };
    case "mostRecent": {
      const [last] = latest(
        held.flatMap((one) => (typeof one === "number" ? [] : one)),
        1,
      );
      return last === undefined ? undefined : { value: last[2], timestamp: formatInstant(last[0]) };
    }
    case "list": {
      const values = latest(
        held.flatMap((one) => (typeof one === "number" ? [] : one)),
        definition.most ?? MOST,
      );
      return { value: values.map(([, , value]) => value) };
    }
  }
}

/** Attributes with those that are computed laid over them. */
export function withComputed(attributes: JsonObject, computed: JsonObject): JsonObject {
  const { [COMPUTED_DATASET]: _before, ...rest } = attributes;
  return isObject(computed[COMPUTED_DATASET]) ? { ...rest, ...computed } : rest;
}

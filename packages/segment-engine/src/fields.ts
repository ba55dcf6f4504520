import type { Pql } from "./ast.ts";
import { readsOf } from "./event-reads.ts";

/** What the audiences of a plan read, so that a caller can carry just that (to an edge, into columns). */
export interface PlanFields {
  /** Dotted paths of attributes, in order; `*` means the whole profile. A path stands for all beneath it. */
  readonly attributes: readonly string[];
  /** Dotted paths within an event, in order; `*` means whole events. `timestamp` is there whenever events are read. */
  readonly events: readonly string[];
  readonly readsEvents: boolean;
  /** The longest look-back into events in milliseconds: `undefined` when events of any age can count, 0 without events. */
  readonly lookBack: number | undefined;
}

/** Collects what several expressions read. `consents` is always read, for `excludeOptOut`. */
export function readFields(expressions: readonly Pql[]): PlanFields {
  const attributes = new Set(["consents"]);
  const events = new Set<string>();
  let lookBack: number | undefined = 0;
  let readsEvents = false;
  for (const expression of expressions) {
    const reads = readsOf(expression);
    for (const path of reads.attributes) attributes.add(path);
    for (const path of reads.events) events.add(path);
    readsEvents ||= reads.uses.length > 0 || reads.events.size > 0;
    const unlimited = reads.uses.length === 0 && reads.events.size > 0;
    if (unlimited || reads.uses.some((use) => use.lookBack === undefined)) lookBack = undefined;
    else if (lookBack !== undefined)
      lookBack = Math.max(lookBack, ...reads.uses.map((use) => use.lookBack ?? 0));
  }
  if (readsEvents) events.add("timestamp");
  return {
    attributes: withoutCovered(attributes),
    events: withoutCovered(events),
    readsEvents,
    lookBack: readsEvents ? lookBack : 0,
  };
}

/** Drops the paths that a shorter one covers. */
export function withoutCovered(paths: ReadonlySet<string>): readonly string[] {
  if (paths.has("*")) return ["*"];
  return [...paths]
    .filter((path) => {
      const parts = path.split(".");
      return !parts.some((_, length) => length > 0 && paths.has(parts.slice(0, length).join(".")));
    })
    .sort();
}

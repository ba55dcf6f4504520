import type { Pql } from "../ast.ts";
import type { Code, Run } from "../evaluate/code.ts";
import type { Window } from "./window.ts";

/** A condition on attributes only, which time does not change. `path` is the one attribute that decides it. */
export interface AttributeLeaf {
  readonly kind: "attribute";
  readonly path: readonly string[] | undefined;
  /** All paths it reads, dotted. */
  readonly reads: readonly string[];
  readonly node: Pql | "refuses";
  readonly code: Code | undefined;
}

/** At least `least` events fulfil a condition within a window. */
export interface CountLeaf {
  readonly kind: "count";
  readonly condition: number;
  readonly least: number;
  readonly window: Window | undefined;
}

/** A fold of a value over the events that fulfil a condition within a window, against a number. */
export interface FoldLeaf {
  readonly kind: "fold";
  readonly condition: number;
  readonly value: FoldedValue;
  readonly fn: "sum" | "average";
  readonly window: Window | undefined;
  readonly holds: (folded: number) => boolean;
}

/** A value of an event. With `spread` a list counts as its items. */
export interface FoldedValue {
  readonly key: string;
  readonly node: Pql;
  readonly code: Code;
  readonly slot: number;
  readonly spread: boolean;
}

/** One event of a sequence: its condition, how recent it must be, and how soon after the one before. */
export interface SequenceStep {
  readonly condition: number;
  readonly window: Window | undefined;
  /** The earliest that the event before may lie, for an event at `time`. */
  readonly earliest: ((time: number) => number) | undefined;
  /** When `earliest` is a fixed length before the event: that length. */
  readonly back?: number;
}

/** Events in strict order of time; none of the `never` conditions is fulfilled after the last of them. */
export interface SequenceLeaf {
  readonly kind: "sequence";
  readonly steps: readonly SequenceStep[];
  readonly never: readonly number[];
}

/** Something that time or memberships decided elsewhere change, without events. */
export interface ClockLeaf {
  readonly kind: "clock";
  readonly code: Code;
  readonly reads: readonly string[];
}

/** Something that can only be worked out over all events. */
export interface HistoryLeaf {
  readonly kind: "history";
  /** The code of the condition; of a whole audience, its id: the plan itself decides. */
  readonly decide: Run | { readonly audience: string };
  readonly reason: string;
}

/** What cannot be taken apart further by and, or, not. */
export type Leaf = AttributeLeaf | CountLeaf | FoldLeaf | SequenceLeaf | ClockLeaf | HistoryLeaf;

import type { JsonObject } from "@tessera/xdm";
import type { EvaluationContext } from "../evaluate/context.ts";
import { truth } from "../evaluate/values.ts";
import {
  type Branch,
  conditionsOf,
  type Entry,
  type EventCondition,
  EventDispatch,
  type Tree,
  valueOf,
} from "./dispatch.ts";

/** Events that have the same values wherever conditions ask for equality. */
export interface EventKind<Own> {
  /** What is to be done for the conditions that all of them fulfil. */
  readonly own: Own;
  /** Whether an event may fulfil more conditions: `more` tells what is to be done for each. */
  readonly open: boolean;
  readonly tested: readonly Entry[];
}

/** A place on the way from an event's fields to its kind: a field to look up, or else the kind. */
interface Junction<Own> {
  readonly kind: EventKind<Own> | undefined;
  readonly branch: Branch | undefined;
  /** What is left to look at, and what was found on the way. */
  readonly rest: readonly Tree[];
  readonly accepted: readonly number[];
  readonly tested: readonly Entry[];
  /** Where the values lead that conditions ask for; any other leads to `otherwise`. Made at the first visit. */
  next: ReadonlyMap<unknown, Junction<Own>> | undefined;
  otherwise: Junction<Own> | undefined;
}

/** How many junctions there are at most: conditions on many different fields would make too many. */
const JUNCTIONS = 16_384;

/**
 * Tells the kind of an event by looking its fields up, one after the other. What is to be done for all conditions
 * that a kind fulfils is put together once, in the form of whoever asks. Junctions are made as events come that pass
 * them.
 */
export class EventKinds<Own> {
  readonly #context: EvaluationContext;
  readonly #dispatch: EventDispatch;
  readonly #ownOf: (conditions: readonly number[]) => Own;
  readonly #kinds = new Map<string, EventKind<Own>>();
  readonly #singles = new Map<number, Own>();
  /** Of events for which no more junctions are made. */
  readonly #spilled: EventKind<Own>;
  readonly #root: Junction<Own>;
  readonly #limit: number;
  #size = 0;

  /** `ownOf` gives what is to be done for an event that fulfils these conditions. */
  constructor(
    conditions: readonly EventCondition[],
    context: EvaluationContext,
    ownOf: (conditions: readonly number[]) => Own,
    limit: number = JUNCTIONS,
  ) {
    this.#context = context;
    this.#dispatch = new EventDispatch(conditions, context);
    this.#ownOf = ownOf;
    this.#limit = limit;
    this.#spilled = { own: ownOf([]), open: true, tested: [] };
    this.#root = this.#junction([this.#dispatch.tree], [], []);
  }

  /** The conditions in an order in which those that one event fulfils are near each other. */
  get order(): readonly number[] {
    return conditionsOf(this.#dispatch.tree);
  }

  /** The kind of an event. */
  of(event: JsonObject): EventKind<Own> {
    let at = this.#root;
    while (at.branch !== undefined) {
      const next = at.next ?? this.#grow(at, at.branch);
      const to = next?.get(valueOf(at.branch, event)) ?? at.otherwise;
      if (to === undefined) return this.#spilled;
      at = to;
    }
    return at.kind ?? this.#spilled;
  }

  /** What is to be done for each condition that an event of an open kind fulfils besides. */
  more(kind: EventKind<Own>, event: JsonObject): readonly Own[] {
    if (kind === this.#spilled) {
      const count = this.#dispatch.match(event);
      return Array.from(this.#dispatch.found.subarray(0, count), (number) => this.#single(number));
    }
    const found: Own[] = [];
    this.#context.generation++;
    for (const { number, slot, code } of kind.tested) {
      this.#context.env[slot] = event;
      if (truth(code.run(this.#context))) found.push(this.#single(number));
    }
    return found;
  }

  #single(condition: number): Own {
    const known = this.#singles.get(condition);
    if (known !== undefined) return known;
    const own = this.#ownOf([condition]);
    this.#singles.set(condition, own);
    return own;
  }

  #junction(
    trees: readonly Tree[],
    before: readonly number[],
    testedBefore: readonly Entry[],
  ): Junction<Own> {
    this.#size++;
    const rest = [...trees];
    const accepted = [...before];
    const tested = [...testedBefore];
    let branch: Branch | undefined;
    while (branch === undefined) {
      const tree = rest.shift();
      if (tree === undefined) break;
      accepted.push(...tree.accepted);
      tested.push(...tree.tested);
      branch = tree.branch;
    }
    const kind = branch === undefined ? this.#kind(accepted, tested) : undefined;
    return { kind, branch, rest, accepted, tested, next: undefined, otherwise: undefined };
  }

  /** Makes where the values of a junction lead, unless there are too many junctions by now. */
  #grow(at: Junction<Own>, branch: Branch): Junction<Own>["next"] {
    if (this.#size + branch.byValue.size >= this.#limit) return undefined;
    const after = branch.rest === undefined ? at.rest : [branch.rest, ...at.rest];
    const next = new Map<unknown, Junction<Own>>();
    for (const [value, tree] of branch.byValue)
      next.set(value, this.#junction([tree, ...after], at.accepted, at.tested));
    at.otherwise = this.#junction(after, at.accepted, at.tested);
    at.next = next;
    return next;
  }

  #kind(accepted: readonly number[], tested: readonly Entry[]): EventKind<Own> {
    const conditions = accepted.toSorted((a, b) => a - b);
    const key = `${conditions.join()} ${tested.map(({ number }) => number).join()}`;
    const known = this.#kinds.get(key);
    if (known !== undefined) return known;
    const kind = { own: this.#ownOf(conditions), open: tested.length > 0, tested };
    this.#kinds.set(key, kind);
    return kind;
  }
}

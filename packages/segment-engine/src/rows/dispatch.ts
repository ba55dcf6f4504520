import type { ExperienceEvent, JsonObject } from "@tessera/xdm";
import type { Pql } from "../ast.ts";
import type { Code } from "../evaluate/code.ts";
import type { EvaluationContext } from "../evaluate/context.ts";
import { fieldOf, truth } from "../evaluate/values.ts";
import { equalityOf } from "./item-condition.ts";

/** A distinct condition on one event. Its number is its place in the list of conditions. */
export interface EventCondition {
  readonly parts: readonly Pql[];
  /** The slot in which the code expects the event. */
  readonly slot: number;
  readonly code: Code;
}

/** Between the names of a path: no field name holds it. */
const SEPARATOR = "\u0000";

interface Entry {
  readonly number: number;
  readonly code: Code;
  readonly slot: number;
  readonly keys: ReadonlyMap<string, readonly unknown[]>;
  /** Whether fields tested for equality are all there is to it. */
  readonly plain: boolean;
}

interface Branch {
  readonly path: readonly string[];
  readonly byValue: ReadonlyMap<unknown, Tree>;
  readonly rest: Tree;
}

interface Tree {
  readonly accepted: readonly number[];
  readonly tested: readonly Entry[];
  readonly branch: Branch | undefined;
}

/** Finds the conditions an event fulfils by looking its fields up, and tests only those that may hold. */
export class EventDispatch {
  readonly #tree: Tree;
  readonly #context: EvaluationContext;
  /** The conditions found last, in `found[0]` to `found[count - 1]`. */
  readonly found: Int32Array;

  constructor(conditions: readonly EventCondition[], context: EvaluationContext) {
    this.#context = context;
    this.found = new Int32Array(conditions.length);
    this.#tree = grow(conditions.map(entryOf), new Set());
  }

  /** How many conditions the event fulfils; their numbers are in `found`. */
  match(event: ExperienceEvent | JsonObject): number {
    let count = 0;
    const context = this.#context;
    context.generation++;
    const visit = (tree: Tree): void => {
      for (const number of tree.accepted) this.found[count++] = number;
      for (const entry of tree.tested) {
        context.env[entry.slot] = event;
        if (truth(entry.code.run(context))) this.found[count++] = entry.number;
      }
      const { branch } = tree;
      if (branch === undefined) return;
      let value: unknown = event;
      for (const name of branch.path) value = fieldOf(value, name);
      const next = branch.byValue.get(value);
      if (next !== undefined) visit(next);
      visit(branch.rest);
    };
    visit(this.#tree);
    return count;
  }
}

function entryOf(condition: EventCondition, number: number): Entry {
  const keys = new Map<string, readonly unknown[]>();
  let plain = true;
  for (const part of condition.parts) {
    const equality = equalityOf(part);
    const path = equality?.path.join(SEPARATOR) ?? "";
    if (equality === undefined || keys.has(path)) plain = false;
    else keys.set(path, [...new Set(equality.values)]);
  }
  return { number, code: condition.code, slot: condition.slot, keys, plain };
}

function grow(entries: readonly Entry[], used: ReadonlySet<string>): Tree {
  const uses = new Map<string, number>();
  for (const entry of entries) {
    for (const path of entry.keys.keys()) if (!used.has(path)) uses.set(path, (uses.get(path) ?? 0) + 1);
  }
  const [best] = [...uses].sort((a, b) => b[1] - a[1] || (a[0] < b[0] ? -1 : 1));
  if (best === undefined) {
    return {
      accepted: entries.filter((entry) => entry.plain).map((entry) => entry.number),
      tested: entries.filter((entry) => !entry.plain),
      branch: undefined,
    };
  }
  const [path] = best;
  const inner = new Set([...used, path]);
  const byValue = new Map<unknown, Entry[]>();
  const rest: Entry[] = [];
  for (const entry of entries) {
    const values = entry.keys.get(path);
    if (values === undefined) rest.push(entry);
    for (const value of values ?? []) {
      const list = byValue.get(value);
      if (list) list.push(entry);
      else byValue.set(value, [entry]);
    }
  }
  return {
    accepted: [],
    tested: [],
    branch: {
      path: path.split(SEPARATOR),
      byValue: new Map([...byValue].map(([value, list]) => [value, grow(list, inner)])),
      rest: grow(rest, inner),
    },
  };
}

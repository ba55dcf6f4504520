import type { ExperienceEvent, JsonObject } from "@tessera/xdm";
import type { Pql } from "../ast.ts";
import type { Code } from "../evaluate/code.ts";
import type { EvaluationContext } from "../evaluate/context.ts";
import { truth } from "../evaluate/values.ts";
import { fieldAt, type FieldName, fieldName } from "./attribute-reader.ts";
import { equalityOf, foldedEqualityOf } from "./item-condition.ts";

/** A distinct condition on one event. Its number is its place in the list of conditions. */
export interface EventCondition {
  readonly parts: readonly Pql[];
  /** The slot in which the code expects the event. */
  readonly slot: number;
  readonly code: Code;
}

/** Between the names of a path: no field name holds it. */
const SEPARATOR = "\u0000";
/** At the front of a path whose texts are compared without regard to case. */
const FOLDED = "\u0001";

/** A condition with the fields it compares. */
export interface Entry {
  readonly number: number;
  readonly code: Code;
  readonly slot: number;
  readonly keys: ReadonlyMap<string, readonly unknown[]>;
  /** Whether fields tested for equality are all there is to it. */
  readonly plain: boolean;
}

/** A field to look up. */
export interface Branch {
  readonly fields: readonly FieldName[];
  /** The name, when it is one field that can be asked for as it is. */
  readonly name: string | undefined;
  /** Whether the texts of `byValue` are in lower case, and the field's is to be. */
  readonly folded: boolean;
  readonly byValue: ReadonlyMap<unknown, Tree>;
  readonly rest: Tree | undefined;
}

/** Conditions sorted by the fields they compare. */
export interface Tree {
  readonly accepted: readonly number[];
  readonly tested: readonly Entry[];
  readonly branch: Branch | undefined;
}

/** Finds the conditions an event fulfils by looking its fields up, and tests only those that may hold. */
export class EventDispatch {
  readonly tree: Tree;
  readonly #context: EvaluationContext;
  /** The conditions found last, in `found[0]` to `found[count - 1]`. */
  readonly found: Int32Array;
  #count = 0;

  constructor(conditions: readonly EventCondition[], context: EvaluationContext) {
    this.#context = context;
    this.found = new Int32Array(conditions.length);
    this.tree = grow(conditions.map(entryOf), new Set());
  }

  /** How many conditions the event fulfils; their numbers are in `found`. */
  match(event: ExperienceEvent | JsonObject): number {
    this.#count = 0;
    this.#context.generation++;
    this.#visit(this.tree, event);
    return this.#count;
  }

  #visit(tree: Tree, event: JsonObject): void {
    const { accepted, tested, branch } = tree;
    for (let index = 0; index < accepted.length; index++) this.found[this.#count++] = accepted[index] ?? 0;
    for (let index = 0; index < tested.length; index++) {
      const entry = tested[index];
      if (entry === undefined) continue;
      this.#context.env[entry.slot] = event;
      if (truth(entry.code.run(this.#context))) this.found[this.#count++] = entry.number;
    }
    if (branch === undefined) return;
    const next = branch.byValue.get(valueOf(branch, event));
    if (next !== undefined) this.#visit(next, event);
    if (branch.rest !== undefined) this.#visit(branch.rest, event);
  }
}

/** The conditions in the order in which the tree comes by them: those that one event fulfils are near each other. */
export function conditionsOf({ accepted, tested, branch }: Tree): readonly number[] {
  const inner =
    branch === undefined ? [] : [...(branch.rest ? [branch.rest] : []), ...branch.byValue.values()];
  return [...new Set([...accepted, ...tested.map(({ number }) => number), ...inner.flatMap(conditionsOf)])];
}

/** What an event has in the field of a branch. */
export function valueOf(branch: Branch, event: JsonObject): unknown {
  const { name, fields } = branch;
  // By far the most asked for: a field of its own in the code is found where the last event had it.
  let value: unknown = name === "eventType" ? event["eventType"] : name === undefined ? event : event[name];
  if (name === undefined)
    for (let index = 0; index < fields.length; index++) value = fieldAt(value, fields[index]);
  if (branch.folded) return typeof value === "string" ? value.toLowerCase() : undefined;
  return value;
}

function entryOf(condition: EventCondition, number: number): Entry {
  const keys = new Map<string, readonly unknown[]>();
  let plain = true;
  for (const part of condition.parts) {
    const exact = equalityOf(part);
    const equality = exact ?? foldedEqualityOf(part);
    const path = `${exact === undefined ? FOLDED : ""}${equality?.path.join(SEPARATOR) ?? ""}`;
    if (equality === undefined || keys.has(path)) plain = false;
    else keys.set(path, [...new Set<unknown>(equality.values)]);
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
  const folded = path.startsWith(FOLDED);
  const fields = (folded ? path.slice(1) : path).split(SEPARATOR).map(fieldName);
  const [field] = fields;
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
      fields,
      name: fields.length === 1 && field?.plain === true ? field.name : undefined,
      folded,
      byValue: new Map([...byValue].map(([value, list]) => [value, grow(list, inner)])),
      rest: rest.length === 0 ? undefined : grow(rest, inner),
    },
  };
}

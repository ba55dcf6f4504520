import type { JsonObject } from "@tessera/xdm";
import type { Pql } from "../ast.ts";
import { refuses } from "../consent.ts";
import type { EvaluationContext } from "../evaluate/context.ts";
import { TEXT_TESTS } from "../evaluate/text.ts";
import { fieldOf, truth } from "../evaluate/values.ts";
import { equalityOf, foldedEqualityOf, plainPath } from "./item-condition.ts";
import type { AttributeLeaf, Leaf } from "./leaf.ts";
import { type LeafSets, PASSING } from "./leaf-sets.ts";

/** How many values of a path are remembered with the conditions that hold for them. */
const REMEMBERED = 8_192;

/** The conditions on one path, found by its value. */
export interface AttributeGroup {
  readonly path: readonly string[] | undefined;
  /** Dotted paths it reads. */
  readonly reads: readonly string[];
  /** Its leaves are `first` to `end - 1`. */
  readonly first: number;
  readonly end: number;
  /** Whether nothing but the value at the path is looked at: then `setFor` needs no attributes. */
  readonly direct: boolean;
  /** The set of the leaves that hold, by the value at the path. */
  setFor(value: unknown, attributes: JsonObject): number;
  /** The same, where the value is still to be read. */
  setOf(attributes: JsonObject): number;
}

/** Groups the leaves on attributes by path. Leaves of one path are neighbours already. Which hold is put into `sets`. */
export function attributeGroups(
  leaves: readonly Leaf[],
  context: EvaluationContext,
  sets: LeafSets,
): readonly AttributeGroup[] {
  const groups: AttributeGroup[] = [];
  let first = 0;
  while (first < leaves.length) {
    const leaf = leaves[first];
    if (leaf?.kind !== "attribute") break;
    let end = first + 1;
    const path = leaf.path?.join("\u0000");
    while (end < leaves.length && path !== undefined) {
      const next = leaves[end];
      if (next?.kind !== "attribute" || next.path?.join("\u0000") !== path) break;
      end++;
    }
    groups.push(new Group(leaves.slice(first, end) as AttributeLeaf[], first, { context, sets }));
    first = end;
  }
  return groups;
}

/** The value at a path. */
function valueAt(attributes: JsonObject, path: readonly string[]): unknown {
  let value: unknown = attributes;
  for (const name of path) {
    value = fieldOf(value, name);
    if (value === undefined) return undefined;
  }
  return value;
}

class Group implements AttributeGroup {
  readonly path: readonly string[] | undefined;
  readonly reads: readonly string[];
  readonly first: number;
  readonly end: number;
  readonly direct: boolean;
  readonly #context: EvaluationContext;
  readonly #sets: LeafSets;
  readonly #tests: readonly Test[];
  readonly #cuts: Float64Array | undefined;
  /** The sets that are known already: by the interval a number lies in (0: not yet), and by value. */
  readonly #byInterval: Int32Array;
  readonly #byValue = new Map<unknown, number>();

  constructor(
    leaves: readonly AttributeLeaf[],
    first: number,
    { context, sets }: { readonly context: EvaluationContext; readonly sets: LeafSets },
  ) {
    this.path = leaves[0]?.path;
    this.first = first;
    this.end = first + leaves.length;
    this.reads = [...new Set(leaves.flatMap((one) => one.reads))];
    this.direct =
      this.path !== undefined &&
      leaves.every(({ node }) => node !== "refuses" && directTest(node) !== undefined);
    this.#context = context;
    this.#sets = sets;
    this.#tests = leaves.map((one) => testOf(one, context));
    this.#cuts = this.path && cutsOf(leaves);
    this.#byInterval = new Int32Array(2 * (this.#cuts?.length ?? 0) + 1);
  }

  setOf(attributes: JsonObject): number {
    return this.setFor(this.path && valueAt(attributes, this.path), attributes);
  }

  setFor(value: unknown, attributes: JsonObject): number {
    if (typeof value === "number" && this.#cuts !== undefined && value === value) {
      const interval = intervalOf(this.#cuts, value);
      const known = this.#byInterval[interval] ?? 0;
      if (known !== 0) return known;
      return (this.#byInterval[interval] = this.#sets.keep(this.#holding(value, attributes)));
    }
    if (this.path === undefined || (typeof value === "object" && value !== null))
      return this.#sets.pass(this.#holding(value, attributes));
    const known = this.#byValue.get(value);
    if (known !== undefined) return known;
    const holding = this.#holding(value, attributes);
    if (this.#byValue.size >= REMEMBERED) return this.#sets.pass(holding);
    const set = this.#sets.keep(holding);
    if (set !== PASSING) this.#byValue.set(value, set);
    return set;
  }

  #holding(value: unknown, attributes: JsonObject): readonly number[] {
    this.#context.attributes = attributes;
    this.#context.generation++;
    const found: number[] = [];
    for (let index = 0; index < this.#tests.length; index++)
      if (this.#tests[index]?.(attributes, value) === true) found.push(this.first + index);
    return found;
  }
}

type Test = (attributes: JsonObject, value: unknown) => boolean;

function testOf(leaf: AttributeLeaf, context: EvaluationContext): Test {
  const { node, code } = leaf;
  if (node === "refuses") return (attributes) => refuses(attributes);
  const direct = leaf.path && directTest(node);
  if (direct) return (_attributes, value) => direct(value);
  return code === undefined ? () => false : () => truth(code.run(context));
}

/** Common tests of a text or number, without the way through the person; they mean what the compiled code means. */
function directTest(node: Pql): ((value: unknown) => boolean) | undefined {
  const equality = equalityOf(node);
  if (equality !== undefined) {
    const values = new Set<unknown>(equality.values);
    return (value) => values.has(value);
  }
  const folded = foldedEqualityOf(node);
  if (folded !== undefined) {
    const values = new Set(folded.values);
    return (value) => typeof value === "string" && values.has(value.toLowerCase());
  }
  if (node.kind !== "call" || node.args.length !== 2) return undefined;
  const [field, sought] = node.args;
  const spec = TEXT_TESTS[node.name];
  if (spec === undefined || field === undefined || plainPath(field) === undefined) return undefined;
  if (sought?.kind !== "literal" || typeof sought.value !== "string") return undefined;
  const text = sought.value;
  return (value) => typeof value === "string" && spec.test(value, text) !== spec.negative;
}

/** The numbers at which a condition on the path can change; `undefined` when one is not about order alone. */
function cutsOf(leaves: readonly AttributeLeaf[]): Float64Array | undefined {
  const cuts = new Set<number>();
  for (const { node } of leaves) {
    if (node === "refuses") return undefined;
    const equality = equalityOf(node);
    if (equality !== undefined) {
      for (const value of equality.values) if (typeof value === "number") cuts.add(value);
      continue;
    }
    if (node.kind === "call" && (TEXT_TESTS[node.name] !== undefined || foldedEqualityOf(node))) continue;
    if (node.kind !== "compare") return undefined;
    const bound = [node.left, node.right].find((side) => side.kind === "literal");
    const field = [node.left, node.right].find((side) => plainPath(side) !== undefined);
    if (bound?.kind !== "literal" || field === undefined) return undefined;
    if (typeof bound.value === "number") cuts.add(bound.value);
  }
  return Float64Array.from(cuts).sort();
}

/** 2i for the numbers before cut i (after cut i - 1), 2i + 1 for the cut itself. */
function intervalOf(cuts: Float64Array, value: number): number {
  let low = 0;
  let high = cuts.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((cuts[middle] ?? 0) < value) low = middle + 1;
    else high = middle;
  }
  return cuts[low] === value ? 2 * low + 1 : 2 * low;
}

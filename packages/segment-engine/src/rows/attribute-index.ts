import type { JsonObject } from "@tessera/xdm";
import type { Pql } from "../ast.ts";
import { refuses } from "../consent.ts";
import type { EvaluationContext } from "../evaluate/context.ts";
import { TEXT_TESTS } from "../evaluate/text.ts";
import { fieldOf, truth } from "../evaluate/values.ts";
import { equalityOf, foldedEqualityOf, plainPath } from "./item-condition.ts";
import type { AttributeLeaf, Leaf } from "./leaf.ts";

/** How many values of a path are remembered with the conditions that hold for them. */
const REMEMBERED = 8_192;

const NONE: Int32Array = new Int32Array(0);

/** The conditions on one path, found by its value. */
export interface AttributeGroup {
  readonly path: readonly string[] | undefined;
  /** Dotted paths it reads. */
  readonly reads: readonly string[];
  /** Its leaves are `first` to `end - 1`. */
  readonly first: number;
  readonly end: number;
  /** The numbers of the leaves that hold. Only valid until the next call. */
  readonly holding: (attributes: JsonObject) => Int32Array;
  /** Whether nothing but the value at the path is looked at: then `holdingFor` needs no attributes. */
  readonly direct: boolean;
  /** The same for a value of the path that is no object; the answer stays valid. */
  readonly holdingFor: (value: unknown, attributes: JsonObject) => Int32Array;
}

/** Groups the leaves on attributes by path. Leaves of one path are neighbours already. */
export function attributeGroups(
  leaves: readonly Leaf[],
  context: EvaluationContext,
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
    groups.push(groupOf(leaves.slice(first, end) as AttributeLeaf[], first, context));
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

function groupOf(
  leaves: readonly AttributeLeaf[],
  first: number,
  context: EvaluationContext,
): AttributeGroup {
  const [leaf] = leaves;
  const path = leaf?.path;
  const end = first + leaves.length;
  const reads = [...new Set(leaves.flatMap((one) => one.reads))];
  const tests = leaves.map((one) => testOf(one, context));
  const direct =
    path !== undefined && leaves.every(({ node }) => node !== "refuses" && directTest(node) !== undefined);
  const slow = (attributes: JsonObject, value: unknown): Int32Array => {
    context.attributes = attributes;
    context.generation++;
    const found: number[] = [];
    for (let index = 0; index < tests.length; index++)
      if (tests[index]?.(attributes, value) === true) found.push(first + index);
    return found.length === 0 ? NONE : Int32Array.from(found);
  };
  if (path === undefined) {
    const holdingFor = (_value: unknown, attributes: JsonObject): Int32Array => slow(attributes, undefined);
    return {
      path,
      reads,
      first,
      end,
      direct,
      holding: (attributes) => slow(attributes, undefined),
      holdingFor,
    };
  }
  const cuts = cutsOf(leaves);
  const byInterval: (Int32Array | undefined)[] = [];
  const known = new Map<unknown, Int32Array>();
  const holdingFor = (value: unknown, attributes: JsonObject): Int32Array => {
    if (typeof value === "number" && cuts !== undefined && value === value) {
      const interval = intervalOf(cuts, value);
      return (byInterval[interval] ??= slow(attributes, value));
    }
    if (typeof value === "object" && value !== null) return slow(attributes, value);
    const found = known.get(value);
    if (found !== undefined) return found;
    const holding = slow(attributes, value);
    if (known.size < REMEMBERED) known.set(value, holding);
    return holding;
  };
  const holding = (attributes: JsonObject): Int32Array => holdingFor(valueAt(attributes, path), attributes);
  return { path, reads, first, end, direct, holding, holdingFor };
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

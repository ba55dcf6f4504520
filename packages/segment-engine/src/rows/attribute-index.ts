import type { JsonObject } from "@tessera/xdm";
import type { Pql } from "../ast.ts";
import { refuses } from "../consent.ts";
import type { EvaluationContext } from "../evaluate/context.ts";
import { TEXT_TESTS, type TextTest } from "../evaluate/text.ts";
import { fieldOf, truth } from "../evaluate/values.ts";
import { equalityOf, foldedEqualityOf, plainPath } from "./item-condition.ts";
import type { AttributeLeaf, Leaf } from "./leaf.ts";
import { type LeafSets, PASSING } from "./leaf-sets.ts";
import { type SoughtText, TextFinder } from "./text-finder.ts";

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
  /** The set of the leaves that hold, by the value at the path. */
  setFor(value: unknown, attributes: JsonObject): number;
  /** The same, where the value is still to be read. */
  setOf(attributes: JsonObject): number;
  /**
   * The same as a set that stays, for a text, number or boolean that will not be asked for again: nothing is remembered
   * of it. Only where there is a path.
   */
  keptFor(value: unknown): number;
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
  /** Whether nothing but the value at the path is looked at. */
  readonly #direct: boolean;
  readonly #context: EvaluationContext;
  readonly #sets: LeafSets;
  readonly #tests: readonly Test[];
  readonly #texts: SoughtTexts | undefined;
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
    this.#direct =
      this.path !== undefined &&
      leaves.every(({ node }) => node !== "refuses" && directTest(node) !== undefined);
    this.#context = context;
    this.#sets = sets;
    this.#tests = leaves.map((one) => testOf(one, context));
    this.#texts = this.#direct ? soughtTexts(leaves) : undefined;
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

  keptFor(value: unknown): number {
    if (typeof value === "number" && this.#cuts !== undefined && value === value) {
      const known = this.#byInterval[intervalOf(this.#cuts, value)] ?? 0;
      return known === 0 ? this.setFor(value, this.#alone(value)) : known;
    }
    return this.#sets.keep(this.#holding(value, this.#direct ? NOTHING : this.#alone(value)));
  }

  /** A person of whom nothing else is known. */
  #alone(value: unknown): JsonObject {
    const names = this.path ?? [];
    return names.reduceRight<unknown>((inner, name) => ({ [name]: inner }), value) as JsonObject;
  }

  #holding(value: unknown, attributes: JsonObject): readonly number[] {
    if (this.#texts !== undefined && typeof value === "string") return this.#holdingText(this.#texts, value);
    this.#context.attributes = attributes;
    this.#context.generation++;
    const found: number[] = [];
    for (let index = 0; index < this.#tests.length; index++)
      if (this.#tests[index]?.(attributes, value) === true) found.push(this.first + index);
    return found;
  }

  /** For a text, where texts within texts are looked for: all at once. */
  #holdingText({ finder, place, negative }: SoughtTexts, value: string): readonly number[] {
    finder.find(value);
    const { found } = finder;
    const holding: number[] = [];
    for (let index = 0; index < place.length; index++) {
      const own = place[index] ?? -1;
      const holds = own < 0 ? this.#tests[index]?.(NOTHING, value) : found[own] !== negative[index];
      if (holds === true) holding.push(this.first + index);
    }
    return holding;
  }
}

const NOTHING: JsonObject = {};

/** Tests of leaves that look for a text in another. */
interface SoughtTexts {
  readonly finder: TextFinder;
  /** For each leaf its place among the sought texts, -1 when it is another test; and 1 when the text must not be there. */
  readonly place: Int32Array;
  readonly negative: Uint8Array;
}

/** So many texts at least are looked for all at once. */
const MANY_TEXTS = 4;

function soughtTexts(leaves: readonly AttributeLeaf[]): SoughtTexts | undefined {
  const place = new Int32Array(leaves.length).fill(-1);
  const negative = new Uint8Array(leaves.length);
  const sought: SoughtText[] = [];
  leaves.forEach(({ node }, index) => {
    const test = node === "refuses" ? undefined : textTest(node);
    if (test === undefined || test.text === "" || test.name.endsWith("EndWith") || test.name === "endsWith")
      return;
    const { negative: isNegative, text, name } = test;
    place[index] =
      sought.push({ text, atBeginning: name === "startsWith" || name === "doesNotStartWith" }) - 1;
    negative[index] = isNegative ? 1 : 0;
  });
  const finder = sought.length < MANY_TEXTS ? undefined : TextFinder.of(sought);
  return finder && { finder, place, negative };
}

/** A test of the plain field against a given text. */
function textTest(
  node: Pql,
):
  | { readonly name: string; readonly test: TextTest; readonly negative: boolean; readonly text: string }
  | undefined {
  if (node.kind !== "call" || node.args.length !== 2) return undefined;
  const [field, sought] = node.args;
  const spec = TEXT_TESTS[node.name];
  if (spec === undefined || field === undefined || plainPath(field) === undefined) return undefined;
  if (sought?.kind !== "literal" || typeof sought.value !== "string") return undefined;
  return { name: node.name, ...spec, text: sought.value };
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
  const sought = textTest(node);
  if (sought === undefined) return undefined;
  const { test, negative, text } = sought;
  return (value) => typeof value === "string" && test(value, text) !== negative;
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

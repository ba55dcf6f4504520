import type { Issue } from "@tessera/xdm";

/** A boolean combination of leaves: what trait and segment rules have in common. */
export type BooleanRule<Leaf> =
  | { readonly kind: "and" | "or"; readonly rules: readonly BooleanRule<Leaf>[] }
  | { readonly kind: "not"; readonly rule: BooleanRule<Leaf> }
  | { readonly kind: "leaf"; readonly leaf: Leaf };

/** One piece of a rule text. `column` counts from 1. */
export interface RuleToken {
  readonly kind: "text" | "word" | "sign" | "end";
  readonly value: string;
  readonly column: number;
}

const TOKEN = /("(?:[^"\\]|\\.)*")|([\p{L}\p{N}_.\-$]+)|(==|!=|>=|<=|=>|=<|[><=(),[\]])|(\S)/gu;
const MAX_LENGTH = 32_000;
const MAX_DEPTH = 64;

/** A rule that cannot be read; thrown inside this folder only and turned into an issue at its door. */
export class RuleError extends Error {
  readonly issue: Issue;

  constructor(column: number, expected: string) {
    super(expected);
    this.issue = {
      code: "aam.rule.syntax",
      line: 1,
      column,
      expected,
      message: `Column ${column}: expected ${expected}. Correct the rule and save it again.`,
    };
  }
}

/** Reads a rule text as a boolean combination; `leaf` reads one condition at the reader's place. */
export class RuleReader {
  readonly #tokens: readonly RuleToken[];
  #index = 0;
  #depth = 0;

  constructor(text: string) {
    if (text.length > MAX_LENGTH) throw new RuleError(MAX_LENGTH + 1, `at most ${MAX_LENGTH} characters`);
    this.#tokens = tokens(text);
  }

  peek(): RuleToken {
    return this.#tokens[this.#index] ?? { kind: "end", value: "", column: 1 };
  }

  take(): RuleToken {
    const token = this.peek();
    if (token.kind !== "end") this.#index += 1;
    return token;
  }

  /** Takes the next token if it is this sign or keyword (any case). */
  accept(value: string): boolean {
    const { kind, value: came } = this.peek();
    if (kind === "text" || came.toUpperCase() !== value) return false;
    this.take();
    return true;
  }

  expect(value: string): void {
    if (!this.accept(value)) throw new RuleError(this.peek().column, `"${value}"`);
  }

  /** A whole rule: OR binds weakest, then AND, then NOT; brackets as usual. */
  rule<Leaf>(leaf: () => Leaf): BooleanRule<Leaf> {
    const rule = this.#or(leaf);
    if (this.peek().kind !== "end") throw new RuleError(this.peek().column, "AND, OR or the end of the rule");
    return rule;
  }

  #or<Leaf>(leaf: () => Leaf): BooleanRule<Leaf> {
    const rules = [this.#and(leaf)];
    while (this.accept("OR")) rules.push(this.#and(leaf));
    return joined("or", rules);
  }

  #and<Leaf>(leaf: () => Leaf): BooleanRule<Leaf> {
    const rules = [this.#unary(leaf)];
    for (;;) {
      // `a AND NOT b` is also written `a NOT b` in segment rules.
      if (this.accept("AND") || this.peek().value.toUpperCase() === "NOT") rules.push(this.#unary(leaf));
      else return joined("and", rules);
    }
  }

  #unary<Leaf>(leaf: () => Leaf): BooleanRule<Leaf> {
    this.#depth += 1;
    if (this.#depth > MAX_DEPTH)
      throw new RuleError(this.peek().column, `at most ${MAX_DEPTH} levels of brackets`);
    const rule = this.#operand(leaf);
    this.#depth -= 1;
    return rule;
  }

  #operand<Leaf>(leaf: () => Leaf): BooleanRule<Leaf> {
    if (this.accept("NOT")) return { kind: "not", rule: this.#unary(leaf) };
    if (!this.accept("(")) return { kind: "leaf", leaf: leaf() };
    const rule = this.#or(leaf);
    this.expect(")");
    return rule;
  }
}

function joined<Leaf>(kind: "and" | "or", rules: readonly BooleanRule<Leaf>[]): BooleanRule<Leaf> {
  const [only] = rules;
  return rules.length === 1 && only !== undefined ? only : { kind, rules };
}

function tokens(text: string): readonly RuleToken[] {
  const found: RuleToken[] = [];
  for (const match of text.matchAll(TOKEN)) {
    const column = match.index + 1;
    const [, quoted, word, sign] = match;
    if (quoted !== undefined)
      found.push({ kind: "text", value: quoted.slice(1, -1).replace(/\\(.)/gsu, "$1"), column });
    else if (word !== undefined) found.push({ kind: "word", value: word, column });
    else if (sign !== undefined) found.push({ kind: "sign", value: sign, column });
    else throw new RuleError(column, "a key, a value, an operator or a bracket");
  }
  found.push({ kind: "end", value: "", column: text.length + 1 });
  return found;
}

/** The leaves of a rule, in order. */
export function leavesOf<Leaf>(rule: BooleanRule<Leaf>): readonly Leaf[] {
  switch (rule.kind) {
    case "leaf":
      return [rule.leaf];
    case "not":
      return leavesOf(rule.rule);
    default:
      return rule.rules.flatMap(leavesOf);
  }
}

/** The rule as PQL text, with `leaf` writing each condition. */
export function ruleToPql<Leaf>(rule: BooleanRule<Leaf>, leaf: (leaf: Leaf) => string): string {
  switch (rule.kind) {
    case "leaf":
      return leaf(rule.leaf);
    case "not":
      return `not (${ruleToPql(rule.rule, leaf)})`;
    default:
      return rule.rules.map((part) => `(${ruleToPql(part, leaf)})`).join(` ${rule.kind} `);
  }
}

/** A text as a PQL string literal. */
export function pqlString(text: string): string {
  return JSON.stringify(text);
}

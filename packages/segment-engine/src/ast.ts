/** A unit of time, in the singular. */
export type TimeUnit =
  | "millisecond"
  | "second"
  | "minute"
  | "hour"
  | "day"
  | "week"
  | "month"
  | "year"
  | "decade"
  | "century"
  | "millennium";

/** `before` a time, `after` a time, or `from` it on. */
export type TimeDirection = "before" | "after" | "from";

/** The comparisons. They are never true when a side is missing or the types of the sides differ. */
export type Comparison = "=" | "!=" | "<" | "<=" | ">" | ">=";

/** The operators with two sides that are not comparisons. */
export type Arithmetic = "+" | "-" | "*" | "/" | "%";

/** A literal value. `Integer` and `Double` are told apart by how they are written: `1` and `1.0`. */
export type Literal =
  | { readonly kind: "literal"; readonly type: "String"; readonly value: string }
  | { readonly kind: "literal"; readonly type: "Integer" | "Double"; readonly value: number }
  | { readonly kind: "literal"; readonly type: "Boolean"; readonly value: boolean }
  | { readonly kind: "literal"; readonly type: "Null"; readonly value: null };

/**
 * A PQL expression. Nodes are plain data: two texts that differ only in blanks, brackets and the case of words
 * give equal trees. Where a node stood in its text is kept apart (`positionOf`).
 *
 * - `context` is what field names are looked up in: 0 the innermost list item (or the person), 1 one level further
 *   out (`^`), and so on.
 * - `parameter` is `$1`, `$2`; `variable` a name bound by a lambda, a quantifier, `let` or a step of a chain.
 * - `call` covers every function; a method's receiver is its first argument, `list[condition]` is a call of `filter`.
 */
export type Pql =
  | Literal
  | { readonly kind: "list"; readonly items: readonly Pql[] }
  | { readonly kind: "object"; readonly fields: readonly { readonly name: string; readonly value: Pql }[] }
  | { readonly kind: "context"; readonly levels: number }
  | { readonly kind: "parameter"; readonly position: number }
  | { readonly kind: "variable"; readonly name: string }
  | { readonly kind: "field"; readonly object: Pql; readonly name: string }
  | { readonly kind: "item"; readonly list: Pql; readonly index: number }
  | { readonly kind: "and" | "or"; readonly items: readonly Pql[] }
  | { readonly kind: "not"; readonly operand: Pql }
  | { readonly kind: "negate"; readonly operand: Pql }
  | { readonly kind: "compare"; readonly op: Comparison; readonly left: Pql; readonly right: Pql }
  | { readonly kind: "arithmetic"; readonly op: Arithmetic; readonly left: Pql; readonly right: Pql }
  | { readonly kind: "call"; readonly name: string; readonly args: readonly Pql[] }
  | { readonly kind: "lambda"; readonly params: readonly string[]; readonly body: Pql }
  | { readonly kind: "if"; readonly test: Pql; readonly then: Pql; readonly otherwise: Pql }
  | { readonly kind: "let"; readonly name: string; readonly value: Pql; readonly body: Pql }
  | {
      readonly kind: "quantifier";
      readonly quantifier: Quantifier;
      readonly variables: readonly VariableDeclaration[];
    }
  | { readonly kind: "select"; readonly variables: readonly VariableDeclaration[] }
  | {
      readonly kind: "aggregate";
      readonly fn: Aggregation;
      readonly value: Pql;
      readonly variables: readonly VariableDeclaration[];
    }
  | TimeExpression
  | { readonly kind: "occurs"; readonly subject: Pql; readonly when: Occurrence }
  | ChainExpression;

/** `exists` (also `some`), `forall` (also `all`), and `none` and `one` of the older JSON form. */
export type Quantifier = "exists" | "forall" | "none" | "one";

/** The functions that fold a list to one value. */
export type Aggregation = "count" | "sum" | "average" | "min" | "max";

/** `X from list where condition`. */
export interface VariableDeclaration {
  readonly name: string;
  readonly from: Pql;
  readonly where?: Pql;
}

/** Times relative to the moment of evaluation. All calendar units are UTC; weeks start on Sunday. */
export type TimeExpression =
  | { readonly kind: "moment"; readonly word: "now" | "today" | "yesterday" | "tomorrow" }
  | { readonly kind: "period"; readonly which: "this" | "last" | "next"; readonly unit: TimeUnit }
  | {
      readonly kind: "offset";
      readonly amount: number;
      readonly unit: TimeUnit;
      readonly direction: TimeDirection;
      readonly from: Pql;
    };

/** The four forms of `occurs`, also used by `WHEN`. */
export type Occurrence =
  | {
      readonly kind: "within";
      readonly op: Comparison;
      readonly amount: number;
      readonly unit: TimeUnit;
      readonly direction: TimeDirection;
      readonly from: Pql;
    }
  | { readonly kind: "side"; readonly direction: TimeDirection; readonly time: Pql }
  | { readonly kind: "on"; readonly time: Pql }
  | { readonly kind: "between"; readonly start: Pql; readonly end: Pql };

/** `CHAIN(source, timestamp, [steps])`: events in strict order of time. */
export interface ChainExpression {
  readonly kind: "chain";
  readonly source: Pql;
  /** The path of the time within an item of the source. */
  readonly timestamp: readonly string[];
  readonly steps: readonly ChainStep[];
}

/** One step. `what` also holds a `WHERE`, joined with `and`. All of `when` must hold. */
export interface ChainStep {
  readonly name?: string;
  readonly negated: boolean;
  readonly what: Pql;
  readonly when: readonly Occurrence[];
  /** How many matching events; at least one when absent. */
  readonly count?: { readonly op: Comparison; readonly value: number };
}

const positions = new WeakMap<object, number>();

/** Remembers that `node` began at `offset` of its text. */
export function setPosition(node: object, offset: number): void {
  positions.set(node, offset);
}

/** Where a parsed node began in its text, in characters from 0; `undefined` for trees that came from elsewhere. */
export function positionOf(node: object): number | undefined {
  return positions.get(node);
}

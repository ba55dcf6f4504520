import type {
  Aggregation,
  ChainExpression,
  ChainStep,
  Occurrence,
  Pql,
  Quantifier,
  VariableDeclaration,
} from "../ast.ts";
import type { Cursor } from "./cursor.ts";
import { parseOccurrence, takeComparison } from "./parse-time.ts";
import { bindImplicit } from "./scope.ts";

/** The readers of the levels of the grammar that the forms over lists need. */
export interface Readers {
  readonly expression: (cursor: Cursor) => Pql;
  /** A value without comparison or connective. */
  readonly value: (cursor: Cursor) => Pql;
}

const QUANTIFIERS: Readonly<Record<string, Quantifier>> = {
  exists: "exists",
  some: "exists",
  forall: "forall",
  all: "forall",
  none: "none",
  one: "one",
};

/** The quantifier (or `select`) that begins at the cursor: `exists X from`. */
export function quantifierAt(cursor: Cursor): Quantifier | "select" | undefined {
  const word = cursor.peek();
  const name = cursor.peek(1);
  if (word.kind !== "word" || (name.kind !== "word" && name.kind !== "name") || !cursor.isWord("from", 2)) {
    return undefined;
  }
  const { lower } = word;
  if (lower === "select") return "select";
  return Object.hasOwn(QUANTIFIERS, lower) ? QUANTIFIERS[lower] : undefined;
}

/** Reads `X from list where condition, Y from X.items where …`; the names stay bound while `then` reads on. */
export function parseDeclarations(cursor: Cursor, readers: Readers): readonly VariableDeclaration[] {
  const declarations: VariableDeclaration[] = [];
  const before = cursor.variables.length;
  try {
    do {
      const name = cursor.expectName("the name of a variable");
      if (!cursor.takeWord("from")) {
        return cursor.broken("from", "Say which list the variable runs over: X from xEvent.");
      }
      const from = readers.value(cursor);
      cursor.variables.push(name);
      const conditional = cursor.takeWord("where") || cursor.takeSymbol(":");
      const where = conditional ? bindImplicit(readers.expression(cursor), name) : undefined;
      declarations.push(where ? { name, from, where } : { name, from });
    } while (declaresMore(cursor) && cursor.takeSymbol(","));
  } finally {
    cursor.variables.length = before;
  }
  return declarations;
}

function declaresMore(cursor: Cursor): boolean {
  const name = cursor.peek(1);
  return cursor.isSymbol(",") && (name.kind === "word" || name.kind === "name") && cursor.isWord("from", 2);
}

const AGGREGATIONS: Readonly<Record<string, Aggregation>> = {
  count: "count",
  sum: "sum",
  average: "average",
  avg: "average",
  min: "min",
  max: "max",
};

/** The aggregation in prefix form that begins at the cursor: `sum X.price over X from …`. */
export function aggregationAt(cursor: Cursor): Aggregation | undefined {
  const word = cursor.peek();
  const lower = word.kind === "word" ? word.lower : "";
  if (!Object.hasOwn(AGGREGATIONS, lower)) return undefined;
  const next = cursor.peek(1);
  if (next.kind === "word" || next.kind === "name") {
    return cursor.isWord("from", 2) || cursor.findWord("over") !== undefined
      ? AGGREGATIONS[lower]
      : undefined;
  }
  return cursor.isSymbol("(", 1) && cursor.findWord("over") !== undefined ? AGGREGATIONS[lower] : undefined;
}

/** Reads `sum X.price over X from list where …`, and `count X from list where …`. */
export function parseAggregate(cursor: Cursor, fn: Aggregation, readers: Readers): Pql {
  const at = cursor.next().at;
  const over = cursor.findWord("over");
  if (over === undefined) {
    const name = cursor.peek();
    const variables = parseDeclarations(cursor, readers);
    const value: Pql = { kind: "variable", name: name.text };
    return cursor.make({ kind: "aggregate", fn, value, variables }, at, partsOf(variables));
  }
  const names: string[] = [];
  for (let ahead = over + 1; cursor.peek(ahead).kind !== "end"; ahead++) {
    if (cursor.isWord("from", ahead)) names.push(cursor.peek(ahead - 1).text);
  }
  const first = cursor.peek(over + 1);
  const value: Pql =
    over === 0 ? { kind: "variable", name: first.text } : cursor.binding(names, readers.value);
  if (!cursor.takeWord("over")) return cursor.broken("over", "Write sum X.price over X from list.");
  const variables = parseDeclarations(cursor, readers);
  return cursor.make({ kind: "aggregate", fn, value, variables }, at, [value, ...partsOf(variables)]);
}

/** The expressions inside declarations. */
export function partsOf(variables: readonly VariableDeclaration[]): readonly (Pql | undefined)[] {
  return variables.flatMap((variable) => [variable.from, variable.where]);
}

/** Reads `CHAIN(list, time field, [steps])`. */
export function parseChain(cursor: Cursor, readers: Readers): ChainExpression {
  const at = cursor.next().at;
  cursor.expectSymbol("(", "A chain is CHAIN(xEvent, timestamp, [steps]).");
  const source = readers.value(cursor);
  cursor.expectSymbol(",", "A chain takes the list, the time field and the steps.");
  const timestamp = [cursor.expectName("the field of the time")];
  while (cursor.takeSymbol(".")) timestamp.push(cursor.expectName("a field name"));
  cursor.expectSymbol(",", "A chain takes the list, the time field and the steps.");
  cursor.expectSymbol("[", "The steps stand in square brackets.");
  const steps: ChainStep[] = [];
  const before = cursor.variables.length;
  try {
    do {
      steps.push(parseStep(cursor, readers));
    } while (cursor.takeSymbol(","));
  } finally {
    cursor.variables.length = before;
  }
  cursor.expectSymbol("]", "Close the steps.");
  cursor.expectSymbol(")", "Close the chain.");
  const parts = [source, ...steps.flatMap((step) => [step.what, ...step.when.flatMap(partsOfOccurrence)])];
  return cursor.make({ kind: "chain", source, timestamp, steps }, at, parts);
}

/** The expressions inside an occurrence. */
export function partsOfOccurrence(when: Occurrence): readonly Pql[] {
  switch (when.kind) {
    case "within":
      return [when.from];
    case "side":
    case "on":
      return [when.time];
    case "between":
      return [when.start, when.end];
  }
}

function parseStep(cursor: Cursor, readers: Readers): ChainStep {
  let negated = takeNot(cursor);
  let brackets = negated ? openBrackets(cursor) : 0;
  let name: string | undefined;
  const token = cursor.peek();
  if ((token.kind === "word" || token.kind === "name") && cursor.isSymbol(":", 1)) {
    name = token.text;
    cursor.next();
    cursor.next();
    cursor.variables.push(name);
  }
  if (takeNot(cursor)) {
    negated = true;
    brackets += openBrackets(cursor);
  }
  const step = parseClauses(cursor, readers);
  for (; brackets > 0; brackets--) cursor.expectSymbol(")", "Close the bracket after not.");
  return { ...(name === undefined ? {} : { name }), negated, ...step };
}

function takeNot(cursor: Cursor): boolean {
  return cursor.takeWord("not") || cursor.takeSymbol("!");
}

function openBrackets(cursor: Cursor): number {
  let count = 0;
  while (cursor.takeSymbol("(")) count++;
  return count;
}

function parseClauses(cursor: Cursor, readers: Readers): Pick<ChainStep, "what" | "when" | "count"> {
  const conditions: Pql[] = [];
  const when: Occurrence[] = [];
  let count: ChainStep["count"];
  const at = cursor.peek().at;
  for (;;) {
    if (!cursor.isSymbol("(", 1)) break;
    if (cursor.isWord("what") || cursor.isWord("where")) {
      cursor.next();
      cursor.next();
      conditions.push(cursor.inItem(readers.expression));
    } else if (cursor.isWord("when")) {
      cursor.next();
      cursor.next();
      do when.push(parseOccurrence(cursor, readers.value));
      while (cursor.takeWord("and"));
    } else if (cursor.isWord("count")) {
      cursor.next();
      cursor.next();
      count = parseCount(cursor);
    } else break;
    cursor.expectSymbol(")", "Close the bracket of WHAT, WHEN or COUNT.");
  }
  const [first, ...more] = conditions;
  if (first === undefined) {
    return cursor.broken("WHAT(condition)", "A step is A: WHAT(condition) WHEN(time) COUNT(number).");
  }
  const items = conditions.flatMap((item) => (item.kind === "and" ? item.items : [item]));
  const what: Pql = more.length === 0 ? first : cursor.make({ kind: "and", items }, at, conditions);
  return { what, when, ...(count ? { count } : {}) };
}

function parseCount(cursor: Cursor): {
  readonly op: "=" | "!=" | "<" | "<=" | ">" | ">=";
  readonly value: number;
} {
  const op = takeComparison(cursor) ?? ">=";
  const token = cursor.peek();
  if (token.kind !== "number" || !token.integer) {
    return cursor.broken(
      "a whole number",
      "Write COUNT(3) for at least three, COUNT(= 3) for exactly three.",
    );
  }
  cursor.next();
  return { op, value: token.value };
}

import { err, type Issue, ok, type Result } from "@tessera/xdm";
import { type Literal, type Pql } from "../ast.ts";
import { Broken, Cursor } from "./cursor.ts";
import { INFIX } from "./functions.ts";
import { type Fault, issueAt } from "./issue.ts";
import { lex, MAX_TEXT } from "./lex.ts";
import { type ArgumentReaders, parseArguments, parseCall } from "./parse-call.ts";
import {
  binding,
  conditional,
  type FormReaders,
  lambdaNames,
  named,
  objectLiteral,
  open,
  parameter,
} from "./parse-forms.ts";
import {
  aggregationAt,
  parseAggregate,
  parseChain,
  parseDeclarations,
  partsOf,
  partsOfOccurrence,
  quantifierAt,
  type Readers,
} from "./parse-list.ts";
import { isOffset, parseDistance, parseOccurrence, takeComparison } from "./parse-time.ts";
import { mayBeName, RESERVED, unitOf } from "./words.ts";

const MAX_ISSUES = 50;

/**
 * Reads PQL text. A failure names every place that is wrong, each with line, column, what was expected and what
 * came; reading goes on after an error wherever that makes sense. Never throws, whatever the text: nesting is
 * limited to 200 levels and the text to 500,000 characters (`pql.size`).
 */
export function parsePql(text: string): Result<Pql, Issue[]> {
  return readPql(text, true);
}

/** The same without remembering where nodes began, for plans of many texts: they are never pointed into. */
export function parseForPlan(text: string): Result<Pql, Issue[]> {
  return readPql(text, false);
}

function readPql(text: string, places: boolean): Result<Pql, Issue[]> {
  if (text.length > MAX_TEXT) {
    const fault: Fault = {
      code: "pql.size",
      offset: 0,
      expected: `at most ${MAX_TEXT} characters`,
      came: `${text.length}`,
      advice: "Split the definition into several audiences.",
    };
    return err([issueAt(text, fault)]);
  }
  const faults: Fault[] = [];
  const report = (fault: Fault): void => {
    if (faults.length < MAX_ISSUES) faults.push(fault);
  };
  const cursor = new Cursor(lex(text, report), report, places);
  const parsed = parseAll(cursor);
  if (faults.length === 0 && parsed !== undefined) return ok(parsed);
  faults.sort((a, b) => (a.offset ?? 0) - (b.offset ?? 0));
  return err(faults.map((fault) => issueAt(text, fault)));
}

function parseAll(cursor: Cursor): Pql | undefined {
  let first: Pql | undefined;
  try {
    first = guarded(cursor);
    while (cursor.peek().kind !== "end") {
      cursor.fault("pql.syntax", "and, or, or the end of the text", "Join conditions with and or or.");
      cursor.next();
      cursor.recover();
      if (cursor.peek().kind === "end") break;
      cursor.next();
      if (cursor.peek().kind !== "end") guarded(cursor);
    }
  } catch (thrown) {
    if (!(thrown instanceof Broken)) throw thrown;
  }
  return first;
}

/** Reads one expression; where it breaks, skips to where reading can go on. */
function guarded(cursor: Cursor, read: (cursor: Cursor) => Pql = expression): Pql {
  try {
    return read(cursor);
  } catch (thrown) {
    if (!(thrown instanceof Broken) || thrown.fatal) throw thrown;
    cursor.recover();
    return { kind: "literal", type: "Null", value: null };
  }
}

/** What the forms are read with, made once for all texts. */
const FORMS: FormReaders = { expression, guarded };
const READERS: Readers = { expression, value: additive };
const ARGUMENTS: ArgumentReaders = { expression, atLambda: (cursor) => lambdaNames(cursor) !== undefined };

function expression(cursor: Cursor): Pql {
  const { kind, text } = cursor.peek();
  // A value cannot begin a lambda; most of what is read here does not.
  if (kind === "word" || (kind === "symbol" && text === "(")) {
    const names = lambdaNames(cursor);
    if (names !== undefined) return lambda(cursor, names);
  }
  return disjunction(cursor);
}

function lambda(cursor: Cursor, names: readonly string[]): Pql {
  const at = cursor.peek().at;
  while (!cursor.takeSymbol("=>")) cursor.next();
  const body = cursor.nested(() => cursor.binding(names, () => cursor.inItem(expression)));
  return cursor.make({ kind: "lambda", params: names, body }, at, [body]);
}

function disjunction(cursor: Cursor): Pql {
  return connected(cursor, "or", conjunction);
}

function conjunction(cursor: Cursor): Pql {
  return connected(cursor, "and", condition);
}

function condition(cursor: Cursor): Pql {
  return guarded(cursor, negation);
}

function connected(cursor: Cursor, word: "and" | "or", operand: (cursor: Cursor) => Pql): Pql {
  const at = cursor.peek().at;
  const first = operand(cursor);
  if (!cursor.takeWord(word)) return first;
  const items = [first];
  do items.push(operand(cursor));
  while (cursor.takeWord(word));
  const flat = items.flatMap((item) => (item.kind === word ? item.items : [item]));
  return cursor.make({ kind: word, items: flat }, at, items);
}

function negation(cursor: Cursor): Pql {
  const { at, kind, lower } = cursor.peek();
  if ((kind === "word" && lower === "not") || (kind === "symbol" && lower === "!")) {
    cursor.next();
    const operand = cursor.nested(negation);
    return cursor.make({ kind: "not", operand }, at, [operand]);
  }
  return comparison(cursor);
}

function comparison(cursor: Cursor): Pql {
  const at = cursor.peek().at;
  const left = additive(cursor);
  const op = takeComparison(cursor);
  if (op !== undefined) {
    const right = additive(cursor);
    const node = cursor.make({ kind: "compare", op, left, right }, at, [left, right]);
    if (takeComparison(cursor) !== undefined) {
      cursor.fault("pql.syntax", "and", "Comparisons do not chain: write a < b and b < c.");
      additive(cursor);
    }
    return node;
  }
  const word = cursor.peek();
  if (word.kind !== "word") return left;
  const { lower } = word;
  if (lower === "and" || lower === "or") return left;
  if (lower === "occurs") {
    cursor.next();
    const when = parseOccurrence(cursor, additive);
    return cursor.make({ kind: "occurs", subject: left, when }, at, [left, ...partsOfOccurrence(when)]);
  }
  const notIn = lower === "not" && cursor.isWord("in", 1);
  if (!notIn && (!INFIX.has(lower) || (lower === "in" && cursor.letPending))) return left;
  cursor.next();
  if (notIn) cursor.next();
  const right = additive(cursor);
  return parseCall(cursor, { name: notIn ? "notIn" : word.text, at, came: word, args: [left, right] });
}

function additive(cursor: Cursor): Pql {
  const { at } = cursor.peek();
  let left = product(cursor);
  while (cursor.peek().joins === 1) left = arithmetic(cursor, { left, at, operand: product });
  return left;
}

function product(cursor: Cursor): Pql {
  const { at } = cursor.peek();
  let left = unary(cursor);
  while (cursor.peek().joins === 2) left = arithmetic(cursor, { left, at, operand: unary });
  return left;
}

function arithmetic(
  cursor: Cursor,
  {
    left,
    at,
    operand,
  }: { readonly left: Pql; readonly at: number; readonly operand: (cursor: Cursor) => Pql },
): Pql {
  const op = cursor.next().text as "+" | "-" | "*" | "/" | "%";
  const right = operand(cursor);
  return cursor.make({ kind: "arithmetic", op, left, right }, at, [left, right]);
}

function unary(cursor: Cursor): Pql {
  const at = cursor.peek().at;
  if (!cursor.isSymbol("-")) return postfix(cursor);
  cursor.next();
  const number = cursor.peek();
  if (number.kind === "number" && !isOffset(cursor) && !cursor.isSymbol(".", 1)) {
    cursor.next();
    const type = number.integer ? "Integer" : "Double";
    return cursor.make({ kind: "literal", type, value: -number.value }, at, []);
  }
  const operand = cursor.nested(unary);
  return cursor.make({ kind: "negate", operand }, at, [operand]);
}

function postfix(cursor: Cursor): Pql {
  const at = cursor.peek().at;
  let value = cursor.nested(primary);
  for (;;) {
    const { kind, text } = cursor.peek();
    if (kind !== "symbol" || (text !== "." && text !== "[")) return value;
    cursor.next();
    value = text === "." ? member(cursor, value) : bracket(cursor, value, at);
  }
}

function member(cursor: Cursor, object: Pql): Pql {
  const token = cursor.peek();
  const name = cursor.expectName("a field or a function");
  if (token.kind === "word" && cursor.isSymbol("(")) {
    const args = parseArguments(cursor, { name, receiver: object, readers: ARGUMENTS });
    return parseCall(cursor, { name, at: token.at, came: token, args });
  }
  return cursor.make({ kind: "field", object, name }, token.at, [object]);
}

function bracket(cursor: Cursor, value: Pql, at: number): Pql {
  const token = cursor.peek();
  if (cursor.isSymbol("]", 1) && token.kind === "string") {
    cursor.next();
    cursor.next();
    return cursor.make({ kind: "field", object: value, name: token.text }, at, [value]);
  }
  if (cursor.isSymbol("]", 1) && token.kind === "number" && token.integer) {
    cursor.next();
    cursor.next();
    return cursor.make({ kind: "item", list: value, index: token.value }, at, [value]);
  }
  const body = open(cursor, filterBody);
  cursor.expectSymbol("]", "Close the filter.");
  const condition = cursor.make({ kind: "lambda", params: [], body }, token.at, [body]);
  return cursor.make({ kind: "call", name: "filter", args: [value, condition] }, at, [value, condition]);
}

function primary(cursor: Cursor): Pql {
  const token = cursor.peek();
  switch (token.kind) {
    case "string":
      cursor.next();
      return cursor.make({ kind: "literal", type: "String", value: token.text }, token.at, []);
    case "number":
      if (isOffset(cursor)) {
        const distance = parseDistance(cursor, additive);
        return cursor.make({ kind: "offset", ...distance }, token.at, [distance.from]);
      }
      cursor.next();
      return cursor.make(
        { kind: "literal", type: token.integer ? "Integer" : "Double", value: token.value },
        token.at,
        [],
      );
    case "symbol":
      return symbolic(cursor, token.text);
    case "name":
      return named(cursor);
    case "word":
      return worded(cursor, token.text);
    case "end":
      return cursor.broken("a value", "Complete the expression.");
  }
}

function declarations(cursor: Cursor): ReturnType<typeof parseDeclarations> {
  return parseDeclarations(cursor, READERS);
}

function chain(cursor: Cursor): Pql {
  return parseChain(cursor, READERS);
}

function filterBody(cursor: Cursor): Pql {
  return cursor.inItem(disjunction);
}

function symbolic(cursor: Cursor, symbol: string): Pql {
  const at = cursor.peek().at;
  if (symbol === "(") {
    cursor.next();
    const inner = open(cursor, expression);
    cursor.expectSymbol(")", "Close the bracket.");
    return inner;
  }
  if (symbol === "[") {
    cursor.next();
    const items: Pql[] = [];
    open(cursor, () => {
      if (cursor.isSymbol("]")) return;
      do items.push(guarded(cursor));
      while (cursor.takeSymbol(","));
    });
    cursor.expectSymbol("]", "Separate the items of a list with commas and close it with ].");
    return cursor.make({ kind: "list", items }, at, items);
  }
  if (symbol === "{") return objectLiteral(cursor, FORMS);
  if (symbol === "^") return outer(cursor, at);
  return cursor.broken("a value", "Write a field, a value or a function.");
}

function outer(cursor: Cursor, at: number): Pql {
  let levels = 0;
  while (cursor.takeSymbol("^")) levels++;
  if (levels > cursor.contexts) {
    cursor.fault("pql.variable", "^ inside a list", `Here ^ can go up ${cursor.contexts} levels.`, {
      text: "^",
      at,
    });
  }
  const context = cursor.make({ kind: "context", levels }, at, []);
  const token = cursor.peek();
  const operator = RESERVED.has(token.lower) || INFIX.has(token.lower);
  if ((token.kind !== "word" || operator) && token.kind !== "name") return context;
  return member(cursor, context);
}

const WORDS: Readonly<Record<string, Literal>> = {
  true: { kind: "literal", type: "Boolean", value: true },
  false: { kind: "literal", type: "Boolean", value: false },
  null: { kind: "literal", type: "Null", value: null },
};

function worded(cursor: Cursor, text: string): Pql {
  const { at, lower } = cursor.peek();
  const after = cursor.peek(1);
  // Most words stand before a dot or a comparison, and can be nothing but a name there.
  if ((after.joins === 3 || (after.text === "." && after.kind === "symbol")) && mayBeName(lower))
    return named(cursor);
  if (cursor.variables.includes(text) && !cursor.isSymbol("(", 1)) return named(cursor);
  const quantifier = quantifierAt(cursor);
  if (quantifier !== undefined) {
    cursor.next();
    const variables = cursor.nested(declarations);
    const node: Pql =
      quantifier === "select" ? { kind: "select", variables } : { kind: "quantifier", quantifier, variables };
    return cursor.make(node, at, partsOf(variables));
  }
  const aggregation = aggregationAt(cursor);
  if (aggregation !== undefined) return parseAggregate(cursor, aggregation, READERS);
  if (lower === "chain" && cursor.isSymbol("(", 1)) return open(cursor, chain);
  if (lower === "if" && cursor.isSymbol("(", 1)) return conditional(cursor, FORMS);
  if (lower === "let" && cursor.isSymbol("=", 2)) return binding(cursor, FORMS);
  if (text.startsWith("$")) return parameter(cursor);
  if (cursor.isSymbol("(", 1)) {
    const token = cursor.next();
    const args = parseArguments(cursor, { name: text, readers: ARGUMENTS });
    return parseCall(cursor, { name: text, at, came: token, args });
  }
  const literal = Object.hasOwn(WORDS, lower) ? WORDS[lower] : undefined;
  if (literal !== undefined) {
    cursor.next();
    return cursor.make({ ...literal }, at, []);
  }
  if (lower === "now" || lower === "today" || lower === "yesterday" || lower === "tomorrow") {
    cursor.next();
    return cursor.make({ kind: "moment", word: lower }, at, []);
  }
  if (lower === "this" || lower === "last" || lower === "next") {
    const unit = cursor.peek(1).kind === "word" ? unitOf(cursor.peek(1).lower) : undefined;
    if (unit !== undefined) {
      cursor.next();
      cursor.next();
      return cursor.make({ kind: "period", which: lower, unit }, at, []);
    }
  }
  if (RESERVED.has(lower))
    return cursor.broken("a value", "Write a field, a value or a function before this word.");
  return named(cursor);
}

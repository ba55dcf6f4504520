import type { ChainStep, Occurrence, Pql, VariableDeclaration } from "../ast.ts";
import { functionNamed, INFIX } from "./functions.ts";
import { parsePql } from "./parse.ts";
import { RESERVED, unitOf, unitWord } from "./words.ts";

/**
 * The text of an expression, in one canonical form: `parsePql(printPql(tree))` gives an equal tree. A text is
 * read first; one that is no PQL comes back as it is.
 */
export function printPql(pql: Pql | string): string {
  if (typeof pql !== "string") return print(pql, LOOSEST);
  const parsed = parsePql(pql);
  return parsed.ok ? print(parsed.value, LOOSEST) : pql;
}

const LOOSEST = 0;
const OR = 1;
const AND = 2;
const NOT = 3;
const COMPARE = 4;
const ADD = 5;
const MULTIPLY = 6;
const UNARY = 7;
const POSTFIX = 8;

/** How tightly the printed form of a node binds. */
function binding(node: Pql): number {
  switch (node.kind) {
    case "lambda":
    case "let":
    case "quantifier":
    case "select":
    case "aggregate":
      return LOOSEST;
    case "or":
      return OR;
    case "and":
      return AND;
    case "not":
      return NOT;
    case "compare":
    case "occurs":
      return COMPARE;
    case "call":
      return functionNamed(node.name)?.form === "infix" ? COMPARE : POSTFIX;
    case "arithmetic":
      return node.op === "+" || node.op === "-" ? ADD : MULTIPLY;
    case "offset":
      return LOOSEST;
    case "negate":
      return UNARY;
    case "literal":
      return typeof node.value === "number" && (node.value < 0 || Object.is(node.value, -0))
        ? UNARY
        : POSTFIX;
    default:
      return POSTFIX;
  }
}

function print(node: Pql, least: number): string {
  const text = bare(node);
  return binding(node) < least ? `(${text})` : text;
}

function bare(node: Pql): string {
  switch (node.kind) {
    case "literal":
      return literal(node.value, node.type);
    case "list":
      return `[${node.items.map((item) => print(item, LOOSEST)).join(", ")}]`;
    case "object":
      return `{${node.fields.map((field) => `${quote(field.name)}: ${print(field.value, LOOSEST)}`).join(", ")}}`;
    case "context":
      return "^".repeat(node.levels);
    case "parameter":
      return `$${node.position}`;
    case "variable":
      return name(node.name);
    case "field":
      return field(node.object, node.name);
    case "item":
      return `${print(node.list, POSTFIX)}[${node.index}]`;
    case "and":
      return node.items.map((item) => print(item, NOT)).join(" and ");
    case "or":
      return node.items.map((item) => print(item, AND)).join(" or ");
    case "not":
      return `not ${print(node.operand, NOT)}`;
    case "negate":
      return `-${node.operand.kind === "literal" ? `(${bare(node.operand)})` : print(node.operand, UNARY)}`;
    case "compare":
      return `${print(node.left, ADD)} ${node.op} ${print(node.right, ADD)}`;
    case "arithmetic": {
      const own = binding(node);
      return `${print(node.left, own)} ${node.op} ${print(node.right, own + 1)}`;
    }
    case "call":
      return call(node.name, node.args);
    case "lambda":
      return `(${node.params.map(name).join(", ")}) => ${print(node.body, LOOSEST)}`;
    case "if":
      return `if(${[node.test, node.then, node.otherwise].map((part) => print(part, LOOSEST)).join(", ")})`;
    case "let":
      return `let ${name(node.name)} = (${print(node.value, LOOSEST)}) in (${print(node.body, LOOSEST)})`;
    case "quantifier":
      return `${node.quantifier} ${declarations(node.variables)}`;
    case "select":
      return `select ${declarations(node.variables)}`;
    case "aggregate":
      return `${node.fn} ${print(node.value, ADD)} over ${declarations(node.variables)}`;
    case "moment":
      return node.word;
    case "period":
      return `${node.which} ${node.unit}`;
    case "offset":
      return `${distance(node)} ${print(node.from, ADD)}`;
    case "occurs":
      return `${print(node.subject, ADD)} occurs ${occurrence(node.when)}`;
    case "chain":
      return `CHAIN(${print(node.source, ADD)}, ${node.timestamp.map(name).join(".")}, [${node.steps.map(step).join(", ")}])`;
  }
}

function literal(value: string | number | boolean | null, type: string): string {
  if (typeof value === "string") return quote(value);
  if (typeof value !== "number") return String(value);
  const text = Object.is(value, -0) ? "-0" : plain(value);
  return type === "Double" && /^-?\d+$/.test(text) ? `${text}.0` : text;
}

/** The digits of a number; PQL has an exponent form too, but an integer is written out. */
function plain(value: number): string {
  return Number.isInteger(value) && Math.abs(value) >= 1e21 ? BigInt(value).toString() : String(value);
}

function quote(text: string): string {
  const escaped = text.replaceAll("\\", "\\\\").replaceAll('"', '\\"');
  return `"${escaped.replaceAll("\n", "\\n").replaceAll("\r", "\\r").replaceAll("\t", "\\t")}"`;
}

const PLAIN = /^[\p{L}_@][\p{L}\p{N}_@]*$/u;
const TAKEN: ReadonlySet<string> = new Set([
  ...RESERVED,
  ...INFIX,
  "true",
  "false",
  "null",
  "now",
  "today",
  "yesterday",
  "tomorrow",
  "this",
  "last",
  "next",
  "let",
  "if",
  "exists",
  "forall",
  "some",
  "all",
  "none",
  "one",
  "select",
  "count",
  "sum",
  "average",
  "avg",
  "min",
  "max",
  "on",
  "before",
  "after",
  "from",
  "between",
  "chain",
  "what",
  "when",
]);

/** A name where a keyword could stand: in backquotes when it would be taken for something else. */
function name(text: string): string {
  const clear = PLAIN.test(text) && !TAKEN.has(text.toLowerCase()) && unitOf(text) === undefined;
  return clear ? text : backquote(text);
}

/** A name after a dot, where keywords mean nothing. */
function afterDot(text: string): string {
  return PLAIN.test(text) ? text : backquote(text);
}

function backquote(text: string): string {
  return `\`${text.replaceAll("\\", "\\\\").replaceAll("`", "\\`").replaceAll("\n", "\\n").replaceAll("\r", "\\r")}\``;
}

function field(object: Pql, own: string): string {
  if (object.kind === "context") return object.levels === 0 ? name(own) : `${bare(object)}.${afterDot(own)}`;
  return `${print(object, POSTFIX)}.${afterDot(own)}`;
}

function call(called: string, args: readonly Pql[]): string {
  const spec = functionNamed(called);
  const [first, ...rest] = args;
  if (spec?.form === "infix" && first && rest[0])
    return `${print(first, ADD)} ${called} ${print(rest[0], ADD)}`;
  if (called === "filter" && first && rest[0]?.kind === "lambda" && isCondition(rest[0])) {
    return `${print(first, POSTFIX)}[${print(rest[0].body, LOOSEST)}]`;
  }
  if (spec?.form === "method" && first) {
    return `${print(first, POSTFIX)}.${called}(${rest.map(argument).join(", ")})`;
  }
  return `${called}(${args.map(argument).join(", ")})`;
}

/** Whether a condition may stand in square brackets: a lone literal there would be an index or a field. */
function isCondition(condition: Pql & { readonly kind: "lambda" }): boolean {
  return (
    condition.params.length === 0 && condition.body.kind !== "literal" && condition.body.kind !== "lambda"
  );
}

function argument(arg: Pql): string {
  return arg.kind === "lambda" && arg.params.length === 0 ? print(arg.body, LOOSEST) : print(arg, LOOSEST);
}

function declarations(variables: readonly VariableDeclaration[]): string {
  return variables
    .map((variable) => {
      const head = `${name(variable.name)} from ${print(variable.from, ADD)}`;
      return variable.where ? `${head} where ${print(variable.where, OR)}` : head;
    })
    .join(", ");
}

function distance(part: {
  readonly amount: number;
  readonly unit: Parameters<typeof unitWord>[0];
  readonly direction: string;
}): string {
  return `${part.amount} ${unitWord(part.unit, part.amount)} ${part.direction}`;
}

function occurrence(when: Occurrence): string {
  switch (when.kind) {
    case "within":
      return `${when.op} ${distance(when)} ${print(when.from, ADD)}`;
    case "side":
      return `${when.direction} ${print(when.time, ADD)}`;
    case "on":
      return `on ${print(when.time, ADD)}`;
    case "between":
      return `between ${print(when.start, ADD)} and ${print(when.end, ADD)}`;
  }
}

function step(part: ChainStep): string {
  const clauses = [`WHAT(${print(part.what, LOOSEST)})`];
  if (part.when.length > 0) clauses.push(`WHEN(${part.when.map(occurrence).join(" and ")})`);
  if (part.count)
    clauses.push(`COUNT(${part.count.op === ">=" ? "" : `${part.count.op} `}${part.count.value})`);
  return `${part.negated ? "not " : ""}${part.name === undefined ? "" : `${name(part.name)}: `}${clauses.join(" ")}`;
}

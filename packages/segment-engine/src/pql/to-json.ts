import { err, type Issue, type JsonObject, ok, type Result } from "@tessera/xdm";
import type { Occurrence, Pql, VariableDeclaration } from "../ast.ts";
import { parsePql } from "./parse.ts";

/**
 * The JSON form of an expression (`pql/json`, as an object; send it as `JSON.stringify` of that). Takes a text or a
 * tree; a text that does not parse gives its issues.
 */
export function pqlToJson(pql: Pql | string): Result<JsonObject, Issue[]> {
  if (typeof pql !== "string") return ok(toJson(pql));
  const parsed = parsePql(pql);
  return parsed.ok ? ok(toJson(parsed.value)) : err(parsed.error);
}

function apply(fnName: string, params: readonly Pql[]): JsonObject {
  return { nodeType: "fnApply", fnName, params: params.map(toJson) };
}

function toJson(node: Pql): JsonObject {
  switch (node.kind) {
    case "literal":
      return { nodeType: "literal", literalType: node.type, value: node.value };
    case "list":
      return listJson(node.items);
    case "object":
      return {
        nodeType: "object",
        fields: node.fields.map((field) => ({ name: field.name, value: toJson(field.value) })),
      };
    case "context":
      return { nodeType: "context", levels: node.levels };
    case "parameter":
      return { nodeType: "parameterReference", position: node.position };
    case "variable":
      return { nodeType: "varRef", varName: node.name };
    case "field":
      // Without an object the field is looked up in what is in context, as in the text form.
      return node.object.kind === "context" && node.object.levels === 0
        ? { nodeType: "fieldLookup", fieldName: node.name }
        : { nodeType: "fieldLookup", fieldName: node.name, object: toJson(node.object) };
    case "item":
      return { nodeType: "item", list: toJson(node.list), index: node.index };
    case "and":
    case "or":
      return apply(node.kind, node.items);
    case "not":
      return apply("not", [node.operand]);
    case "negate":
      return apply("negate", [node.operand]);
    case "compare":
    case "arithmetic":
      return apply(node.op, [node.left, node.right]);
    case "call":
      return apply(node.name, node.args);
    case "lambda":
      return { nodeType: "fnCreate", parameters: [...node.params], body: toJson(node.body) };
    case "if":
      return apply("if", [node.test, node.then, node.otherwise]);
    case "let":
      return { nodeType: "let", varName: node.name, value: toJson(node.value), body: toJson(node.body) };
    case "quantifier":
      return {
        nodeType: "quantification",
        quantifier: { exists: "some", forall: "all", none: "none", one: "one" }[node.quantifier],
        variables: node.variables.map(declaration),
      };
    case "select":
      return { nodeType: "select", variables: node.variables.map(declaration) };
    case "aggregate":
      return {
        nodeType: "aggregate",
        fnName: node.fn,
        value: toJson(node.value),
        variables: node.variables.map(declaration),
      };
    case "moment":
      return { nodeType: "time", word: node.word };
    case "period":
      return { nodeType: "time", which: node.which, unit: node.unit };
    case "offset":
      return { nodeType: "time", ...distance(node) };
    case "occurs":
      return { nodeType: "occurs", subject: toJson(node.subject), when: occurrence(node.when) };
    case "chain":
      return {
        nodeType: "chain",
        source: toJson(node.source),
        timestamp: [...node.timestamp],
        steps: node.steps.map((step) => ({
          ...(step.name === undefined ? {} : { name: step.name }),
          negated: step.negated,
          what: toJson(step.what),
          when: step.when.map(occurrence),
          ...(step.count ? { count: { op: step.count.op, value: step.count.value } } : {}),
        })),
      };
  }
}

/** A list of plain values of one type is one literal, as the platform writes it; any other keeps its parts. */
function listJson(items: readonly Pql[]): JsonObject {
  const types = new Set(items.map((item) => (item.kind === "literal" ? item.type : "none")));
  const plain = items.every((item) => item.kind === "literal") && !types.has("Double");
  return plain
    ? {
        nodeType: "literal",
        literalType: "List",
        value: items.flatMap((item) => (item.kind === "literal" ? [item.value] : [])),
      }
    : { nodeType: "list", items: items.map(toJson) };
}

function declaration(variable: VariableDeclaration): JsonObject {
  return {
    nodeType: "varDecl",
    varName: variable.name,
    from: toJson(variable.from),
    ...(variable.where ? { where: toJson(variable.where) } : {}),
  };
}

function distance(part: {
  readonly amount: number;
  readonly unit: string;
  readonly direction: string;
  readonly from: Pql;
}): JsonObject {
  return { amount: part.amount, unit: part.unit, direction: part.direction, from: toJson(part.from) };
}

function occurrence(when: Occurrence): JsonObject {
  switch (when.kind) {
    case "within":
      return { kind: "within", op: when.op, ...distance(when) };
    case "side":
      return { kind: "side", direction: when.direction, time: toJson(when.time) };
    case "on":
      return { kind: "on", time: toJson(when.time) };
    case "between":
      return { kind: "between", start: toJson(when.start), end: toJson(when.end) };
  }
}

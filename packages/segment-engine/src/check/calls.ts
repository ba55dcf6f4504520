import type { Pql } from "../ast.ts";
import { FUNCTION_NAMES, functionNamed } from "../pql/functions.ts";
import { didYouMean } from "../pql/nearest.ts";
import { callProblems } from "../pql/parse-call.ts";
import type { Checker, Names } from "./checker.ts";
import {
  ANY,
  BOOLEAN,
  compatible,
  fieldType,
  NUMBER,
  STRING,
  TIME,
  type Type,
  typeName,
} from "./value-types.ts";

type Call = Pql & { readonly kind: "call" };

/** The type of a call; its arguments are checked against what the function takes. */
export function checkCall(checker: Checker, node: Call, scope: Names): Type {
  const spec = functionNamed(node.name);
  if (spec === undefined) {
    const advice = didYouMean(node.name, FUNCTION_NAMES, "See the list of functions.");
    checker.report(node, {
      code: "pql.function",
      expected: "the name of a function",
      came: node.name,
      advice,
    });
    return ANY;
  }
  const problems = callProblems(spec, node.args);
  for (const problem of problems) checker.report(node, problem);
  if (problems.length > 0) return ANY;
  switch (spec.family) {
    case "string":
      return checkString(checker, node, scope);
    case "list":
      return checkList(checker, node, scope);
    case "aggregation": {
      const item = checker.itemOf(part(node, 0), scope);
      const lambda = node.args[1];
      return checker.aggregated(node, node.name, lambda ? bodyType(checker, lambda, item, scope) : item);
    }
    case "map":
      return checkMap(checker, node, scope);
    case "object":
      checker.type(part(node, 0), scope);
      return BOOLEAN;
    case "time":
      return checkTime(checker, node, scope);
    case "membership":
      checkAudience(checker, node);
      return BOOLEAN;
    case "boolean":
      return BOOLEAN;
  }
}

const NULL: Pql = { kind: "literal", type: "Null", value: null };

function part(node: Call, index: number): Pql {
  return node.args[index] ?? NULL;
}

function bodyType(checker: Checker, lambda: Pql, item: Type, scope: Names): Type {
  if (lambda.kind !== "lambda") return checker.type(lambda, scope);
  const two = lambda.params.length > 1;
  const types = two ? [ANY, item] : [item];
  const names = new Map([
    ...scope.names,
    ...lambda.params.map((param, index) => [param, types[index] ?? ANY] as const),
  ]);
  return checker.type(lambda.body, { names, contexts: [...scope.contexts, two ? ANY : item] });
}

function expect(checker: Checker, node: Pql, scope: Names, wanted: Type): void {
  const type = checker.type(node, scope);
  if (!compatible(type, wanted)) checker.mismatch(node, typeName(wanted), type, "Use a value of that type.");
}

function checkString(checker: Checker, node: Call, scope: Names): Type {
  if (node.name === "equals" || node.name === "notEqualTo") {
    const subject = checker.type(part(node, 0), scope);
    node.args.slice(1).forEach((arg, index, all) => {
      const type = checker.type(arg, scope);
      const flag = type.kind === "boolean" && index > 0 && index === all.length - 1;
      if (!flag && !compatible(type, subject)) {
        checker.mismatch(arg, typeName(subject), type, "The types of both sides must be the same.");
      }
    });
    return BOOLEAN;
  }
  expect(checker, part(node, 0), scope, STRING);
  expect(checker, part(node, 1), scope, STRING);
  if (node.name === "regexGroup") {
    if (node.args[2]) expect(checker, node.args[2], scope, NUMBER);
    return STRING;
  }
  if (node.args[2]) expect(checker, node.args[2], scope, BOOLEAN);
  return BOOLEAN;
}

function checkList(checker: Checker, node: Call, scope: Names): Type {
  const { name } = node;
  if (name === "in" || name === "notIn") {
    const value = checker.type(part(node, 0), scope);
    const item = checker.itemOf(part(node, 1), scope);
    if (!compatible(value, item))
      checker.mismatch(part(node, 1), `a list of ${typeName(value)}`, item, "The types must match.");
    return BOOLEAN;
  }
  const item = checker.itemOf(part(node, 0), scope);
  const list: Type = { kind: "list", item };
  if (name === "map" && makesEntries(part(node, 1))) {
    bodyType(checker, part(node, 1), item, scope);
    return { kind: "map", value: ANY };
  }
  switch (name) {
    case "includes": {
      const value = checker.type(part(node, 1), scope);
      if (!compatible(value, item))
        checker.mismatch(part(node, 1), typeName(item), value, "The types must match.");
      return BOOLEAN;
    }
    case "intersects":
    case "subsetOf":
    case "supersetOf":
      expect(checker, part(node, 1), scope, list);
      return BOOLEAN;
    case "intersection":
      expect(checker, part(node, 1), scope, list);
      return list;
    case "distinct":
      return list;
    case "head":
      return item;
    case "exists":
    case "forall":
      if (node.args[1]) bodyType(checker, node.args[1], item, scope);
      return BOOLEAN;
    case "filter":
      bodyType(checker, part(node, 1), item, scope);
      return list;
    case "map":
      return { kind: "list", item: bodyType(checker, part(node, 1), item, scope) };
    case "groupBy":
      bodyType(checker, part(node, 1), item, scope);
      return { kind: "map", value: list };
    default: {
      const key = bodyType(checker, part(node, 1), item, scope);
      if (!["any", "number", "string", "time"].includes(key.kind)) {
        checker.mismatch(part(node, 1), "a number to sort by", key, "Name a field that has an order.");
      }
      checker.number(part(node, 2), scope);
      return list;
    }
  }
}

/** Whether a lambda makes map entries: then `map` gives a map, not a list. */
function makesEntries(lambda: Pql): boolean {
  return lambda.kind === "lambda" && lambda.body.kind === "call" && lambda.body.name === "mapEntry";
}

function checkMap(checker: Checker, node: Call, scope: Names): Type {
  const subject = checker.type(part(node, 0), scope);
  if (node.name === "mapEntry") {
    checker.type(part(node, 1), scope);
    return ANY;
  }
  if (!["any", "map", "object"].includes(subject.kind)) {
    checker.mismatch(part(node, 0), "a map", subject, "Only maps and objects have keys.");
    return ANY;
  }
  if (node.name === "keys") return { kind: "list", item: STRING };
  if (node.name === "values") return { kind: "list", item: subject.kind === "map" ? subject.value : ANY };
  const key = part(node, 1);
  checker.type(key, scope);
  if (key.kind !== "literal" || typeof key.value !== "string")
    return subject.kind === "map" ? subject.value : ANY;
  const found = fieldType(subject, key.value);
  if (!("unknown" in found)) return found;
  const advice = didYouMean(key.value, found.unknown, "Add the field to the schema, or correct its name.");
  checker.report(key, { code: "pql.field", expected: "a field of the schema", came: key.value, advice });
  return ANY;
}

function checkTime(checker: Checker, node: Call, scope: Names): Type {
  if (node.name === "date") {
    for (const arg of node.args) checker.number(arg, scope);
    const [year, month, day] = node.args.map((arg) => (arg.kind === "literal" ? arg.value : undefined));
    if (typeof year === "number" && typeof month === "number" && typeof day === "number") {
      const date = new Date(Date.UTC(2000, month - 1, day));
      date.setUTCFullYear(year, month - 1, day);
      if (date.getUTCMonth() !== month - 1 || date.getUTCDate() !== day) {
        const came = `date(${year}, ${month}, ${day})`;
        checker.report(node, {
          code: "pql.argument",
          expected: "a day of the calendar",
          came,
          advice: "Write date(year, month, day).",
        });
      }
    }
    return TIME;
  }
  if (node.args[0]) checker.time(node.args[0], scope);
  return NUMBER;
}

function checkAudience(checker: Checker, node: Call): void {
  const [id, namespace] = node.args;
  const foreign = namespace?.kind === "literal" && namespace.value !== "ups";
  if (checker.audiences === undefined || foreign || id?.kind !== "literal" || typeof id.value !== "string")
    return;
  if (checker.audiences.includes(id.value)) return;
  const advice = didYouMean(id.value, checker.audiences, "Create the audience first.");
  checker.report(node, { code: "pql.audience", expected: "the id of an audience", came: id.value, advice });
}

import type { JsonSchema } from "@tessera/xdm";
import { type Occurrence, type Pql, positionOf, type VariableDeclaration } from "../ast.ts";
import type { Fault } from "../pql/issue.ts";
import { didYouMean } from "../pql/nearest.ts";
import { checkCall } from "./calls.ts";
import {
  ANY,
  BOOLEAN,
  compatible,
  either,
  fieldType,
  isTime,
  NUMBER,
  STRING,
  TIME,
  type Type,
  typeName,
  typeOfSchema,
} from "./value-types.ts";

/** What names mean where an expression stands. */
export interface Names {
  readonly names: ReadonlyMap<string, Type>;
  readonly contexts: readonly Type[];
}

/** Fields of the person that every profile may have, whatever the schema. */
const ALWAYS: Readonly<Record<string, Type>> = {
  xEvent: { kind: "list", item: ANY },
  segmentMembership: ANY,
  identityMap: ANY,
  consents: ANY,
};

/** Works out types and reports what does not fit. */
export class Checker {
  readonly faults: Fault[] = [];
  readonly #person: Type;
  /** The ids that `inSegment` may name; `undefined` when any may be. */
  readonly audiences: readonly string[] | undefined;

  constructor(schema: JsonSchema | undefined, audiences: readonly string[] | undefined) {
    this.#person = typeOfSchema(schema);
    this.audiences = audiences;
  }

  /** The type of a whole definition. */
  check(pql: Pql): Type {
    return this.type(pql, { names: new Map(), contexts: [] });
  }

  report(node: Pql, fault: Omit<Fault, "offset">): void {
    if (this.faults.length < 50) this.faults.push({ ...fault, offset: positionOf(node) });
  }

  /** Reports that a part has the wrong type. */
  mismatch(node: Pql, expected: string, came: Type, advice: string): void {
    this.report(node, { code: "pql.type", expected, came: typeName(came), advice });
  }

  type(node: Pql, scope: Names): Type {
    switch (node.kind) {
      case "literal":
        return {
          String: STRING,
          Integer: NUMBER,
          Double: NUMBER,
          Boolean: BOOLEAN,
          Null: { kind: "null" } as const,
        }[node.type];
      case "list":
        return { kind: "list", item: this.#common(node.items, scope) };
      case "object":
        for (const field of node.fields) this.type(field.value, scope);
        return ANY;
      case "context":
        return scope.contexts[scope.contexts.length - 1 - node.levels] ?? this.#person;
      case "parameter":
        return node.position === 2 ? this.#root("xEvent") : this.#person;
      case "variable":
        return scope.names.get(node.name) ?? ANY;
      case "field":
        return this.#field(node, scope);
      case "item":
        return this.itemOf(node.list, scope);
      case "and":
      case "or":
        for (const item of node.items) this.condition(item, scope);
        return BOOLEAN;
      case "not":
        this.condition(node.operand, scope);
        return BOOLEAN;
      case "negate":
        this.number(node.operand, scope);
        return NUMBER;
      case "compare":
        return this.#compare(node, scope);
      case "arithmetic":
        this.number(node.left, scope);
        this.number(node.right, scope);
        return NUMBER;
      case "call":
        return checkCall(this, node, scope);
      case "lambda": {
        const types = [this.#person, this.#root("xEvent")];
        const names = new Map(node.params.map((param, index) => [param, types[index] ?? ANY] as const));
        return this.type(node.body, { names, contexts: [this.#person] });
      }
      case "if":
        this.condition(node.test, scope);
        return either(this.type(node.then, scope), this.type(node.otherwise, scope));
      case "let": {
        const names = new Map([...scope.names, [node.name, this.type(node.value, scope)] as const]);
        return this.type(node.body, { ...scope, names });
      }
      case "quantifier":
        this.#declare(node.variables, scope);
        return BOOLEAN;
      case "select": {
        const inner = this.#declare(node.variables, scope);
        return { kind: "list", item: inner.names.get(node.variables[0]?.name ?? "") ?? ANY };
      }
      case "aggregate": {
        const value = this.type(node.value, this.#declare(node.variables, scope));
        return this.aggregated(node, node.fn, value);
      }
      case "moment":
      case "period":
        return TIME;
      case "offset":
        this.time(node.from, scope);
        return TIME;
      case "occurs":
        this.time(node.subject, scope);
        this.#occurrence(node.when, scope);
        return BOOLEAN;
      case "chain":
        return this.#chain(node, scope);
    }
  }

  /** Checks a part that is used as a condition. */
  condition(node: Pql, scope: Names): void {
    const type = this.type(node, scope);
    if (node.kind === "literal" && type.kind !== "boolean") {
      this.mismatch(node, "a condition", type, "Compare the value with something.");
    }
  }

  number(node: Pql, scope: Names): void {
    const type = this.type(node, scope);
    if (type.kind !== "number" && type.kind !== "any")
      this.mismatch(node, "a number", type, "Use a numeric value.");
  }

  time(node: Pql, scope: Names): void {
    const type = this.type(node, scope);
    if (!isTime(type))
      this.mismatch(node, "a time", type, "Use a date, a date-time field or a word such as now.");
  }

  /** The type of the items of a list expression, reported when it is no list. */
  itemOf(node: Pql, scope: Names): Type {
    const type = this.type(node, scope);
    if (type.kind === "list") return type.item;
    if (type.kind === "map") return type.value;
    if (type.kind !== "any") this.mismatch(node, "a list", type, "Use a list here.");
    return ANY;
  }

  /** The type of an aggregation over values of a type. */
  aggregated(node: Pql, fn: string, value: Type): Type {
    const numeric = fn === "sum" || fn === "average";
    if (numeric && value.kind !== "number" && value.kind !== "any") {
      this.mismatch(node, `numbers for ${fn}`, value, "Name the numeric field to add up.");
    }
    return numeric || fn === "count" ? NUMBER : value;
  }

  #root(name: string): Type {
    const type = fieldType(this.#person, name);
    return "unknown" in type ? (ALWAYS[name] ?? ANY) : type;
  }

  #common(items: readonly Pql[], scope: Names): Type {
    const types = items.map((item) => this.type(item, scope));
    const [first = ANY, ...rest] = types;
    return rest.reduce(either, first);
  }

  #field(node: Pql & { readonly kind: "field" }, scope: Names): Type {
    const object = this.type(node.object, scope);
    const found = fieldType(object, node.name);
    if (!("unknown" in found)) return found;
    const always =
      object === this.#person && Object.hasOwn(ALWAYS, node.name) ? ALWAYS[node.name] : undefined;
    if (always) return always;
    const expected = found.unknown.length === 0 ? `no field of ${typeName(object)}` : "a field of the schema";
    const advice = didYouMean(node.name, found.unknown, this.#elsewhere(node.name));
    this.report(node, { code: "pql.field", expected, came: node.name, advice });
    return ANY;
  }

  #elsewhere(name: string): string {
    const events = this.#root("xEvent");
    const inEvents =
      events.kind === "list" && !("unknown" in fieldType(events.item, name)) && events.item.kind !== "any";
    return inEvents
      ? "Events have this field: look for it with xEvent[…], exists or CHAIN."
      : "Add the field to the schema, or correct its name.";
  }

  #compare(node: Pql & { readonly kind: "compare" }, scope: Names): Type {
    const [left, right] = [this.type(node.left, scope), this.type(node.right, scope)];
    if (left.kind === "null" || right.kind === "null") {
      this.mismatch(
        node,
        "a value",
        { kind: "null" },
        "A comparison with null is never true: use isNull() or isNotNull().",
      );
      return BOOLEAN;
    }
    if (!compatible(left, right)) {
      const listed = left.kind === "list" || right.kind === "list";
      const advice = listed
        ? "Look into a list with exists, select, includes or [condition]."
        : "The types of both sides must be the same.";
      this.mismatch(node.right, typeName(left), right, advice);
    } else if (node.op !== "=" && node.op !== "!=") {
      const unordered = [left, right].find(
        (type) => !["any", "number", "string", "time", "object"].includes(type.kind),
      );
      if (unordered) this.mismatch(node, "numbers, strings or times", unordered, "Only these have an order.");
    }
    return BOOLEAN;
  }

  #declare(variables: readonly VariableDeclaration[], scope: Names): Names {
    let inner = scope;
    for (const variable of variables) {
      const item = this.itemOf(variable.from, inner);
      inner = { ...inner, names: new Map([...inner.names, [variable.name, item] as const]) };
      if (variable.where) this.condition(variable.where, inner);
    }
    return inner;
  }

  #occurrence(when: Occurrence, scope: Names): void {
    switch (when.kind) {
      case "within":
        this.time(when.from, scope);
        break;
      case "side":
      case "on":
        this.time(when.time, scope);
        break;
      case "between":
        this.time(when.start, scope);
        this.time(when.end, scope);
        break;
    }
  }

  #chain(node: Pql & { readonly kind: "chain" }, scope: Names): Type {
    const item = this.itemOf(node.source, scope);
    let time = item;
    for (const name of node.timestamp) {
      const next = fieldType(time, name);
      if ("unknown" in next) {
        const advice = didYouMean(name, next.unknown, "Name the time field of the items.");
        this.report(node, { code: "pql.field", expected: "the time field of the items", came: name, advice });
        break;
      }
      time = next;
    }
    let { names } = scope;
    for (const step of node.steps) {
      const own = step.name === undefined ? names : new Map([...names, [step.name, item] as const]);
      this.condition(step.what, { names: own, contexts: [...scope.contexts, item] });
      const times = step.name === undefined ? names : new Map([...names, [step.name, TIME] as const]);
      for (const when of step.when) this.#occurrence(when, { ...scope, names: times });
      names = own;
    }
    return BOOLEAN;
  }
}

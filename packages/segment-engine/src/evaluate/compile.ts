import type { Occurrence, Pql, VariableDeclaration } from "../ast.ts";
import { type MovingTime, nowTime, shiftTime, timeOf, unitTime } from "../time/moving-time.ts";
import { liesBetween, liesOnSide, liesWithin, overlaps } from "../time/occurs.ts";
import { compileCall } from "./call.ts";
import { compileChain } from "./chain.ts";
import {
  type Code,
  CodeTable,
  joinFree,
  ROOT,
  type Run,
  type Scope,
  withItem,
  without,
  withNames,
} from "./code.ts";
import type { EvaluationContext } from "./context.ts";
import { compileAggregate, compileQuantifier, compileSelect } from "./quantifier.ts";
import { compare, fieldOf, itemsOf, truth } from "./values.ts";

const NONE: ReadonlySet<number> = new Set();

/** Turns expressions into closures, equal ones into the same. Holds no data of any person. */
export class Compiler {
  readonly table: CodeTable = new CodeTable();
  /** The number in the plan of an audience that `inSegment` names; `undefined` when the plan does not hold it. */
  readonly audience: (id: string) => number | undefined;

  readonly #person: Code;
  readonly #events: Code;

  constructor(audience: (id: string) => number | undefined) {
    this.audience = audience;
    this.#person = this.table.intern("person", NONE, () => (context) => ({
      ...context.attributes,
      xEvent: context.events,
      segmentMembership: context.memberships,
    }));
    this.#events = this.table.intern("events", NONE, () => (context) => context.events);
  }

  /** The code of an expression in a scope. */
  compile(node: Pql, scope: Scope = ROOT): Code {
    switch (node.kind) {
      case "literal":
        return this.table.literal(node);
      case "list":
        return this.#list(node.items, scope);
      case "object":
        return this.#object(node.fields, scope);
      case "context":
        return this.#context(scope.contexts.length - 1 - node.levels, scope);
      case "parameter":
        return node.position === 2 ? this.#events : this.#person;
      case "variable":
        return this.#variable(node.name, scope);
      case "field":
        return this.#field(node, scope);
      case "item": {
        const list = this.compile(node.list, scope);
        return this.table.intern(`item ${list.id} ${node.index}`, list.free, () => (context) => {
          return itemsOf(list.run(context))?.[node.index];
        });
      }
      case "and":
      case "or":
        return this.#connective(node.kind, node.items, scope);
      case "not": {
        const operand = this.compile(node.operand, scope);
        return this.table.intern(
          `not ${operand.id}`,
          operand.free,
          () => (context) => !truth(operand.run(context)),
        );
      }
      case "negate": {
        const operand = this.compile(node.operand, scope);
        return this.table.intern(`negate ${operand.id}`, operand.free, () => (context) => {
          const value = operand.run(context);
          return typeof value === "number" ? -value : null;
        });
      }
      case "compare": {
        const [left, right] = [this.compile(node.left, scope), this.compile(node.right, scope)];
        const { op } = node;
        const make = (): Run => (context) => compare(context, op, left.run(context), right.run(context));
        return this.table.intern(`${op} ${left.id} ${right.id}`, joinFree(left.free, right.free), make, true);
      }
      case "arithmetic":
        return this.#arithmetic(node, scope);
      case "call":
        return compileCall(this, node, scope);
      case "lambda":
        return this.compile(node.body, this.#lambdaScope(node.params));
      case "if": {
        const parts = [node.test, node.then, node.otherwise].map((part) => this.compile(part, scope));
        const [test, then, otherwise] = parts as [Code, Code, Code];
        const free = joinFree(test.free, then.free, otherwise.free);
        return this.table.intern(
          `if ${test.id} ${then.id} ${otherwise.id}`,
          free,
          () => (context) => (truth(test.run(context)) ? then.run(context) : otherwise.run(context)),
        );
      }
      case "let":
        return this.#let(node, scope);
      case "quantifier":
        return compileQuantifier(this, node, scope);
      case "select":
        return compileSelect(this, node.variables, scope);
      case "aggregate":
        return compileAggregate(this, node, scope);
      case "moment":
        return this.#moment(node.word);
      case "period": {
        const offset = { this: 0, last: -1, next: 1 }[node.which];
        return this.table.intern(
          `period ${offset} ${node.unit}`,
          NONE,
          () => (context) => unitTime(context.now, node.unit, offset),
        );
      }
      case "offset": {
        const from = this.compile(node.from, scope);
        return this.table.intern(
          `offset ${node.amount} ${node.unit} ${node.direction} ${from.id}`,
          from.free,
          () => {
            return (context) => {
              const time = timeOf(from.run(context));
              return time && shiftTime(time, node);
            };
          },
        );
      }
      case "occurs": {
        const subject = this.compile(node.subject, scope);
        const when = this.occurrence(node.when, scope);
        const make = (): Run => (context) => {
          const time = timeOf(subject.run(context));
          return time !== undefined && when.holds(context, time);
        };
        return this.table.intern(
          `occurs ${subject.id} ${when.key}`,
          joinFree(subject.free, when.free),
          make,
          true,
        );
      }
      case "chain":
        return compileChain(this, node, scope);
    }
  }

  /** A code that is always the same value. */
  constant(key: string, value: unknown): Code {
    return this.table.intern(`constant ${key}`, NONE, () => () => value);
  }

  /** The test of a time against an occurrence. */
  occurrence(when: Occurrence, scope: Scope): CompiledOccurrence {
    switch (when.kind) {
      case "within": {
        const from = this.compile(when.from, scope);
        const { op, amount, unit, direction } = when;
        return {
          key: `within ${op} ${amount} ${unit} ${direction} ${from.id}`,
          free: from.free,
          holds: (context, time) => {
            const reference = timeOf(from.run(context));
            return reference !== undefined && liesWithin(context, time, when, reference);
          },
        };
      }
      case "side": {
        const code = this.compile(when.time, scope);
        const { direction } = when;
        return {
          key: `${direction} ${code.id}`,
          free: code.free,
          holds: (context, time) => {
            const reference = timeOf(code.run(context));
            return reference !== undefined && liesOnSide(context, time, direction, reference);
          },
        };
      }
      case "on": {
        const code = this.compile(when.time, scope);
        return {
          key: `on ${code.id}`,
          free: code.free,
          holds: (context, time) => {
            const reference = timeOf(code.run(context));
            return reference !== undefined && overlaps(context, time, reference);
          },
        };
      }
      case "between": {
        const [start, end] = [this.compile(when.start, scope), this.compile(when.end, scope)];
        return {
          key: `between ${start.id} ${end.id}`,
          free: joinFree(start.free, end.free),
          holds: (context, time) => {
            const [from, to] = [timeOf(start.run(context)), timeOf(end.run(context))];
            return from !== undefined && to !== undefined && liesBetween(context, time, from, to);
          },
        };
      }
    }
  }

  /** A lambda over the items of a list: the slots it fills and its code. */
  each(
    node: Pql,
    scope: Scope,
  ): { readonly slots: readonly number[]; readonly code: Code; readonly key: string } {
    const params = node.kind === "lambda" ? node.params : [];
    const body = node.kind === "lambda" ? node.body : node;
    const slot = scope.next;
    const slots = params.length > 1 ? params.map((_, index) => slot + index) : [slot];
    const inner = withNames(
      withItem(scope),
      params.map((param, index) => [param, slot + index] as const),
      slot + slots.length,
    );
    const code = this.compile(body, inner);
    return { slots, code, key: `each ${slots.join("+")} ${code.id}` };
  }

  /** A declaration `X from list where …`: the slot, the list, the condition, and the scope after it. */
  declare(variable: VariableDeclaration, scope: Scope): Declared {
    const from = this.compile(variable.from, scope);
    const slot = scope.next;
    const inner = withNames(scope, [[variable.name, slot]], slot + 1);
    const where = variable.where && this.compile(variable.where, inner);
    return { slot, from, where, inner };
  }

  #lambdaScope(params: readonly string[]): Scope {
    // The parameters of a whole definition are the person and the events.
    const names = params.slice(0, 2).map((param, index) => [param, index === 0 ? PERSON : EVENTS] as const);
    return { names: new Map(names), contexts: [PERSON], next: 0 };
  }

  #slot(slot: number): Code {
    if (slot === PERSON) return this.#person;
    if (slot === EVENTS) return this.#events;
    return this.table.intern(`slot ${slot}`, new Set([slot]), () => (context) => context.env[slot]);
  }

  #context(index: number, scope: Scope): Code {
    const slot = scope.contexts[index];
    return slot === undefined ? this.#person : this.#slot(slot);
  }

  #variable(name: string, scope: Scope): Code {
    const slot = scope.names.get(name);
    return slot === undefined ? this.constant("Null null", null) : this.#slot(slot);
  }

  #field(node: Pql & { readonly kind: "field" }, scope: Scope): Code {
    const { name } = node;
    const object = this.compile(node.object, scope);
    if (object !== this.#person)
      return this.table.field(object, name, () => (context) => fieldOf(object.run(context), name));
    if (name === "xEvent") return this.#events;
    if (name === "segmentMembership") {
      return this.table.intern("memberships", NONE, () => (context) => context.memberships);
    }
    return this.table.field(object, name, () => (context) => fieldOf(context.attributes, name));
  }

  #list(items: readonly Pql[], scope: Scope): Code {
    if (items.every((item) => item.kind === "literal")) {
      const key = items.map((item) => `${item.type} ${JSON.stringify(item.value)}`).join(",");
      return this.constant(
        `[${key}]`,
        items.map((item) => item.value),
      );
    }
    const codes = items.map((item) => this.compile(item, scope));
    return this.table.intern(
      `list ${codes.map((code) => code.id).join(" ")}`,
      joinFree(...codes.map((code) => code.free)),
      () => (context) => codes.map((code) => code.run(context)),
    );
  }

  #object(fields: readonly { readonly name: string; readonly value: Pql }[], scope: Scope): Code {
    const codes = fields.map((field) => ({ name: field.name, code: this.compile(field.value, scope) }));
    const key = codes.map(({ name, code }) => `${JSON.stringify(name)}:${code.id}`).join(" ");
    return this.table.intern(
      `object ${key}`,
      joinFree(...codes.map(({ code }) => code.free)),
      () => (context) => Object.fromEntries(codes.map(({ name, code }) => [name, code.run(context) ?? null])),
    );
  }

  #connective(kind: "and" | "or", items: readonly Pql[], scope: Scope): Code {
    const codes = items.map((item) => this.compile(item, scope));
    const stop = kind === "or";
    const key = `${kind} ${codes.map((code) => code.id).join(" ")}`;
    return this.table.intern(key, joinFree(...codes.map((code) => code.free)), () => (context) => {
      for (const code of codes) if (truth(code.run(context)) === stop) return stop;
      return !stop;
    });
  }

  #arithmetic(node: Pql & { readonly kind: "arithmetic" }, scope: Scope): Code {
    const [left, right] = [this.compile(node.left, scope), this.compile(node.right, scope)];
    const { op } = node;
    return this.table.intern(
      `${op} ${left.id} ${right.id}`,
      joinFree(left.free, right.free),
      () => (context) => {
        const [a, b] = [left.run(context), right.run(context)];
        return typeof a === "number" && typeof b === "number" ? calculate(op, a, b) : null;
      },
    );
  }

  #let(node: Pql & { readonly kind: "let" }, scope: Scope): Code {
    const value = this.compile(node.value, scope);
    const slot = scope.next;
    const body = this.compile(node.body, withNames(scope, [[node.name, slot]], slot + 1));
    const free = joinFree(value.free, without(body.free, slot));
    return this.table.intern(`let ${slot} ${value.id} ${body.id}`, free, () => (context) => {
      context.env[slot] = value.run(context);
      return body.run(context);
    });
  }

  #moment(word: "now" | "today" | "yesterday" | "tomorrow"): Code {
    if (word === "now") return this.table.intern("now", NONE, () => (context) => nowTime(context.now));
    const offset = { today: 0, yesterday: -1, tomorrow: 1 }[word];
    return this.table.intern(
      `period ${offset} day`,
      NONE,
      () => (context) => unitTime(context.now, "day", offset),
    );
  }
}

const PERSON = -1;
const EVENTS = -2;

/** An occurrence ready to be asked. */
export interface CompiledOccurrence {
  readonly key: string;
  readonly free: ReadonlySet<number>;
  readonly holds: (context: EvaluationContext, time: MovingTime) => boolean;
}

/** A declared variable ready to be run over its list. */
export interface Declared {
  readonly slot: number;
  readonly from: Code;
  readonly where: Code | undefined;
  readonly inner: Scope;
}

function calculate(op: "+" | "-" | "*" | "/" | "%", a: number, b: number): number | null {
  const result = { "+": a + b, "-": a - b, "*": a * b, "/": a / b, "%": a % b }[op];
  return Number.isFinite(result) ? result : null;
}

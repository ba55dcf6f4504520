import type { ChainStep, Pql, VariableDeclaration } from "./ast.ts";
import { lookBackOf } from "./time/look-back.ts";

/** Where a value comes from: the person's attributes or an event, and the path there. */
interface Origin {
  readonly of: "attributes" | "events" | "none";
  readonly path: readonly string[];
}

/** One place where a definition looks at events. */
export interface EventUse {
  readonly node: Pql;
  /** How old an event that counts can be, in milliseconds; `undefined` without limit. */
  readonly lookBack: number | undefined;
  /** Whether the use asks that there be *no* event (not, none, a negated step). */
  readonly negated: boolean;
  /** Whether more than one event has to be looked at: a count, a sum, a sequence. */
  readonly several: boolean;
}

/** What one definition reads. */
export interface Reads {
  /** Dotted paths of attributes; `*` when the whole person is taken. */
  readonly attributes: ReadonlySet<string>;
  /** Dotted paths within events; `*` when whole events are taken. */
  readonly events: ReadonlySet<string>;
  readonly uses: readonly EventUse[];
}

interface Names {
  readonly names: ReadonlyMap<string, Origin>;
  readonly contexts: readonly Origin[];
}

const PERSON: Origin = { of: "attributes", path: [] };
const EVENTS: Origin = { of: "events", path: [] };
const NOWHERE: Origin = { of: "none", path: [] };
const NO_NAMES: Names = { names: new Map(), contexts: [] };

/** The functions that hand on items of their list as they are. */
const PASSING = new Set([
  "filter",
  "topN",
  "bottomN",
  "head",
  "distinct",
  "groupBy",
  "values",
  "intersection",
]);
const SEVERAL = new Set(["count", "sum", "average", "min", "max", "groupBy", "topN", "bottomN", "distinct"]);

/** Finds out which attributes and event fields a definition reads, and how it looks at events. */
export function readsOf(pql: Pql): Reads {
  const reader = new Reader();
  reader.value(pql, NO_NAMES, false);
  return { attributes: reader.attributes, events: reader.events, uses: reader.uses };
}

class Reader {
  readonly attributes = new Set<string>();
  readonly events = new Set<string>();
  readonly uses: EventUse[] = [];

  /** Reads an expression whose value is used as it is. */
  value(node: Pql, scope: Names, negated: boolean): void {
    this.#record(this.#origin(node, scope, negated));
  }

  #record(origin: Origin): void {
    if (origin.of === "none") return;
    const set = origin.of === "attributes" ? this.attributes : this.events;
    set.add(origin.path.length === 0 ? "*" : origin.path.join("."));
  }

  #origin(node: Pql, scope: Names, negated: boolean): Origin {
    switch (node.kind) {
      case "context":
        return scope.contexts[scope.contexts.length - 1 - node.levels] ?? PERSON;
      case "parameter":
        return node.position === 2 ? EVENTS : PERSON;
      case "variable":
        return scope.names.get(node.name) ?? NOWHERE;
      case "field":
        return this.#field(node, scope, negated);
      case "item":
        return this.#origin(node.list, scope, negated);
      case "call":
        return this.#call(node, scope, negated);
      case "quantifier":
      case "select":
      case "aggregate":
        return this.#declared(node, scope, negated);
      case "chain":
        this.#chain(node, scope, negated);
        return NOWHERE;
      case "lambda": {
        const names = new Map(
          node.params.map((param, index) => [param, index === 0 ? PERSON : EVENTS] as const),
        );
        return this.#origin(node.body, { names, contexts: [PERSON] }, negated);
      }
      case "let": {
        const origin = this.#origin(node.value, scope, negated);
        this.#record(origin);
        const names = new Map([...scope.names, [node.name, origin] as const]);
        return this.#origin(node.body, { ...scope, names }, negated);
      }
      default:
        this.#parts(node, scope, negated);
        return NOWHERE;
    }
  }

  #parts(node: Pql, scope: Names, negated: boolean): void {
    for (const part of partsOf(node)) {
      if (part.kind !== "literal") this.value(part, scope, node.kind === "not" ? !negated : negated);
    }
  }

  #field(node: Pql & { readonly kind: "field" }, scope: Names, negated: boolean): Origin {
    const object = this.#origin(node.object, scope, negated);
    if (object.of === "none") return NOWHERE;
    if (object.of === "attributes" && object.path.length === 0 && node.name === "xEvent") return EVENTS;
    return { of: object.of, path: [...object.path, node.name] };
  }

  #call(node: Pql & { readonly kind: "call" }, scope: Names, negated: boolean): Origin {
    const [list, ...rest] = node.args;
    if (list === undefined) return NOWHERE;
    const own = SEVERAL.has(node.name);
    const lambda = rest.find((arg) => arg.kind === "lambda");
    const origin = this.#origin(list, scope, negated);
    if (origin.of === "events" && origin.path.length === 0) {
      const body = lambda?.kind === "lambda" ? lambda.body : undefined;
      const condition = node.name === "filter" || node.name === "exists" ? body : undefined;
      const inner = condition && lambda?.kind === "lambda" ? withItem(scope, lambda.params, origin) : scope;
      if (list.kind === "field" || list.kind === "parameter" || list.kind === "variable") {
        this.uses.push({
          node,
          negated,
          several: own,
          lookBack: condition && this.#conditionLimit(condition, inner),
        });
      } else if (own) this.#markSeveral(list);
    } else if (lambda !== undefined || !PASSING.has(node.name)) this.#record(origin);
    for (const arg of rest) {
      if (arg.kind === "lambda") this.value(arg.body, withItem(scope, arg.params, origin), negated);
      else if (arg.kind !== "literal") this.value(arg, scope, negated);
    }
    return PASSING.has(node.name) && origin.of === "events" ? origin : NOWHERE;
  }

  #markSeveral(node: Pql): void {
    const index = this.uses.findIndex((use) => use.node === node);
    const use = this.uses[index];
    if (use) this.uses[index] = { ...use, several: true };
    else if (node.kind === "call" && node.args[0]) this.#markSeveral(node.args[0]);
  }

  #declared(
    node: Pql & { readonly kind: "quantifier" | "select" | "aggregate" },
    scope: Names,
    negated: boolean,
  ): Origin {
    let inner = scope;
    let first = NOWHERE;
    const none = node.kind === "quantifier" && node.quantifier === "none";
    const several = node.kind === "aggregate" || (node.kind === "quantifier" && node.quantifier === "one");
    for (const variable of node.variables) {
      const origin = this.#origin(variable.from, inner, negated);
      if (first === NOWHERE) first = origin;
      inner = { ...inner, names: new Map([...inner.names, [variable.name, origin] as const]) };
      this.#use(node, variable, { scope: inner, origin, negated: negated !== none, several });
      if (variable.where) this.value(variable.where, inner, negated);
    }
    if (node.kind === "aggregate") this.value(node.value, inner, negated);
    return node.kind === "select" && first.of === "events" ? first : NOWHERE;
  }

  #use(
    node: Pql,
    variable: VariableDeclaration,
    how: {
      readonly scope: Names;
      readonly origin: Origin;
      readonly negated: boolean;
      readonly several: boolean;
    },
  ): void {
    if (how.origin.of === "none") return;
    if (how.origin.path.length > 0) {
      this.#record(how.origin);
      return;
    }
    if (how.origin.of === "attributes") return;
    const all = node.kind === "quantifier" && node.quantifier === "forall";
    const limit = variable.where && !all ? this.#conditionLimit(variable.where, how.scope) : undefined;
    this.uses.push({ node, lookBack: limit, negated: how.negated, several: how.several || all });
  }

  /** The age limit that a condition on an event sets: the least of those joined by `and`. */
  #conditionLimit(condition: Pql, scope: Names): number | undefined {
    if (condition.kind === "and") {
      const limits = condition.items.flatMap((item) => this.#conditionLimit(item, scope) ?? []);
      return limits.length === 0 ? undefined : Math.min(...limits);
    }
    if (condition.kind !== "occurs") return undefined;
    const quiet = new Reader();
    const origin = quiet.#origin(condition.subject, scope, false);
    const isTime =
      origin.of === "events" && (origin.path.length === 0 || origin.path.join(".") === "timestamp");
    return isTime ? lookBackOf(condition.when) : undefined;
  }

  #chain(node: Pql & { readonly kind: "chain" }, scope: Names, negated: boolean): void {
    const source = this.#origin(node.source, scope, negated);
    const ofEvents = source.of === "events" && source.path.length === 0;
    if (!ofEvents) this.#record(source);
    else this.events.add(node.timestamp.join("."));
    let names: ReadonlyMap<string, Origin> = scope.names;
    let bounded: number | undefined;
    for (const step of node.steps) {
      const limits = step.when.flatMap((when) => lookBackOf(when) ?? []);
      const own = limits.length === 0 ? bounded : Math.min(...limits, bounded ?? Infinity);
      const inside = step.name === undefined ? names : new Map([...names, [step.name, source] as const]);
      if (ofEvents) this.uses.push(stepUse(node, step, own, negated));
      this.value(step.what, { names: inside, contexts: [...scope.contexts, source] }, negated);
      for (const part of step.when.flatMap(timesOf)) this.#time(part, { ...scope, names }, negated);
      if (!step.negated && own !== undefined) bounded = own;
      names = inside;
    }
  }

  /** Reads a time of a `WHEN`; a step's name there stands for the time of its event. */
  #time(part: Pql, scope: Names, negated: boolean): void {
    if (part.kind !== "variable") this.value(part, scope, negated);
  }
}

function stepUse(node: Pql, step: ChainStep, lookBack: number | undefined, negated: boolean): EventUse {
  const many = step.count !== undefined && !(step.count.op === ">=" && step.count.value <= 1);
  const several = many || (node.kind === "chain" && node.steps.length > 1);
  return { node, lookBack, negated: negated !== step.negated, several };
}

function timesOf(when: ChainStep["when"][number]): readonly Pql[] {
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

function withItem(scope: Names, params: readonly string[], origin: Origin): Names {
  const pairs = params.map(
    (param, index) => [param, params.length > 1 && index === 0 ? NOWHERE : origin] as const,
  );
  return {
    names: new Map([...scope.names, ...pairs]),
    contexts: [...scope.contexts, params.length > 1 ? NOWHERE : origin],
  };
}

/** The parts of the nodes that bind nothing. */
function partsOf(node: Pql): readonly Pql[] {
  switch (node.kind) {
    case "list":
    case "and":
    case "or":
      return node.items;
    case "object":
      return node.fields.map((field) => field.value);
    case "not":
    case "negate":
      return [node.operand];
    case "compare":
    case "arithmetic":
      return [node.left, node.right];
    case "if":
      return [node.test, node.then, node.otherwise];
    case "offset":
      return [node.from];
    case "occurs":
      return [node.subject, ...timesOf(node.when)];
    default:
      return NO_PARTS;
  }
}

const NO_PARTS: readonly Pql[] = [];

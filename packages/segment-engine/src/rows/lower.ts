import type { Comparison, Pql } from "../ast.ts";
import { readsOf } from "../event-reads.ts";
import type { Code } from "../evaluate/code.ts";
import { Compiler } from "../evaluate/compile.ts";
import { nodes } from "../pql/walk.ts";
import type { EventCondition } from "./dispatch.ts";
import { declaredSource, type EventSource, eventSource, narrowedByEach } from "./event-source.ts";
import { hangsOnClock, itemCondition } from "./item-condition.ts";
import type { AttributeLeaf, FoldedValue, Leaf } from "./leaf.ts";
import { lowerChain } from "./lower-chain.ts";
import { withoutCovered } from "../fields.ts";

/** A boolean expression over leaves, each distinct part once. */
export type Formula =
  | { readonly kind: "leaf"; readonly id: number; readonly leaf: Leaf }
  | { readonly kind: "and" | "or"; readonly id: number; readonly items: readonly Formula[] }
  | { readonly kind: "not"; readonly id: number; readonly operand: Formula };

/** Takes definitions apart into conditions that can be kept up, sharing equal ones over all audiences. */
export class Lowering {
  readonly compiler: Compiler;
  readonly conditions: EventCondition[] = [];
  /** The distinct leaves in order of first use. */
  readonly leaves: Formula[] = [];
  /** Whether the definition lowered last names an audience of the plan within another kind of expression. */
  entangled = false;
  readonly #audience: (id: string) => Formula | undefined;
  readonly #known = new Map<string, Formula>();
  readonly #conditionNumbers = new Map<string, number>();
  /** The leaves that stand for whole codes, by the id of the code. */
  readonly #wholes = new Map<number, Formula>();
  #formulas = 0;

  constructor(audience: (id: string) => Formula | undefined) {
    this.#audience = audience;
    // Audiences of the plan are formulas here; a code that names one within is never run (`entangled`).
    this.compiler = new Compiler(() => undefined);
  }

  /** The formula of a definition. */
  lower(pql: Pql): Formula {
    switch (pql.kind) {
      case "and":
      case "or":
        return this.join(
          pql.kind,
          pql.items.map((item) => this.lower(item)),
        );
      case "not":
        return this.not(this.lower(pql.operand));
      case "literal":
        return this.constant(pql.value !== null && pql.value !== false);
      case "call":
        if (pql.name === "inSegment") return this.#inSegment(pql);
        break;
      default:
    }
    return this.#events(pql) ?? this.#whole(pql);
  }

  join(kind: "and" | "or", items: readonly Formula[]): Formula {
    const [only] = items;
    if (items.length === 1 && only) return only;
    const ids = [...new Set(items.map((item) => item.id))].sort((a, b) => a - b);
    return this.#intern(`${kind} ${ids.join(" ")}`, (id) => ({ kind, id, items }));
  }

  not(operand: Formula): Formula {
    return this.#intern(`not ${operand.id}`, (id) => ({ kind: "not", id, operand }));
  }

  constant(value: boolean): Formula {
    return this.join(value ? "and" : "or", []);
  }

  /** The person refuses being put into audiences. */
  refuses(): Formula {
    const path = ["consents"];
    return this.leaf("refuses", {
      kind: "attribute",
      path,
      reads: path,
      node: "refuses",
      code: undefined,
    });
  }

  leaf(key: string, leaf: Leaf): Formula {
    return this.#intern(key, (id) => {
      const formula: Formula = { kind: "leaf", id, leaf };
      this.leaves.push(formula);
      return formula;
    });
  }

  #intern(key: string, make: (id: number) => Formula): Formula {
    const known = this.#known.get(key);
    if (known) return known;
    const made = make(this.#formulas++);
    this.#known.set(key, made);
    return made;
  }

  #inSegment(pql: Pql & { readonly kind: "call" }): Formula {
    const [id, namespace] = pql.args;
    if (id?.kind === "literal" && typeof id.value === "string") {
      const own = namespace === undefined || (namespace.kind === "literal" && namespace.value === "ups");
      const audience = own ? this.#audience(id.value) : undefined;
      if (audience) return audience;
    }
    const code = this.compiler.compile(pql);
    return this.leaf(`clock ${code.id}`, { kind: "clock", code, reads: ["segmentMembership"] });
  }

  /** The number of a condition on one event. */
  condition(source: EventSource): number {
    const { conditions } = source;
    const [only] = conditions;
    const body: Pql = conditions.length === 1 && only ? only : { kind: "and", items: [...conditions] };
    const { slots, code } = this.compiler.each(
      { kind: "lambda", params: [], body },
      { names: new Map(), contexts: [], next: 0 },
    );
    const [slot = 0] = slots;
    const parts = conditions.map((part) => this.compiler.each(part, EMPTY).code.id).sort((a, b) => a - b);
    const key = parts.join(" ");
    const known = this.#conditionNumbers.get(key);
    if (known !== undefined) return known;
    const number = this.conditions.length;
    this.conditions.push({ parts: conditions, slot, code });
    this.#conditionNumbers.set(key, number);
    return number;
  }

  /** At least so many events of a source. */
  atLeast(source: EventSource, least: number): Formula {
    if (least <= 0) return this.constant(true);
    const { window } = source;
    const condition = this.condition(source);
    return this.leaf(`count ${condition} ${least} ${window?.key ?? ""}`, {
      kind: "count",
      condition,
      least,
      window,
    });
  }

  /** The number of events of a source against a number. */
  counted(source: EventSource, op: Comparison, value: number): Formula {
    const [floor, ceiling] = [Math.floor(value), Math.ceil(value)];
    switch (op) {
      case ">=":
        return this.atLeast(source, ceiling);
      case ">":
        return this.atLeast(source, floor + 1);
      case "<":
        return this.not(this.atLeast(source, ceiling));
      case "<=":
        return this.not(this.atLeast(source, floor + 1));
      case "=":
        if (floor !== ceiling || value < 0) return this.constant(false);
        return this.join("and", [this.atLeast(source, value), this.not(this.atLeast(source, value + 1))]);
      case "!=":
        return this.not(this.counted(source, "=", value));
    }
  }

  /** The events form of an expression, when it has one. */
  #events(pql: Pql): Formula | undefined {
    switch (pql.kind) {
      case "compare":
        return this.#compared(pql);
      case "chain":
        return lowerChain(this, pql);
      case "select": {
        const source = eventSource(pql);
        return source && this.atLeast(source, 1);
      }
      case "quantifier": {
        const [variable] = pql.variables;
        const source = pql.variables.length === 1 && variable ? declaredSource(variable) : undefined;
        if (source === undefined || pql.quantifier === "forall") return undefined;
        if (pql.quantifier === "one") return this.counted(source, "=", 1);
        const some = this.atLeast(source, 1);
        return pql.quantifier === "none" ? this.not(some) : some;
      }
      default: {
        if (pql.kind === "call" && pql.name === "exists") {
          const [list, each] = pql.args;
          const source = list && eventSource(list);
          const own = source && each ? narrowedByEach(source, each) : source;
          return own && this.atLeast(own, 1);
        }
        const source = eventSource(pql);
        return source && this.atLeast(source, 1);
      }
    }
  }

  #compared(pql: Pql & { readonly kind: "compare" }): Formula | undefined {
    const flipped = pql.left.kind === "literal";
    const [fold, bound] = flipped ? [pql.right, pql.left] : [pql.left, pql.right];
    const op = flipped ? MIRRORED[pql.op] : pql.op;
    if (bound.kind !== "literal" || typeof bound.value !== "number") return undefined;
    const { value } = bound;
    if (fold.kind === "call" && fold.name === "count" && fold.args.length === 1) {
      const source = fold.args[0] && eventSource(fold.args[0]);
      return source && this.counted(source, op, value);
    }
    const folded = foldOf(fold);
    if (folded === undefined) return undefined;
    if (folded.fn === "count") return this.counted(folded.source, op, value);
    const { source, fn } = folded;
    const each = this.compiler.each({ kind: "lambda", params: [], body: folded.value }, EMPTY);
    const taken: FoldedValue = {
      key: `${each.code.id} ${folded.spread}`,
      node: folded.value,
      code: each.code,
      slot: each.slots[0] ?? 0,
      spread: folded.spread,
    };
    const condition = this.condition(source);
    return this.leaf(`fold ${fn} ${condition} ${taken.key} ${source.window?.key ?? ""} ${op} ${value}`, {
      kind: "fold",
      condition,
      value: taken,
      fn,
      window: source.window,
      holds: (result) => comparing(op, result, value),
    });
  }

  /** A leaf worked out by the plan's own code. */
  #whole(pql: Pql): Formula {
    const code = this.compiler.compile(pql);
    const known = this.#wholes.get(code.id);
    if (known !== undefined) return known;
    const asked = nodes(pql).filter((node) => node.kind === "call" && node.name === "inSegment");
    const ofPlan = asked.some(
      (node) =>
        node.kind === "call" &&
        node.args[0]?.kind === "literal" &&
        this.#audience(String(node.args[0].value)) !== undefined,
    );
    if (ofPlan) this.entangled = true;
    const made = this.#wholeOf(pql, code, asked.length > 0);
    if (!ofPlan) this.#wholes.set(code.id, made);
    return made;
  }

  #wholeOf(pql: Pql, code: Code, asks: boolean): Formula {
    const reads = readsOf(pql);
    const readsAll = reads.attributes.has("*") || pql.kind === "lambda";
    if (readsAll) return this.#history(code, "the whole profile is taken as a value");
    if (reads.events.size > 0 || reads.uses.length > 0)
      return this.#history(code, "events are looked at in a way that is not kept up event by event");
    const paths = withoutCovered(reads.attributes);
    const elsewhere = paths.some((path) => path.split(".")[0] === "segmentMembership");
    if (hangsOnClock(pql) || elsewhere || asks) {
      const all = asks ? [...paths, "segmentMembership"] : paths;
      return this.leaf(`clock ${code.id}`, { kind: "clock", code, reads: all });
    }
    const [path] = paths;
    const leaf: AttributeLeaf = {
      kind: "attribute",
      path: paths.length === 1 && path ? path.split(".") : undefined,
      reads: paths,
      node: pql,
      code,
    };
    return this.leaf(`attribute ${code.id}`, leaf);
  }

  #history(code: Code, reason: string): Formula {
    return this.leaf(`history ${code.id}`, { kind: "history", decide: code.run, reason });
  }
}

const EMPTY = { names: new Map<string, number>(), contexts: [], next: 0 };

const MIRRORED: Readonly<Record<Comparison, Comparison>> = {
  "=": "=",
  "!=": "!=",
  "<": ">",
  "<=": ">=",
  ">": "<",
  ">=": "<=",
};

interface Folded {
  readonly fn: "sum" | "average" | "count";
  readonly source: EventSource;
  readonly value: Pql;
  readonly spread: boolean;
}

/** A sum or average over events: `list.sum(value)`, `sum(list.field)`, `sum X.field over X from list`. */
function foldOf(node: Pql): Folded | undefined {
  if (node.kind === "aggregate") {
    const [variable] = node.variables;
    const source = node.variables.length === 1 && variable ? declaredSource(variable) : undefined;
    const value = variable && itemCondition(node.value, { plain: false, name: variable.name });
    if (source === undefined || (node.fn !== "sum" && node.fn !== "average" && node.fn !== "count"))
      return undefined;
    if (node.fn === "count") return { fn: "count", source, value: node.value, spread: false };
    return value && { fn: node.fn, source, value, spread: false };
  }
  if (node.kind !== "call" || (node.name !== "sum" && node.name !== "average")) return undefined;
  const [list, each] = node.args;
  if (list === undefined) return undefined;
  if (each !== undefined) {
    const source = eventSource(list);
    const lambda = each.kind === "lambda" ? each : undefined;
    if (source === undefined || (lambda?.params.length ?? 0) > 1) return undefined;
    const value = itemCondition(lambda?.body ?? each, { plain: true, name: lambda?.params[0] });
    return value && { fn: node.name, source, value, spread: false };
  }
  const names: string[] = [];
  let at = list;
  while (at.kind === "field" && eventSource(at) === undefined) {
    names.unshift(at.name);
    at = at.object;
  }
  const source = names.length === 0 ? undefined : eventSource(at);
  if (source === undefined) return undefined;
  const value = names.reduce<Pql>((object, name) => ({ kind: "field", object, name }), {
    kind: "context",
    levels: 0,
  });
  return { fn: node.name, source, value, spread: true };
}

function comparing(op: Comparison, a: number, b: number): boolean {
  switch (op) {
    case "=":
      return a - b === 0;
    case "!=":
      return a - b !== 0;
    case "<":
      return a - b < 0;
    case "<=":
      return a - b <= 0;
    case ">":
      return a - b > 0;
    case ">=":
      return a - b >= 0;
  }
}

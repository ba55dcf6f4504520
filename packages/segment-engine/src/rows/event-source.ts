import type { Pql } from "../ast.ts";
import { conjuncts, itemCondition, type ItemNames, plainPath } from "./item-condition.ts";
import { bothOf, type Window, windowOf } from "./window.ts";

/** Which events an expression looks at: a condition on each event alone, and how recent it must be. */
export interface EventSource {
  /** The conditions on an event, with plain field names; all must hold. */
  readonly conditions: readonly Pql[];
  readonly window: Window | undefined;
}

const ALL: EventSource = { conditions: [], window: undefined };

/** The events that a list expression of a whole definition stands for; `undefined` when it is more than that. */
export function eventSource(list: Pql): EventSource | undefined {
  if (isEvents(list)) return ALL;
  if (list.kind === "call" && list.name === "filter" && list.args.length === 2) {
    const [inner, each] = list.args;
    const source = inner && eventSource(inner);
    return source && each && narrowedByEach(source, each);
  }
  if (list.kind === "select" && list.variables.length === 1) {
    const [variable] = list.variables;
    return variable && declaredSource(variable);
  }
  return undefined;
}

/** The events that `X from list where condition` ranges over. */
export function declaredSource(variable: {
  readonly name: string;
  readonly from: Pql;
  readonly where?: Pql;
}): EventSource | undefined {
  const source = eventSource(variable.from);
  if (source === undefined || variable.where === undefined) return source;
  return narrowed(source, variable.where, { plain: false, name: variable.name });
}

/** The events of a source that fulfil the condition of a call such as `exists(condition)`. */
export function narrowedByEach(source: EventSource, each: Pql): EventSource | undefined {
  if (each.kind !== "lambda") return narrowed(source, each, { plain: true });
  if (each.params.length > 1) return undefined;
  return narrowed(source, each.body, { plain: true, name: each.params[0] });
}

/** The events of a source that fulfil one more condition. */
export function narrowed(source: EventSource, condition: Pql, names: ItemNames): EventSource | undefined {
  const conditions = [...source.conditions];
  let window = source.window;
  for (const part of conjuncts(condition)) {
    const own = part.kind === "occurs" ? windowOf(part.when) : undefined;
    if (own !== undefined && part.kind === "occurs") {
      const subject = itemCondition(part.subject, names);
      if (subject !== undefined && isTime(subject)) {
        window = bothOf(window, own);
        continue;
      }
    }
    const plain = itemCondition(part, names);
    if (plain === undefined) return undefined;
    conditions.push(plain);
  }
  return { conditions, window };
}

function isTime(subject: Pql): boolean {
  if (subject.kind === "context") return subject.levels === 0;
  return plainPath(subject)?.join(".") === "timestamp";
}

/** Whether an expression is all events of the person. */
export function isEvents(node: Pql): boolean {
  return (
    node.kind === "field" &&
    node.name === "xEvent" &&
    node.object.kind === "context" &&
    node.object.levels === 0
  );
}

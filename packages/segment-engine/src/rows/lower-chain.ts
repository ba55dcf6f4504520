import type { ChainExpression, ChainStep, Occurrence, Pql } from "../ast.ts";
import { addUnits, fixedLength } from "../time/calendar.ts";
import { type EventSource, isEvents, narrowed } from "./event-source.ts";
import type { SequenceStep } from "./leaf.ts";
import type { Formula, Lowering } from "./lower.ts";
import { bothOf, DATED, type Window, windowOf } from "./window.ts";

/**
 * The formula of a chain whose steps each look at their own event, now, and at most at how soon they follow the step
 * before: for those the latest sequence is the best one, so that it alone has to be kept. Others: `undefined`.
 */
export function lowerChain(lowering: Lowering, chain: ChainExpression): Formula | undefined {
  if (!isEvents(chain.source) || chain.timestamp.join(".") !== "timestamp") return undefined;
  const steps = chain.steps.map((step) => ({ step, ...limitOf(step) }));
  const sources = steps.map(({ step }) => sourceOf(step));
  const anchors = steps.filter(({ least }) => least !== undefined).length;
  if (anchors === 0) return unordered(lowering, steps, sources);
  const [first] = steps;
  const [firstSource] = sources;
  if (steps.length === 1 && first?.least !== undefined && firstSource)
    return lowering.atLeast(firstSource, first.least);
  // What follows the anchors may only be events that never happened after them.
  if (steps.some(({ least }, index) => (least === undefined) === index < anchors)) return undefined;
  const sequence: SequenceStep[] = [];
  for (const [index, { step, least }] of steps.slice(0, anchors).entries()) {
    const read = stepOf(step, chain.steps[index - 1]?.name);
    if (least !== 1 || read === undefined) return undefined;
    sequence.push({
      condition: lowering.condition(read.source),
      window: read.window,
      ...read.follows,
    });
  }
  const never: number[] = [];
  for (const [index, { step, forbids }] of steps.entries()) {
    if (index < anchors) continue;
    const source = sources[index];
    if (!forbids || step.when.length > 0 || source === undefined) return undefined;
    never.push(lowering.condition(source));
  }
  const key = chain.steps
    .slice(0, anchors)
    .map((step, index) => `${sequence[index]?.condition} ${JSON.stringify(whensOf(step, chain, index))}`);
  return lowering.leaf(`sequence ${key.join(", ")} never ${never.join(" ")}`, {
    kind: "sequence",
    steps: sequence,
    never,
  });
}

/** The times of a step without the name of the step before, so that equal chains are found equal. */
function whensOf(step: ChainStep, chain: ChainExpression, index: number): readonly unknown[] {
  const previous = chain.steps[index - 1]?.name;
  return step.when.map((when) =>
    when.kind === "within" && when.from.kind === "variable" && when.from.name === previous
      ? { ...when, from: "previous" }
      : when,
  );
}

/** Steps that only limit how many events there are, each on its own. */
function unordered(
  lowering: Lowering,
  steps: readonly { readonly step: ChainStep }[],
  sources: readonly (EventSource | undefined)[],
): Formula | undefined {
  const items: Formula[] = [];
  for (const [index, { step }] of steps.entries()) {
    const source = sources[index];
    if (source === undefined) return undefined;
    const { op, value } = step.count ?? { op: ">=" as const, value: 1 };
    const counted = lowering.counted(source, op, value);
    items.push(step.negated ? lowering.not(counted) : counted);
  }
  return lowering.join("and", items);
}

/** For an anchor how many events it needs; whether a gap forbids every event. */
function limitOf(step: ChainStep): { readonly least: number | undefined; readonly forbids: boolean } {
  const { op, value } = step.count ?? { op: ">=" as const, value: 1 };
  const least = op === ">" ? value + 1 : value;
  const anchor = !step.negated && (op === ">=" || op === ">") && least > 0;
  return { least: anchor ? least : undefined, forbids: step.negated && step.count === undefined };
}

/** The events of a step that looks at nothing but its event and now. */
function sourceOf(step: ChainStep): EventSource | undefined {
  const read = stepOf(step, undefined);
  return read && { conditions: read.source.conditions, window: read.window };
}

interface ReadStep {
  readonly source: EventSource;
  readonly window: Window | undefined;
  readonly follows: Follows;
}

/** How soon after the step before. */
type Follows = Pick<SequenceStep, "earliest" | "back">;

const ANY_TIME: Follows = { earliest: undefined };

function stepOf(step: ChainStep, previous: string | undefined): ReadStep | undefined {
  const source = narrowed({ conditions: [], window: undefined }, step.what, { plain: true, name: undefined });
  if (source === undefined) return undefined;
  let { window } = source;
  let follows: Follows = ANY_TIME;
  for (const when of step.when) {
    const own = windowOf(when);
    if (own !== undefined) {
      window = bothOf(window, own);
      continue;
    }
    const after = follows === ANY_TIME ? soonAfter(when, previous) : undefined;
    if (after !== undefined) {
      follows = after;
      continue;
    }
    return undefined;
  }
  return {
    source: { conditions: source.conditions, window: undefined },
    window: bothOf(window, DATED),
    follows,
  };
}

/** `<= 7 days after A`, where A is the step before: the earliest that A may lie. */
function soonAfter(when: Occurrence, previous: string | undefined): Follows | undefined {
  if (when.kind !== "within" || when.direction !== "after" || !isStep(when.from, previous)) return undefined;
  const { op, amount, unit } = when;
  if (amount < 0 || (op !== "<=" && op !== "<")) return undefined;
  const least = op === "<" ? 1 : 0;
  const length = fixedLength(unit);
  if (length === undefined) return { earliest: (time) => addUnits(time, -amount, unit) + least };
  const back = amount * length - least;
  return { earliest: (time) => time - back, back };
}

function isStep(node: Pql, name: string | undefined): boolean {
  return node.kind === "variable" && node.name === name;
}

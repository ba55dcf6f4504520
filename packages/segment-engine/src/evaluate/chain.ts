import type { ChainExpression, ChainStep } from "../ast.ts";
import { MovingTime, timeOf } from "../time/moving-time.ts";
import { type Code, joinFree, type Scope, withItem, without, withNames } from "./code.ts";
import type { CompiledOccurrence, Compiler } from "./compile.ts";
import type { EvaluationContext } from "./context.ts";
import { fieldOf, itemsOf, truth } from "./values.ts";

/**
 * A step ready to be matched. A step that asks for at least so many events is an *anchor*: it takes one event of
 * the sequence (its last). A step that is negated or bounded from above is a *gap*: it restricts how many events may
 * lie between the anchors around it.
 */
interface Step {
  readonly anchor: boolean;
  /** For an anchor, how many events it needs. */
  readonly least: number;
  /** For a gap, whether so many events are allowed. */
  readonly allows: (count: number) => boolean;
  readonly what: Code;
  readonly when: readonly CompiledOccurrence[];
  /** Where the matched event, and its time, are put for the steps after it. */
  readonly slot: number;
  readonly timeSlot: number;
  /** The steps before it that this step looks at. */
  readonly looksAt: readonly number[];
}

/** Finds the events of a chain: for each step the index of its (last) event, -1 for none; `undefined` when there is no such sequence. */
export type FindChain = (context: EvaluationContext) => ChainFound | undefined;

/** A found sequence: the items in order of time, and which of them each step took. */
interface ChainFound {
  readonly items: readonly unknown[];
  readonly taken: readonly number[];
}

/** Compiles a chain to a test. */
export function compileChain(compiler: Compiler, node: ChainExpression, scope: Scope): Code {
  const { key, free, find } = chainFinder(compiler, node, scope);
  return compiler.table.intern(key, free, () => (context) => find(context) !== undefined, true);
}

/** Compiles a chain to a search that also says which events were taken. */
export function chainFinder(
  compiler: Compiler,
  node: ChainExpression,
  scope: Scope,
): { readonly key: string; readonly free: ReadonlySet<number>; readonly find: FindChain } {
  const source = compiler.compile(node.source, scope);
  const events = compiler.compile({ kind: "parameter", position: 2 }, scope);
  const steps = compileSteps(compiler, node.steps, scope);
  const parts = steps.map((step) => {
    const limits = `${step.anchor ? step.least : "gap"} ${step.what.id}`;
    return `${limits} ${step.when.map((when) => when.key).join(" & ")}`;
  });
  const counts = node.steps.map(
    (step) => `${step.negated ? "not" : ""} ${step.count?.op ?? ""} ${step.count?.value ?? ""}`,
  );
  const slots = steps.flatMap((step) => [step.slot, step.timeSlot]);
  const whole = joinFree(
    source.free,
    ...steps.map((step) => joinFree(step.what.free, ...step.when.map((when) => when.free))),
  );
  const plainTime = node.timestamp.length === 1 && node.timestamp[0] === "timestamp";
  const direct = source === events && plainTime;
  return {
    key: `chain ${source.id} ${JSON.stringify(node.timestamp)} ${parts.join("; ")} ${counts.join("; ")} ${scope.next}`,
    free: without(whole, ...slots),
    find: (context) => {
      const sequence = direct
        ? { items: context.events, times: context.times }
        : inOrder(source.run(context), node.timestamp);
      return new Search(context, steps, sequence).run();
    },
  };
}

function compileSteps(compiler: Compiler, steps: readonly ChainStep[], scope: Scope): readonly Step[] {
  const compiled: Step[] = [];
  const owners = new Map<number, number>();
  let [whats, whens] = [scope, scope];
  for (const step of steps) {
    const next = Math.max(whats.next, whens.next);
    const slot = next;
    const timeSlot = next + 1;
    const names = step.name === undefined ? [] : [[step.name, slot] as const];
    const inside = withNames(withItem({ ...whats, next: slot }), names, timeSlot + 1);
    const what = compiler.compile(step.what, inside);
    const when = step.when.map((one) => compiler.occurrence(one, { ...whens, next: timeSlot + 1 }));
    const free = joinFree(what.free, ...when.map((one) => one.free));
    compiled.push({
      ...limitsOf(step),
      what,
      when,
      slot,
      timeSlot,
      looksAt: [...new Set([...free].flatMap((read) => owners.get(read) ?? []))].filter(
        (owner) => owner !== compiled.length,
      ),
    });
    owners.set(slot, compiled.length - 1);
    owners.set(timeSlot, compiled.length - 1);
    whats = withNames(whats, names, timeSlot + 1);
    whens = withNames(whens, step.name === undefined ? [] : [[step.name, timeSlot]], timeSlot + 1);
  }
  return compiled;
}

function limitsOf(step: ChainStep): Pick<Step, "anchor" | "least" | "allows"> {
  const { op, value } = step.count ?? { op: ">=" as const, value: 1 };
  const fits = (count: number): boolean =>
    ({
      "=": count === value,
      "!=": count !== value,
      "<": count < value,
      "<=": count <= value,
      ">": count > value,
      ">=": count >= value,
    })[op];
  const least = op === ">" ? value + 1 : value;
  const anchor = !step.negated && (op === ">=" || op === ">") && least > 0;
  return { anchor, least, allows: (count) => fits(count) !== step.negated };
}

interface Sequence {
  readonly items: readonly unknown[];
  readonly times: readonly number[];
}

function inOrder(list: unknown, path: readonly string[]): Sequence {
  const timed = (itemsOf(list) ?? []).flatMap((item) => {
    const time = timeOf(path.reduce(fieldOf, item));
    return time ? [{ item, time: time.start }] : [];
  });
  timed.sort((a, b) => a.time - b.time);
  return { items: timed.map((one) => one.item), times: timed.map((one) => one.time) };
}

/** One search through the events of one person. */
class Search {
  readonly #context: EvaluationContext;
  readonly #steps: readonly Step[];
  readonly #items: readonly unknown[];
  readonly #times: readonly number[];
  readonly #taken: number[];
  /** For steps that look at no other step: 0 not asked, 1 fits, 2 does not. */
  readonly #known: (Uint8Array | undefined)[];
  readonly #failed = new Set<string>();

  constructor(context: EvaluationContext, steps: readonly Step[], sequence: Sequence) {
    this.#context = context;
    this.#steps = steps;
    this.#items = sequence.items;
    this.#times = sequence.times;
    this.#taken = steps.map(() => -1);
    this.#known = steps.map((step) =>
      steps.length > 1 && step.looksAt.length === 0 ? new Uint8Array(sequence.items.length) : undefined,
    );
  }

  run(): ChainFound | undefined {
    return this.#from(0, -1) ? { items: this.#items, taken: [...this.#taken] } : undefined;
  }

  /** Whether the steps from `index` on can be matched after the event at `previous` (-1 for the beginning). */
  #from(index: number, previous: number): boolean {
    let anchor = index;
    while (anchor < this.#steps.length && !this.#steps[anchor]?.anchor) anchor++;
    const step = this.#steps[anchor];
    if (step === undefined) return this.#gaps(index, anchor, previous, this.#items.length);
    const state = index === 0 ? undefined : this.#state(index, previous);
    if (state !== undefined && this.#failed.has(state)) return false;
    for (let candidate = this.#items.length - 1; candidate > previous; candidate--) {
      if (this.#tooEarly(candidate, previous)) break;
      // Gap steps come first: an anchor may look at the event of one.
      if (index < anchor && !this.#gaps(index, anchor, previous, candidate)) continue;
      if (this.#stepAt(anchor, step, candidate, previous)) return true;
    }
    if (state !== undefined) this.#failed.add(state);
    return false;
  }

  #stepAt(anchor: number, step: Step, candidate: number, previous: number): boolean {
    if (!this.#fits(anchor, step, candidate)) return false;
    if (step.least > 1 && this.#count(anchor, step, previous, candidate) < step.least - 1) return false;
    this.#take(anchor, step, candidate);
    return this.#from(anchor + 1, candidate);
  }

  #take(index: number, step: Step, candidate: number): void {
    this.#taken[index] = candidate;
    this.#context.env[step.slot] = this.#items[candidate];
    const time = this.#times[candidate] ?? Number.NaN;
    this.#context.env[step.timeSlot] = candidate < 0 ? undefined : new MovingTime(time, time);
  }

  #tooEarly(candidate: number, previous: number): boolean {
    return previous >= 0 && (this.#times[candidate] ?? 0) <= (this.#times[previous] ?? 0);
  }

  /** How many events before `candidate` (and after the previous step) fit the step, at most as many as are needed. */
  #count(index: number, step: Step, previous: number, candidate: number): number {
    let count = 0;
    for (let at = candidate - 1; at > previous && count < step.least - 1; at--) {
      if (this.#tooEarly(at, previous)) break;
      if (this.#fits(index, step, at)) count++;
    }
    return count;
  }

  /** Whether the gap steps from `first` to before `end` allow what lies between two events. */
  #gaps(first: number, end: number, previous: number, next: number): boolean {
    for (let index = first; index < end; index++) {
      const step = this.#steps[index];
      if (step === undefined) continue;
      let count = 0;
      let last = -1;
      for (let at = next - 1; at > previous; at--) {
        if (this.#tooEarly(at, previous)) break;
        if (next < this.#items.length && (this.#times[at] ?? 0) >= (this.#times[next] ?? 0)) continue;
        if (!this.#fits(index, step, at)) continue;
        count++;
        if (last < 0) last = at;
      }
      if (!step.allows(count)) return false;
      this.#take(index, step, last);
    }
    return true;
  }

  #fits(index: number, step: Step, candidate: number): boolean {
    const known = this.#known[index];
    if (known !== undefined && known[candidate] !== 0) return known[candidate] === 1;
    const fits = this.#decide(step, candidate);
    if (known !== undefined) known[candidate] = fits ? 1 : 2;
    return fits;
  }

  #decide(step: Step, candidate: number): boolean {
    const context = this.#context;
    const ms = this.#times[candidate] ?? Number.NaN;
    if (!Number.isFinite(ms)) return false;
    const before = context.env[step.slot];
    context.env[step.slot] = this.#items[candidate];
    const fits = truth(step.what.run(context));
    context.env[step.slot] = before;
    if (!fits || step.when.length === 0) return fits;
    const time = new MovingTime(ms, ms);
    return step.when.every((when) => when.holds(context, time));
  }

  /** What the rest of the search depends on: the last event, and the events that later steps look at. */
  #state(index: number, previous: number): string {
    const looked = this.#steps
      .slice(index)
      .flatMap((step) => step.looksAt)
      .filter((at) => at < index);
    return [index, previous, ...looked.map((at) => this.#taken[at])].join(" ");
  }
}

import { type AudienceDefinition, err, type Issue, ok, type Result } from "@tessera/xdm";
import type { Pql } from "./ast.ts";
import { refuses } from "./consent.ts";
import { orderAudiences, referredTo } from "./dependencies.ts";
import type { Code } from "./evaluate/code.ts";
import { Compiler } from "./evaluate/compile.ts";
import { EvaluationContext, type PersonView } from "./evaluate/context.ts";
import { truth } from "./evaluate/values.ts";
import { explainCondition, type ExplainedCondition, type Explanation } from "./explain.ts";
import { type PlanFields, readFields } from "./fields.ts";
import { missingOf } from "./missing.ts";
import { withReferences } from "./older-membership.ts";
import { didYouMean } from "./pql/nearest.ts";
import { readExpression } from "./read-expression.ts";

/** What evaluating a person gives. */
export interface Evaluation {
  /** The ids of the audiences the person is in. */
  readonly members: ReadonlySet<string>;
  /**
   * In milliseconds: the earliest moment ahead at which a result can change with no new data; never later than the
   * truth, and `undefined` when time alone changes nothing.
   */
  readonly nextChangeAt: number | undefined;
}

/** All audiences made ready together: equal conditions are worked out once for a person. */
export interface AudiencePlan {
  /** The definitions, each after the ones it refers to. */
  readonly audiences: readonly AudienceDefinition[];
  /** The parsed expressions, by audience id. */
  readonly expressions: ReadonlyMap<string, Pql>;
  /** What the audiences read: attributes, event fields, the longest look-back. */
  readonly fields: PlanFields;
  /** The audiences a person is in at `now` (milliseconds). Never changes its arguments. */
  evaluate(person: PersonView, now: number): Evaluation;
  /**
   * Why a person is or is not in an audience at `now` (milliseconds), which may lie in the past: events after it are
   * left out. An id the plan does not hold is an issue (`pql.audience`).
   */
  explain(audienceId: string, person: PersonView, now: number): Result<Explanation, Issue>;
}

interface Prepared {
  readonly definition: AudienceDefinition;
  readonly pql: Pql;
}

/**
 * Makes a plan of definitions. Refused, all reasons at once: texts that do not parse, two definitions of one id,
 * and references in a circle (`audience.cycle`, with the path). A reference to an audience that is not among the
 * definitions is allowed and asks `PersonView.segmentMembership`.
 */
export function compileAudiences(definitions: readonly AudienceDefinition[]): Result<AudiencePlan, Issue[]> {
  const issues: Issue[] = [];
  const prepared = new Map<string, Prepared>();
  definitions.forEach((definition, index) => {
    const path = ["audiences", index, "expression", "value"];
    const read = readExpression(definition.expression);
    if (!read.ok) issues.push(...read.error.map((issue) => ({ ...issue, path })));
    else if (prepared.has(definition.id)) issues.push(duplicate(definition.id, index));
    else prepared.set(definition.id, { definition, pql: read.value });
  });
  for (const [id, { definition, pql }] of prepared)
    prepared.set(id, { definition, pql: withReferences(pql, (other) => prepared.has(other)) });
  const references = new Map(
    [...prepared].map(([id, one]) => [id, referredTo(one.pql).filter((other) => prepared.has(other))]),
  );
  const order = orderAudiences(references);
  if (!order.ok) issues.push(...order.error);
  if (issues.length > 0 || !order.ok) return err(issues);
  const ordered = order.value.flatMap((id) => prepared.get(id) ?? []);
  return ok(planOf(ordered));
}

function duplicate(id: string, index: number): Issue {
  return {
    code: "audience.duplicate",
    path: ["audiences", index, "id"],
    message: `Expected each id once, came ${id} again. Give every audience its own id.`,
    expected: "an id that no other definition has",
    came: id,
  };
}

function unknownAudience(id: string, known: Iterable<string>): Issue {
  return {
    code: "pql.audience",
    message: `Expected an audience of the plan, came ${id}. ${didYouMean(id, known, "Publish the audience first.")}`,
    expected: "an audience of the plan",
    came: id,
  };
}

function planOf(ordered: readonly Prepared[]): AudiencePlan {
  const numbers = new Map(ordered.map((one, index) => [one.definition.id, index]));
  const compiler = new Compiler((id) => numbers.get(id));
  // Only once asked: whoever follows persons event by event may never evaluate one as a whole.
  let made: readonly Ready[] | undefined;
  const ready = (): readonly Ready[] =>
    (made ??= ordered.map((one, index) => ({
      id: one.definition.id,
      index,
      code: compiler.compile(one.pql),
      whole: one.definition.excludeOptOut === false,
    })));
  const context = new EvaluationContext();
  let fields: PlanFields | undefined;
  return {
    audiences: ordered.map((one) => one.definition),
    expressions: new Map(ordered.map((one) => [one.definition.id, one.pql])),
    get fields() {
      return (fields ??= readFields(ordered.map((one) => one.pql)));
    },
    evaluate: (person, now) => evaluateAll(ready(), { context, compiler }, person, now),
    explain: (audienceId, person, now) => {
      const one = ordered[numbers.get(audienceId) ?? -1];
      if (one === undefined) return err(unknownAudience(audienceId, numbers.keys()));
      const { members } = evaluateAll(ready(), { context, compiler }, person, now);
      const audience = (id: string): ExplainedCondition | undefined => {
        const other = ordered[numbers.get(id) ?? -1];
        return other && explainCondition({ compiler, context, audience }, other.pql);
      };
      const found = {
        audienceId,
        member: members.has(audienceId),
        at: new Date(now).toISOString(),
        refused: one.definition.excludeOptOut !== false && refuses(person.attributes),
        because: explainCondition({ compiler, context, audience }, one.pql),
      };
      return ok({ ...found, missing: missingOf(found) });
    },
  };
}

interface Ready {
  readonly id: string;
  readonly index: number;
  readonly code: Code;
  /** Whether persons who refuse belong to it too. */
  readonly whole: boolean;
}

function evaluateAll(
  audiences: readonly Ready[],
  engine: { readonly context: EvaluationContext; readonly compiler: Compiler },
  person: PersonView,
  now: number,
): Evaluation {
  const { context, compiler } = engine;
  if (context.stamps.length < compiler.table.memoSlots)
    context.stamps = new Uint32Array(compiler.table.memoSlots);
  if (context.results.length < audiences.length) context.results = new Int8Array(audiences.length);
  context.results.fill(-1);
  context.decide = (audience) => context.results[audience] === 1;
  context.begin(person, now);
  const refused = refuses(person.attributes);
  const members = new Set<string>();
  for (const audience of audiences) {
    const member = (audience.whole || !refused) && truth(audience.code.run(context));
    context.results[audience.index] = member ? 1 : 0;
    if (member) members.add(audience.id);
  }
  return { members, nextChangeAt: Number.isFinite(context.next) ? context.next : undefined };
}

import { type AudiencePlan, compileAudiences } from "@tessera/segment-engine";
import {
  type AudienceDefinition,
  err,
  type ExperienceEvent,
  formatInstant,
  type Issue,
  ok,
  parseInstant,
  type Result,
} from "@tessera/xdm";
import { parseSegmentRule, segmentRuleToPql } from "./segment-rule.ts";
import { parseTraitRule, traitRuleToPql } from "./trait-rule.ts";

/** One signal of a call. `number` is there when the value reads as one. */
export interface RuleSignal {
  readonly key: string;
  readonly value: string;
  readonly number?: number;
}

/** Traits and segments compiled together, evaluated by the segment engine. */
export interface CompiledRules {
  readonly hasTrait: (sid: number) => boolean;
  /** How long a realisation of the trait is remembered, in days; 0 for ever. */
  readonly lifetimeDays: (sid: number) => number;
  /** The traits whose rule holds for these signals, ascending. */
  readonly realizedTraits: (signals: readonly RuleSignal[], now: string) => readonly number[];
  /** The segments whose rule holds for these realisations (milliseconds, by trait), ascending. */
  readonly segmentsOf: (
    traits: { readonly [sid: string]: readonly number[] },
    now: string,
  ) => readonly number[];
}

/** Days after which a realisation is forgotten when the trait does not say otherwise. */
const DEFAULT_TTL_DAYS = 120;

/** Reads and compiles all rules; every one that cannot be read is reported, with its place. */
export function compileRules(
  traits: readonly { readonly sid: number; readonly rule: string; readonly ttlDays?: number }[],
  segments: readonly { readonly id: number; readonly rule: string }[],
): Result<CompiledRules, readonly Issue[]> {
  const traitPlan = compile(
    "traits",
    traits,
    ({ sid }) => sid,
    (rule) => {
      const parsed = parseTraitRule(rule);
      return parsed.ok ? ok(traitRuleToPql(parsed.value, "signals")) : parsed;
    },
  );
  const segmentPlan = compile(
    "segments",
    segments,
    ({ id }) => id,
    (rule) => {
      const parsed = parseSegmentRule(rule);
      return parsed.ok ? ok(segmentRuleToPql(parsed.value)) : parsed;
    },
  );
  if (!traitPlan.ok || !segmentPlan.ok)
    return err([...(traitPlan.ok ? [] : traitPlan.error), ...(segmentPlan.ok ? [] : segmentPlan.error)]);
  const lifetimes = new Map(traits.map(({ sid, ttlDays }) => [sid, ttlDays ?? DEFAULT_TTL_DAYS]));
  return ok({
    hasTrait: (sid) => lifetimes.has(sid),
    lifetimeDays: (sid) => lifetimes.get(sid) ?? DEFAULT_TTL_DAYS,
    realizedTraits: (signals, now) =>
      members(
        traitPlan.value,
        { attributes: { signals: signals.map((one) => ({ ...one })) }, events: [] },
        now,
      ),
    segmentsOf: (realisations, now) =>
      members(segmentPlan.value, { attributes: {}, events: eventsOf(realisations) }, now),
  });
}

function compile<Rule extends { readonly rule: string }>(
  list: string,
  rules: readonly Rule[],
  idOf: (rule: Rule) => number,
  toPql: (rule: string) => Result<string, Issue>,
): Result<AudiencePlan, readonly Issue[]> {
  const issues: Issue[] = [];
  const indices: number[] = [];
  const definitions = rules.flatMap((rule, index): AudienceDefinition[] => {
    const pql = toPql(rule.rule);
    if (!pql.ok) {
      issues.push({ ...pql.error, path: [list, index, "rule"] });
      return [];
    }
    indices.push(index);
    return [definition(idOf(rule), pql.value)];
  });
  const plan = compileAudiences(definitions);
  if (!plan.ok) {
    for (const { path, message } of plan.error) {
      const place = indices[Number(path?.[1])] ?? 0;
      issues.push({ code: "aam.rule.engine", path: [list, place, "rule"], message });
    }
  }
  return plan.ok && issues.length === 0 ? plan : err(issues);
}

function definition(id: number, value: string): AudienceDefinition {
  const expression = { type: "PQL", format: "pql/text", value } as const;
  return {
    id: String(id),
    name: String(id),
    expression,
    evaluation: "batch",
    version: 1,
    excludeOptOut: false,
  };
}

function members(
  plan: AudiencePlan,
  person: Parameters<AudiencePlan["evaluate"]>[0],
  now: string,
): readonly number[] {
  const at = parseInstant(now);
  if (!at.ok) throw new TypeError("rules are evaluated at an ISO 8601 instant");
  return [...plan.evaluate(person, at.value).members].map(Number).sort((a, b) => a - b);
}

/** Realisations as events, oldest first. */
function eventsOf(realisations: { readonly [sid: string]: readonly number[] }): readonly ExperienceEvent[] {
  return Object.entries(realisations)
    .flatMap(([sid, times]) => times.map((ms) => ({ traitId: Number(sid), ms })))
    .sort((a, b) => a.ms - b.ms || a.traitId - b.traitId)
    .map(({ traitId, ms }, index) => ({ _id: String(index), timestamp: formatInstant(ms), traitId }));
}

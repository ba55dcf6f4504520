// The audiences in the language of each contender. Audiences of audiences are written out where a language has no name for them.
import type { AudienceDefinition } from "@tessera/xdm";
import { type Audience, type Condition, DAY, NOW } from "./workload.ts";

type Json = unknown;
const cut = (days: number): number => NOW - days * DAY;
const text = (value: unknown): string => JSON.stringify(value);

export function toPql(condition: Condition): string {
  switch (condition.is) {
    case "equal":
      return `${condition.path} = ${text(condition.value)}`;
    case "atLeast":
      return `${condition.path} >= ${condition.value}`;
    case "below":
      return `${condition.path} < ${condition.value}`;
    case "oneOf":
      return `${condition.path} in ${text(condition.values)}`;
    case "startsWith":
    case "contains":
      return `${condition.path}.${condition.is}(${text(condition.value)})`;
    case "and":
    case "or":
      return `(${condition.of.map(toPql).join(` ${condition.is} `)})`;
    case "not":
      return `not(${toPql(condition.of)})`;
    case "audience":
      return `inSegment(${text(condition.id)})`;
    case "count":
      return `${eventsPql(condition)}.count() >= ${condition.atLeast}`;
    case "sum":
      return `${eventsPql(condition)}.sum(price) >= ${condition.atLeast}`;
    case "sequence":
      return `CHAIN(xEvent, timestamp, [A: WHAT(eventType = ${text(condition.first)}), B: WHAT(eventType = ${text(condition.then)}) WHEN(<= ${condition.days} days after A)])`;
  }
}

function eventsPql({ type, category, days }: { type: string; category?: string; days: number }): string {
  const also = category === undefined ? "" : ` and category = ${text(category)}`;
  return `xEvent[eventType = ${text(type)}${also} and timestamp occurs <= ${days} days before now]`;
}

export function definitions(list: readonly Audience[]): readonly AudienceDefinition[] {
  return list.map(({ id, condition }) => ({
    id,
    name: id,
    expression: { type: "PQL", format: "pql/text", value: toPql(condition) },
    evaluation: "streaming",
    version: 1,
    excludeOptOut: false,
  }));
}

export function toJsonLogic(condition: Condition): Json {
  switch (condition.is) {
    case "equal":
      return { "===": [{ var: condition.path }, condition.value] };
    case "atLeast":
      return { ">=": [{ var: condition.path }, condition.value] };
    case "below":
      return { "<": [{ var: condition.path }, condition.value] };
    case "oneOf":
      return { in: [{ var: condition.path }, condition.values] };
    case "startsWith":
      return { "===": [{ substr: [{ var: condition.path }, 0, condition.value.length] }, condition.value] };
    case "contains":
      return { in: [condition.value, { var: condition.path }] };
    case "and":
    case "or":
      return { [condition.is]: condition.of.map(toJsonLogic) };
    case "not":
      return { "!": [toJsonLogic(condition.of)] };
    case "audience":
      return toJsonLogic(condition.of);
    case "count":
      return { ">=": [reduced(condition, 1), condition.atLeast] };
    case "sum":
      return { ">=": [reduced(condition, { var: "current.price" }), condition.atLeast] };
    case "sequence": {
      // The accumulator is the time of the last first event; -1 once the sequence is found.
      const [found, at] = [{ var: "accumulator" }, { var: "current.ts" }];
      const type = { var: "current.eventType" };
      const follows = {
        and: [
          { "===": [type, condition.then] },
          { ">": [found, 0] },
          { "<=": [{ "-": [at, found] }, condition.days * DAY] },
        ],
      };
      const step = {
        if: [{ "===": [found, -1] }, -1, follows, -1, { "===": [type, condition.first] }, at, found],
      };
      return { "===": [{ reduce: [{ var: "events" }, step, 0] }, -1] };
    }
  }
}

function reduced(
  { type, category, days }: { type: string; category?: string; days: number },
  add: Json,
): Json {
  const tests: Json[] = [{ "===": [{ var: "current.eventType" }, type] }];
  if (category !== undefined) tests.push({ "===": [{ var: "current.category" }, category] });
  tests.push({ ">=": [{ var: "current.ts" }, cut(days)] });
  return {
    reduce: [{ var: "events" }, { "+": [{ var: "accumulator" }, { if: [{ and: tests }, add, 0] }] }, 0],
  };
}

/** MongoDB's query language, which mingo, sift and GrowthBook speak (events in mingo only). */
export function toMongo(condition: Condition): Record<string, Json> {
  switch (condition.is) {
    case "equal":
      return { [condition.path]: condition.value };
    case "atLeast":
      return { [condition.path]: { $gte: condition.value } };
    case "below":
      return { [condition.path]: { $lt: condition.value } };
    case "oneOf":
      return { [condition.path]: { $in: condition.values } };
    case "startsWith":
      return { [condition.path]: { $regex: `^${condition.value}` } };
    case "contains":
      return { [condition.path]: { $regex: condition.value } };
    case "and":
    case "or":
      return { [`$${condition.is}`]: condition.of.map(toMongo) };
    case "not":
      return { $nor: [toMongo(condition.of)] };
    case "audience":
      return toMongo(condition.of);
    case "count":
      return { $expr: { $gte: [{ $size: filtered(condition) }, condition.atLeast] } };
    case "sum": {
      const prices = { $map: { input: filtered(condition), as: "e", in: "$$e.price" } };
      return { $expr: { $gte: [{ $sum: prices }, condition.atLeast] } };
    }
    case "sequence": {
      const [value, type, at] = ["$$value", "$$this.eventType", "$$this.ts"];
      const follows = {
        $and: [
          { $eq: [type, condition.then] },
          { $gt: [value, 0] },
          { $lte: [{ $subtract: [at, value] }, condition.days * DAY] },
        ],
      };
      const step = {
        $cond: [
          { $eq: [value, -1] },
          -1,
          { $cond: [follows, -1, { $cond: [{ $eq: [type, condition.first] }, at, value] }] },
        ],
      };
      return { $expr: { $eq: [{ $reduce: { input: "$events", initialValue: 0, in: step } }, -1] } };
    }
  }
}

function filtered({ type, category, days }: { type: string; category?: string; days: number }): Json {
  const tests: Json[] = [{ $eq: ["$$e.eventType", type] }, { $gte: ["$$e.ts", cut(days)] }];
  if (category !== undefined) tests.push({ $eq: ["$$e.category", category] });
  return { $filter: { input: "$events", as: "e", cond: { $and: tests } } };
}

export function toCel(condition: Condition): string {
  switch (condition.is) {
    case "equal":
      return `${condition.path} == ${text(condition.value)}`;
    case "atLeast":
      return `${condition.path} >= ${condition.value}.0`;
    case "below":
      return `${condition.path} < ${condition.value}.0`;
    case "oneOf":
      return `${condition.path} in ${text(condition.values)}`;
    case "startsWith":
    case "contains":
      return `${condition.path}.${condition.is}(${text(condition.value)})`;
    case "and":
      return `(${condition.of.map(toCel).join(" && ")})`;
    case "or":
      return `(${condition.of.map(toCel).join(" || ")})`;
    case "not":
      return `!(${toCel(condition.of)})`;
    case "audience":
      return `(${toCel(condition.of)})`;
    case "count": {
      const { type, category, days } = condition;
      const also = category === undefined ? "" : ` && e.category == ${text(category)}`;
      return `events.filter(e, e.eventType == ${text(type)}${also} && e.ts >= ${cut(days)}.0).size() >= ${condition.atLeast}`;
    }
    case "sequence":
      return `events.exists(a, a.eventType == ${text(condition.first)} && events.exists(b, b.eventType == ${text(condition.then)} && b.ts > a.ts && b.ts - a.ts <= ${condition.days * DAY}.0))`;
    case "sum":
      throw new Error("CEL has no sum.");
  }
}

/** Conditions of json-rules-engine: facts are made by hand, one for each attribute and each kind of event question. */
export function toRules(condition: Condition): Record<string, Json> {
  switch (condition.is) {
    case "equal":
      return { fact: condition.path, operator: "equal", value: condition.value };
    case "atLeast":
      return { fact: condition.path, operator: "greaterThanInclusive", value: condition.value };
    case "below":
      return { fact: condition.path, operator: "lessThan", value: condition.value };
    case "oneOf":
      return { fact: condition.path, operator: "in", value: condition.values };
    case "startsWith":
      return { fact: condition.path, operator: "startsWithText", value: condition.value };
    case "contains":
      return { fact: condition.path, operator: "containsText", value: condition.value };
    case "and":
      return { all: condition.of.map(toRules) };
    case "or":
      return { any: condition.of.map(toRules) };
    case "not":
      return { not: toRules(condition.of) };
    case "audience":
      return toRules(condition.of);
    case "count":
    case "sum": {
      const { type, category, days } = condition;
      const params = { type, category: category ?? null, from: cut(days) };
      return { fact: condition.is, params, operator: "greaterThanInclusive", value: condition.atLeast };
    }
    case "sequence": {
      const { first, then, days } = condition;
      return {
        fact: "sequence",
        params: { first, then, within: days * DAY },
        operator: "equal",
        value: true,
      };
    }
  }
}

/** A condition as SQL over `profiles` with the event aggregates joined in as columns; `column` names an aggregate. */
export function toSql(condition: Condition, column: (condition: Condition) => string): string {
  const quoted = (value: string): string => `'${value.replaceAll("'", "''")}'`;
  const name = (path: string): string => path.replace(".", "_");
  switch (condition.is) {
    case "equal":
      return `${name(condition.path)} = ${quoted(condition.value)}`;
    case "atLeast":
      return `${name(condition.path)} >= ${condition.value}`;
    case "below":
      return `${name(condition.path)} < ${condition.value}`;
    case "oneOf":
      return `${name(condition.path)} IN (${condition.values.map(quoted).join(", ")})`;
    case "startsWith":
      return `starts_with(${name(condition.path)}, ${quoted(condition.value)})`;
    case "contains":
      return `contains(${name(condition.path)}, ${quoted(condition.value)})`;
    case "and":
    case "or":
      return `(${condition.of.map((one) => toSql(one, column)).join(` ${condition.is.toUpperCase()} `)})`;
    case "not":
      return `(NOT ${toSql(condition.of, column)})`;
    case "audience":
      return toSql(condition.of, column);
    case "count":
    case "sum":
      return `(coalesce(${column(condition)}, 0) >= ${condition.atLeast})`;
    case "sequence":
      return `coalesce(${column(condition)}, false)`;
  }
}

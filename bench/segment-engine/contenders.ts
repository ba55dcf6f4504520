// What a user could pick instead, each given the audiences in its own language and profiles in the shape it likes best.
import { Environment } from "@marcbachmann/cel-js";
import { evalCondition } from "@growthbook/growthbook";
import { LogicEngine } from "json-logic-engine";
// @ts-expect-error The package brings no types.
import jsonLogicUntyped from "json-logic-js";
import { type Almanac, Engine } from "json-rules-engine";
import { Query } from "mingo";
import siftModule from "sift";
import { toCel, toJsonLogic, toMongo, toRules } from "./forms.ts";
import { type Audience, type Profile, type ProfileEvent } from "./workload.ts";

const jsonLogic = jsonLogicUntyped as { apply(rule: unknown, data: unknown): unknown };
const sift = siftModule as unknown as (query: unknown) => (item: unknown) => boolean;

/** One way to decide audiences. `decide` gives for each audience whether the profile is in it. */
export interface Contender {
  readonly name: string;
  /** The audiences it can express. */
  readonly able: readonly Audience[];
  /** The form a profile takes; not timed. */
  readonly shape: (profile: Profile) => unknown;
  readonly decide: (shaped: never) => readonly boolean[] | Promise<readonly boolean[]>;
}

type Document = Record<string, unknown>;
const document = ({ attributes, events }: Profile): Document => ({ ...attributes, events });

export function jsonLogicEngine(list: readonly Audience[]): Contender {
  const engine = new LogicEngine();
  const built = list.map(
    ({ condition }) => engine.build(toJsonLogic(condition)) as (data: unknown) => unknown,
  );
  return {
    name: "json-logic-engine (compiled)",
    able: list,
    shape: document,
    decide: (data: Document) => built.map((test) => Boolean(test(data))),
  };
}

export function jsonLogicJs(list: readonly Audience[]): Contender {
  const rules = list.map(({ condition }) => toJsonLogic(condition));
  return {
    name: "json-logic-js",
    able: list,
    shape: document,
    decide: (data: Document) => rules.map((rule) => Boolean(jsonLogic.apply(rule, data))),
  };
}

export function mingo(list: readonly Audience[]): Contender {
  const queries = list.map(({ condition }) => new Query(toMongo(condition)));
  return {
    name: "mingo",
    able: list,
    shape: document,
    decide: (data: Document) => queries.map((query) => query.test(data)),
  };
}

export function cel(list: readonly Audience[]): Contender {
  const able = list.filter((audience) => !audience.sums);
  const environment = new Environment({ unlistedVariablesAreDyn: true });
  const programs = able.map(({ condition }) => environment.parse(toCel(condition)));
  return {
    name: "@marcbachmann/cel-js",
    able,
    shape: document,
    decide: (data: Document) => programs.map((program) => program(data) === true),
  };
}

export function siftJs(list: readonly Audience[]): Contender {
  const able = list.filter((audience) => !audience.events);
  const tests = able.map(({ condition }) => sift(toMongo(condition)));
  return {
    name: "sift",
    able,
    shape: document,
    decide: (data: Document) => tests.map((test) => test(data)),
  };
}

export function growthbook(list: readonly Audience[]): Contender {
  const able = list.filter((audience) => !audience.events);
  const conditions = able.map(({ condition }) => toMongo(condition) as never);
  return {
    name: "GrowthBook evalCondition",
    able,
    shape: document,
    decide: (data: Document) => conditions.map((condition) => evalCondition(data as never, condition)),
  };
}

interface EventFacts {
  readonly type: string;
  readonly category: string | null;
  readonly from: number;
}

export function jsonRulesEngine(list: readonly Audience[]): Contender {
  const engine = new Engine([], { allowUndefinedFacts: true });
  engine.addOperator("startsWithText", (fact: string, value: string) => fact.startsWith(value));
  engine.addOperator("containsText", (fact: string, value: string) => fact.includes(value));
  const asked =
    (fold: (events: readonly ProfileEvent[]) => number) =>
    async (params: Document, almanac: Almanac): Promise<number> => {
      const { type, category, from } = params as unknown as EventFacts;
      const events = await almanac.factValue<readonly ProfileEvent[]>("events");
      return fold(
        events.filter(
          (event) =>
            event.eventType === type &&
            event.ts >= from &&
            (category === null || event.category === category),
        ),
      );
    };
  engine.addFact("count", asked((events) => events.length) as never);
  engine.addFact("sum", asked((events) => events.reduce((sum, event) => sum + event.price, 0)) as never);
  engine.addFact("sequence", (async (
    params: { first: string; then: string; within: number },
    almanac: Almanac,
  ) => {
    const events = await almanac.factValue<readonly ProfileEvent[]>("events");
    let last = 0;
    for (const event of events) {
      if (event.eventType === params.then && last > 0 && event.ts - last <= params.within) return true;
      if (event.eventType === params.first) last = event.ts;
    }
    return false;
  }) as never);
  list.forEach(({ condition }, index) => {
    const own = toRules(condition);
    const conditions = "fact" in own || "not" in own ? { all: [own] } : own;
    engine.addRule({ conditions: conditions as never, event: { type: String(index) } });
  });
  return {
    name: "json-rules-engine",
    able: list,
    shape: ({ attributes, events }) => ({
      events,
      ...Object.fromEntries(
        Object.entries(attributes).flatMap(([group, own]) =>
          Object.entries(own).map(([name, value]) => [`${group}.${name}`, value]),
        ),
      ),
    }),
    decide: async (facts: Document) => {
      const { events } = await engine.run(facts);
      const held = list.map(() => false);
      for (const { type } of events) held[Number(type)] = true;
      return held;
    },
  };
}

export const CONTENDERS: readonly ((list: readonly Audience[]) => Contender)[] = [
  jsonLogicEngine,
  cel,
  jsonLogicJs,
  mingo,
  jsonRulesEngine,
];

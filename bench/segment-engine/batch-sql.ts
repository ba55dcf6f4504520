// The audiences as SQL over a table of profiles and one of events, the way DuckDB takes them best: one pass over the events
// for all counts and sums, an ASOF join for each distinct sequence.
import { type Audience, type Condition, DAY, NOW } from "./workload.ts";

const text = (value: string): string => `'${value.replaceAll("'", "''")}'`;
export const columnOf = (path: string): string => path.replace(".", "_").toLowerCase();

/** The parts of a statement that decides all audiences. */
interface AudienceSql {
  /** `name AS expression` for the table of events folded by person. */
  readonly folds: readonly string[];
  /** Statements that make a table of persons for each sequence. */
  readonly sequences: readonly string[];
  /** An expression for each audience. */
  readonly expressions: readonly string[];
}

function sqlOf(list: readonly Audience[]): AudienceSql {
  const folds = new Map<string, string>();
  const sequences = new Map<string, string>();
  const folded = (expression: string): string => {
    const name = folds.get(expression) ?? `f${folds.size}`;
    folds.set(expression, name);
    return name;
  };
  const filter = ({ type, category, days }: { type: string; category?: string; days: number }): string =>
    `type = ${text(type)}${category === undefined ? "" : ` AND category = ${text(category)}`} AND ts >= ${NOW - days * DAY}`;
  const expressionOf = (condition: Condition): string => {
    switch (condition.is) {
      case "equal":
        return `${columnOf(condition.path)} = ${text(condition.value)}`;
      case "atLeast":
        return `${columnOf(condition.path)} >= ${condition.value}`;
      case "below":
        return `${columnOf(condition.path)} < ${condition.value}`;
      case "oneOf":
        return `${columnOf(condition.path)} IN (${condition.values.map(text).join(", ")})`;
      case "startsWith":
        return `starts_with(${columnOf(condition.path)}, ${text(condition.value)})`;
      case "contains":
        return `contains(${columnOf(condition.path)}, ${text(condition.value)})`;
      case "and":
      case "or":
        return `(${condition.of.map(expressionOf).join(` ${condition.is.toUpperCase()} `)})`;
      case "not":
        return `NOT (${expressionOf(condition.of)})`;
      case "audience":
        return `(${expressionOf(condition.of)})`;
      case "count":
        return `coalesce(${folded(`count(*) FILTER (WHERE ${filter(condition)})`)}, 0) >= ${condition.atLeast}`;
      case "sum":
        return `coalesce(${folded(`sum(price) FILTER (WHERE ${filter(condition)})`)}, 0) >= ${condition.atLeast}`;
      case "sequence": {
        const key = `${condition.first} ${condition.then} ${condition.days}`;
        const name = sequences.has(key) ? [...sequences.keys()].indexOf(key) : sequences.size;
        sequences.set(
          key,
          `CREATE OR REPLACE TEMP TABLE s${name} AS SELECT DISTINCT a.person FROM
             (SELECT person, ts FROM event WHERE type = ${text(condition.first)}) a ASOF JOIN
             (SELECT person, ts FROM event WHERE type = ${text(condition.then)}) b
             ON a.person = b.person AND a.ts < b.ts WHERE b.ts - a.ts <= ${condition.days * DAY}`,
        );
        return `(s${name}.person IS NOT NULL)`;
      }
    }
  };
  const expressions = list.map(({ condition }) => expressionOf(condition));
  return {
    folds: [...folds].map(([expression, name]) => `${expression} AS ${name}`),
    sequences: [...sequences.values()],
    expressions,
  };
}

/** All statements; the last makes the table `result` with a column for each audience. */
export function statementsOf(list: readonly Audience[]): readonly string[] {
  const { folds, sequences, expressions } = sqlOf(list);
  const joins = sequences.map((_, index) => `LEFT JOIN s${index} ON s${index}.person = profile.person`);
  const columns = expressions.map((expression, index) => `(${expression}) AS r${index}`);
  const fold =
    folds.length === 0
      ? []
      : [
          `CREATE OR REPLACE TEMP TABLE fold AS SELECT person, ${folds.join(", ")} FROM event WHERE ts <= ${NOW} GROUP BY person`,
        ];
  return [
    ...fold,
    ...sequences,
    `CREATE OR REPLACE TEMP TABLE result AS SELECT profile.person, ${columns.join(", ")} FROM profile
     ${folds.length === 0 ? "" : "LEFT JOIN fold ON fold.person = profile.person"} ${joins.join(" ")}`,
  ];
}

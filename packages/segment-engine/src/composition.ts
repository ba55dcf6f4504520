import { digest, err, type Issue, type JsonObject, type JsonValue, ok, type Result } from "@tessera/xdm";

/** How the audiences that a composition starts with become one. */
export type CompositionStart = "union" | "intersect" | "exclude-overlap";

/** One part of a split, with the audience that its persons get. */
export interface SplitPart {
  readonly name: string;
  /** For a split by percentage: the share, of 100. */
  readonly percent?: number;
  /** For a split by attribute: the values that lead here; the first part that fits takes the person. */
  readonly values?: readonly string[];
}

/** What happens to the persons in the end. `rank` keeps the first `limit` by an attribute. */
export type CompositionEnd =
  | { readonly kind: "save"; readonly name: string }
  | { readonly kind: "split-percent"; readonly parts: readonly SplitPart[] }
  | { readonly kind: "split-attribute"; readonly path: string; readonly parts: readonly SplitPart[] }
  | {
      readonly kind: "rank";
      readonly name: string;
      readonly path: string;
      readonly order: "ascending" | "descending";
      readonly limit: number;
    };

/**
 * A composition of audiences: start with some, take others out, then save, split or rank. A person is in at most one
 * part of a split.
 */
export interface Composition {
  readonly id: string;
  readonly start: CompositionStart;
  readonly audiences: readonly string[];
  readonly exclude: readonly string[];
  readonly end: CompositionEnd;
}

/** A person as compositions look at them. */
export interface ComposedPerson {
  readonly personId: string;
  /** The audiences the person is in. */
  readonly members: ReadonlySet<string>;
  readonly attributes: JsonObject;
}

/** Checks a composition; all that is wrong at once. Codes: `composition.*`. */
export function checkComposition(composition: Composition): Result<Composition, Issue[]> {
  const issues: Issue[] = [];
  const expect = (
    holds: boolean,
    rule: string,
    path: readonly (string | number)[],
    expected: string,
  ): void => {
    if (!holds)
      issues.push({
        code: `composition.${rule}`,
        path,
        expected,
        message: `${path.join(".")}: expected ${expected}. Correct the composition.`,
      });
  };
  const { audiences, exclude, end } = composition;
  expect(audiences.length > 0, "audiences", ["audiences"], "at least one audience");
  expect(
    !exclude.some((id) => audiences.includes(id)),
    "exclude",
    ["exclude"],
    "audiences that are not in the start",
  );
  if (end.kind === "split-percent" || end.kind === "split-attribute") {
    expect(end.parts.length > 0, "parts", ["end", "parts"], "at least one part");
    const names = end.parts.map(({ name }) => name);
    expect(new Set(names).size === names.length, "parts", ["end", "parts"], "parts with names of their own");
  }
  if (end.kind === "split-percent") {
    const shares = end.parts.map(({ percent = Number.NaN }) => percent);
    const whole = shares.reduce((sum, share) => sum + share, 0);
    const each = shares.every((share) => share >= 0 && share <= 100);
    expect(
      each && whole <= 100 + 1e-9,
      "percent",
      ["end", "parts"],
      "shares from 0 to 100 that add up to at most 100",
    );
  }
  if (end.kind === "rank")
    expect(
      Number.isSafeInteger(end.limit) && end.limit > 0,
      "limit",
      ["end", "limit"],
      "a whole number from 1",
    );
  return issues.length > 0 ? err(issues) : ok(composition);
}

/** Whether a person is in what a composition starts with, and in nothing that it takes out. */
export function composes({ start, audiences, exclude }: Composition, members: ReadonlySet<string>): boolean {
  if (exclude.some((id) => members.has(id))) return false;
  const held = audiences.filter((id) => members.has(id)).length;
  switch (start) {
    case "union":
      return held > 0;
    case "intersect":
      return held === audiences.length;
    case "exclude-overlap":
      return held === 1;
  }
}

/**
 * The part a person ends in, by name; undefined for none. A split by percentage is sticky: it depends on the person
 * and the composition alone. For `rank` it says who takes part; `rankPersons` then chooses.
 */
export function partOf(composition: Composition, person: ComposedPerson): string | undefined {
  if (!composes(composition, person.members)) return undefined;
  const { end } = composition;
  switch (end.kind) {
    case "save":
    case "rank":
      return end.name;
    case "split-percent": {
      const place = placeOf(composition.id, person.personId);
      let until = 0;
      for (const { name, percent = 0 } of end.parts) {
        until += percent;
        if (place < until) return name;
      }
      return undefined;
    }
    case "split-attribute": {
      const value = valueAt(person.attributes, end.path);
      if (typeof value !== "string") return undefined;
      return end.parts.find(({ values = [] }) => values.includes(value))?.name;
    }
  }
}

const BUCKETS = 2 ** 32;

/** Where a person stands in a composition, from 0 to below 100, the same every time. */
function placeOf(compositionId: string, personId: string): number {
  return (Number.parseInt(digest(`${compositionId}\n${personId}`).slice(0, 8), 16) / BUCKETS) * 100;
}

/**
 * Chooses the first `limit` persons by a number; ties by person id, so that the choice is the same every time. Keeps
 * `limit` persons in memory, however many are added.
 */
export function rankPersons(rank: { readonly order: "ascending" | "descending"; readonly limit: number }): {
  readonly add: (personId: string, value: unknown) => void;
  readonly chosen: () => readonly string[];
} {
  const sign = rank.order === "ascending" ? 1 : -1;
  let held: { readonly personId: string; readonly value: number }[] = [];
  const better = (a: (typeof held)[number], b: (typeof held)[number]): number =>
    sign * (a.value - b.value) || (a.personId < b.personId ? -1 : a.personId > b.personId ? 1 : 0);
  const trim = (): void => {
    held = held.sort(better).slice(0, rank.limit);
  };
  return {
    add: (personId, value) => {
      if (typeof value !== "number" || !Number.isFinite(value)) return;
      held.push({ personId, value });
      if (held.length >= 2 * rank.limit + 64) trim();
    },
    chosen: () => {
      trim();
      return held.map(({ personId }) => personId);
    },
  };
}

/** The value at a dotted path of a profile. */
export function valueAt(attributes: JsonObject, path: string): JsonValue | undefined {
  let at: JsonValue | undefined = attributes;
  for (const name of path.split(".")) {
    if (typeof at !== "object" || at === null || Array.isArray(at) || !Object.hasOwn(at, name))
      return undefined;
    at = (at as JsonObject)[name];
  }
  return at;
}

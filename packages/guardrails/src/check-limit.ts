import type { Limit } from "./limit.ts";

/** How a value stands to a limit, from harmless to refused. */
export type LimitCheckKind = "ok" | "near" | "soft-violation" | "hard-violation";

/** The answer of a check. `message` says what was found and what follows; it carries counts, never data. */
export interface LimitCheck {
  readonly kind: LimitCheckKind;
  readonly limit: Limit;
  readonly value: number;
  readonly message: string;
  readonly whatToDo: string;
}

/** The share of a limit from which a value counts as near. */
export const NEAR: number = 0.8;

/**
 * How far a value uses a limit up: 1 is at the limit, above 1 is beyond it.
 * For limits that ask for at least so much it is limit / value. Of a limit of 0 nothing is used at 0, and anything
 * above is infinitely much.
 */
export function useOf(limit: Limit, value: number): number {
  const [part, whole] = limit.bound === "most" ? [value, limit.value] : [limit.value, value];
  if (part <= 0) return 0;
  return whole <= 0 ? Infinity : part / whole;
}

/** The kind of answer alone, without building a message: for hot paths and for counting. `NaN` is a violation. */
export function kindOf(limit: Limit, value: number): LimitCheckKind {
  const use = useOf(limit, value);
  if (use < NEAR) return "ok";
  if (use <= 1) return "near";
  return limit.kind === "hard" ? "hard-violation" : "soft-violation";
}

/** Asks a limit about a value. Monotone: a value further in the limit's direction never gets a milder answer. */
export function checkLimit(limit: Limit, value: number): LimitCheck {
  const kind = kindOf(limit, value);
  const told = `${limit.title}: ${format(value)} of ${limit.bound === "most" ? "at most" : "at least"} ${format(limit.value)} ${limit.unit}`;
  switch (kind) {
    case "ok":
      return { kind, limit, value, message: `${told}.`, whatToDo: "Nothing." };
    case "near":
      return {
        kind,
        limit,
        value,
        message: `${told} (${Math.round(useOf(limit, value) * 100)} %). Beyond it: ${limit.effect}`,
        whatToDo: limit.whatToDo,
      };
    default:
      return { kind, limit, value, message: `${told}. ${limit.effect}`, whatToDo: limit.whatToDo };
  }
}

/** Whether the platform refuses: only beyond hard limits. */
export function isRefused(check: LimitCheck): boolean {
  return check.kind === "hard-violation";
}

/** Digits in groups of three, the same on every runtime. */
export function format(value: number): string {
  if (!Number.isFinite(value)) return String(value);
  const [whole = "", fraction] = String(Math.round(value * 100) / 100).split(".");
  const grouped = whole.replace(/\B(?=(\d{3})+$)/g, ",");
  return fraction === undefined ? grouped : `${grouped}.${fraction}`;
}

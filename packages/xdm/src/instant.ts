import { describe, type Issue } from "./issue.ts";
import { err, ok, type Result } from "./result.ts";

const ISO =
  /^(\d{4})-(\d{2})-(\d{2})(?:[T ](\d{2}):(\d{2})(?::(\d{2})(?:[.,](\d{1,9}))?)?\s?(Z|z|UTC|[+-]\d{2}:?\d{2})?)?$/;

/** The last representable instant, in milliseconds: 9999-12-31T23:59:59.999Z. */
const LAST = 253_402_300_799_999;

/**
 * Reads an ISO 8601 date or date-time as milliseconds since 1970 (UTC). Without a zone, UTC is meant.
 * Accepted beside the strict form: a blank for `T`, and `UTC` for `Z`. Finer fractions are cut to milliseconds.
 */
export function parseInstant(input: unknown): Result<number, Issue> {
  const fail = (): Result<number, Issue> =>
    err({
      code: "time.invalid",
      message: `Expected a date-time such as 2026-01-31T12:00:00Z (ISO 8601), got ${describe(input)}. Send an ISO 8601 string with its zone.`,
      expected: "ISO 8601 date-time",
      came: describe(input),
    });
  if (typeof input !== "string") return fail();
  const plain = plainInstant(input);
  if (plain !== undefined) return ok(plain);
  const match = ISO.exec(input);
  if (!match) return fail();
  const [, year, month, day, hour = "0", minute = "0", second = "0", fraction = "", zone = "Z"] = match;
  const [mo, d, h, mi, s] = [Number(month), Number(day), Number(hour), Number(minute), Number(second)];
  if (mo < 1 || mo > 12 || d < 1 || h > 23 || mi > 59 || s > 59) return fail();
  const date = new Date(0);
  date.setUTCFullYear(Number(year), mo - 1, d);
  if (date.getUTCDate() !== d) return fail();
  const local =
    date.getTime() + ((h * 60 + mi) * 60 + s) * 1000 + Number(fraction.padEnd(3, "0").slice(0, 3));
  const ms = local - zoneMinutes(zone) * 60_000;
  return ms > LAST || ms < -LAST ? fail() : ok(ms);
}

/** Digits with their separators in the usual places, `0` for any digit. */
const PLAIN = "0000-00-00T00:00:00";
const ZERO = 0x30;
/** The days a month has in every year, by its number from 1. */
const DAYS = [0, 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];

/** The form that nearly every event comes in, `2026-01-31T12:00:00.000Z` or without the fraction; undefined for any other. */
function plainInstant(text: string): number | undefined {
  const { length } = text;
  if (length !== 20 && length !== 24) return undefined;
  if (text[length - 1] !== "Z" || (length === 24 && text[19] !== ".")) return undefined;
  for (let place = 0; place < PLAIN.length; place += 1) {
    if (PLAIN.charCodeAt(place) === ZERO) {
      if (!isDigit(text, place)) return undefined;
    } else if (text.charCodeAt(place) !== PLAIN.charCodeAt(place)) return undefined;
  }
  let fraction = 0;
  if (length === 24) {
    if (!isDigit(text, 20) || !isDigit(text, 21) || !isDigit(text, 22)) return undefined;
    fraction = two(text, 20) * 10 + digit(text, 22);
  }
  const year = two(text, 0) * 100 + two(text, 2);
  const [month, day] = [two(text, 5), two(text, 8)];
  const [hour, minute, second] = [two(text, 11), two(text, 14), two(text, 17)];
  // A 29th of February, and years that the platform takes for others, are left to the long way.
  if (year < 100 || day < 1 || day > (DAYS[month] ?? 0)) return undefined;
  if (hour > 23 || minute > 59 || second > 59) return undefined;
  return Date.UTC(year, month - 1, day, hour, minute, second, fraction);
}

function digit(text: string, place: number): number {
  return text.charCodeAt(place) - ZERO;
}

function two(text: string, place: number): number {
  return digit(text, place) * 10 + digit(text, place + 1);
}

function isDigit(text: string, place: number): boolean {
  const value = digit(text, place);
  return value >= 0 && value <= 9;
}

function zoneMinutes(zone: string): number {
  if (zone[0] !== "+" && zone[0] !== "-") return 0;
  const minutes = Number(zone.slice(1, 3)) * 60 + Number(zone.slice(-2));
  return zone[0] === "-" ? -minutes : minutes;
}

/** Milliseconds since 1970 as ISO 8601 in UTC, `2026-01-31T12:00:00.000Z`. */
export function formatInstant(ms: number): string {
  // Few seconds are asked for at a time: most moments differ from an earlier one in their milliseconds alone.
  const second = Math.floor(ms / 1000);
  const end = ENDS[ms - second * 1000];
  const place = Math.abs(second) % SECONDS.length;
  if (SECONDS[place] === second && end !== undefined) return `${TEXTS[place] ?? ""}${end}`;
  const text = new Date(ms).toISOString();
  if (end !== undefined && text.length === LENGTH) {
    SECONDS[place] = second;
    TEXTS[place] = text.slice(0, -4);
  }
  return text;
}

const LENGTH = "2026-01-31T12:00:00.000Z".length;
/** What follows the point, by milliseconds. */
const ENDS = Array.from({ length: 1000 }, (_, ms) => `${String(ms).padStart(3, "0")}Z`);
/** The seconds formatted last, each at its remainder (a prime: whole days apart are not in each other's place). */
const SECONDS = new Float64Array(61).fill(Number.NaN);
const TEXTS: string[] = [];

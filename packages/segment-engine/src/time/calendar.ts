import { parseInstant } from "@tessera/xdm";
import type { TimeUnit } from "../ast.ts";

const FIXED: Readonly<Partial<Record<TimeUnit, number>>> = {
  millisecond: 1,
  second: 1_000,
  minute: 60_000,
  hour: 3_600_000,
  day: 86_400_000,
  week: 604_800_000,
};

/** The length of a unit in milliseconds; `undefined` for units of the calendar (months and longer). */
export function fixedLength(unit: TimeUnit): number | undefined {
  return FIXED[unit];
}

const MONTHS: Readonly<Partial<Record<TimeUnit, number>>> = {
  month: 1,
  year: 12,
  decade: 120,
  century: 1_200,
  millennium: 12_000,
};

const DAY = 86_400_000;
/** Thursday, 1 January 1970 lies four days after a Sunday. */
const SUNDAY = 4 * DAY;

/**
 * The time `amount` units later (earlier when negative). Months and longer follow the UTC calendar; a day that the
 * month lacks becomes its last: 31 January plus one month is the end of February.
 */
export function addUnits(ms: number, amount: number, unit: TimeUnit): number {
  const fixed = FIXED[unit];
  if (fixed !== undefined) return ms + amount * fixed;
  const date = new Date(ms);
  const months = date.getUTCFullYear() * 12 + date.getUTCMonth() + amount * (MONTHS[unit] ?? 0);
  const moved = new Date(0);
  const year = Math.floor(months / 12);
  const month = months - year * 12;
  moved.setUTCFullYear(year, month + 1, 0);
  moved.setUTCFullYear(year, month, Math.min(date.getUTCDate(), moved.getUTCDate()));
  return moved.getTime() + (ms - Math.floor(ms / DAY) * DAY);
}

/** When the unit that holds `ms` began, by the UTC calendar; weeks begin on Sunday. */
export function startOfUnit(ms: number, unit: TimeUnit): number {
  if (unit === "week") return Math.floor((ms + SUNDAY) / (7 * DAY)) * 7 * DAY - SUNDAY;
  const fixed = FIXED[unit];
  if (fixed !== undefined) return Math.floor(ms / fixed) * fixed;
  const date = new Date(ms);
  const span = MONTHS[unit] ?? 1;
  const months = date.getUTCFullYear() * 12 + date.getUTCMonth();
  const first = Math.floor(months / span) * span;
  const start = new Date(0);
  start.setUTCFullYear(Math.floor(first / 12), first - Math.floor(first / 12) * 12, 1);
  return start.getTime();
}

function digits(text: string, from: number, count: number): number {
  let value = 0;
  for (let index = from; index < from + count; index++) {
    const digit = text.charCodeAt(index) - 48;
    if (digit < 0 || digit > 9) return Number.NaN;
    value = value * 10 + digit;
  }
  return value;
}

/** Days from 1 January 1970 to a date of the Gregorian calendar. */
function daysFromCivil(year: number, month: number, day: number): number {
  const y = month <= 2 ? year - 1 : year;
  const era = Math.floor(y / 400);
  const yearOfEra = y - era * 400;
  const dayOfYear = Math.floor((153 * (month + (month > 2 ? -3 : 9)) + 2) / 5) + day - 1;
  return (
    era * 146_097 +
    yearOfEra * 365 +
    Math.floor(yearOfEra / 4) -
    Math.floor(yearOfEra / 100) +
    dayOfYear -
    719_468
  );
}

/** Reads an ISO 8601 date or date-time; `NaN` when it is none. The form that the platform writes is read fast. */
export function instantOf(text: string): number {
  const canonical =
    text.length === 24 &&
    text.charCodeAt(23) === 90 &&
    text.charCodeAt(10) === 84 &&
    text.charCodeAt(4) === 45 &&
    text.charCodeAt(7) === 45 &&
    text.charCodeAt(13) === 58 &&
    text.charCodeAt(16) === 58 &&
    text.charCodeAt(19) === 46;
  if (canonical) {
    const month = digits(text, 5, 2);
    const day = digits(text, 8, 2);
    // Days 29 to 31 may not be there in every month: the careful way decides.
    if (month >= 1 && month <= 12 && day >= 1 && day <= 28) {
      const [hour, minute, second] = [digits(text, 11, 2), digits(text, 14, 2), digits(text, 17, 2)];
      if (hour <= 23 && minute <= 59 && second <= 59) {
        const days = daysFromCivil(digits(text, 0, 4), month, day);
        return days * DAY + ((hour * 60 + minute) * 60 + second) * 1_000 + digits(text, 20, 3);
      }
    }
  }
  const parsed = parseInstant(text);
  return parsed.ok ? parsed.value : Number.NaN;
}

/** The UTC month of a time, 1 to 12. */
export function monthOf(ms: number): number {
  return new Date(ms).getUTCMonth() + 1;
}

/** The UTC year of a time. */
export function yearOf(ms: number): number {
  return new Date(ms).getUTCFullYear();
}

/** The UTC day of the month of a time, 1 to 31. */
export function dayOfMonthOf(ms: number): number {
  return new Date(ms).getUTCDate();
}

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

/** How many days a month has at least, and how many days of a year that begins in March lie before it. */
const SHORTEST: readonly number[] = [0, 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];
const BEFORE: readonly number[] = [0, 306, 337, 0, 31, 61, 92, 122, 153, 184, 214, 245, 275];

const SIGN = 0x80000000;

/** The two digits from `at` on; below 0 when they are none. All whole numbers, so that it stays in them. */
function twoDigits(text: string, at: number): number {
  const tens = text.charCodeAt(at) - 48;
  const ones = text.charCodeAt(at + 1) - 48;
  return ((tens | ones | (9 - tens) | (9 - ones)) & SIGN) | (tens * 10 + ones);
}

/** Reads an ISO 8601 date or date-time; `NaN` when it is none. The form that the platform writes is read fast. */
export function instantOf(text: string): number {
  if (text.length === 24) {
    const marks =
      (text.charCodeAt(4) ^ 45) |
      (text.charCodeAt(7) ^ 45) |
      (text.charCodeAt(10) ^ 84) |
      (text.charCodeAt(13) ^ 58) |
      (text.charCodeAt(16) ^ 58) |
      (text.charCodeAt(19) ^ 46) |
      (text.charCodeAt(23) ^ 90);
    const century = twoDigits(text, 0);
    const ofCentury = twoDigits(text, 2);
    const month = twoDigits(text, 5);
    const day = twoDigits(text, 8);
    const hour = twoDigits(text, 11);
    const minute = twoDigits(text, 14);
    const second = twoDigits(text, 17);
    const tenths = twoDigits(text, 20);
    const millis = text.charCodeAt(22) - 48;
    // Below 0 when one is no number or lies outside.
    const outside =
      century |
      ofCentury |
      month |
      day |
      hour |
      minute |
      second |
      tenths |
      millis |
      (9 - millis) |
      ((23 - hour) | (59 - minute) | (59 - second) | (month - 1) | (12 - month) | (day - 1));
    const year = century * 100 + ofCentury;
    // A day that not every month has is read the careful way, unless its month has it in every year.
    if (marks === 0 && outside >= 0 && year >= 1 && day <= (SHORTEST[month] ?? 0)) {
      // Years begin in March here, so that the day that not every year has is their last.
      const y = month <= 2 ? year - 1 : year;
      const leapDays = (y >> 2) - ((y / 100) | 0) + ((y / 400) | 0);
      const days = 365 * y + leapDays + (BEFORE[month] ?? 0) + day - 719_469;
      return days * DAY + (((hour * 60 + minute) * 60 + second) * 1_000 + tenths * 10 + millis);
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

import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  campaignLatency,
  type ExportSchedule,
  INTERVALS,
  nextRun,
  parseSchedule,
  summariseLatency,
} from "./index.ts";

const every = (
  everyHours: ExportSchedule["everyHours"],
  rest: Partial<ExportSchedule> = {},
): ExportSchedule => ({
  mode: "incremental",
  everyHours,
  startAt: "2026-02-01T06:00:00Z",
  ...rest,
});

const CASES: readonly {
  name: string;
  schedule: ExportSchedule;
  last?: string;
  now: string;
  evaluated?: string;
  expect: unknown;
}[] = [
  {
    name: "before the start",
    schedule: every(3),
    now: "2026-02-01T05:59:59Z",
    expect: { kind: "wait", at: "2026-02-01T06:00:00.000Z" },
  },
  {
    name: "at the start",
    schedule: every(3),
    now: "2026-02-01T06:00:00Z",
    expect: { kind: "due", slot: "2026-02-01T06:00:00.000Z", missed: 0 },
  },
  {
    name: "between two slots, the first was run",
    schedule: every(3),
    last: "2026-02-01T06:00:00Z",
    now: "2026-02-01T08:59:59Z",
    expect: { kind: "wait", at: "2026-02-01T09:00:00.000Z" },
  },
  {
    name: "three slots were missed: one run catches up",
    schedule: every(3),
    last: "2026-02-01T06:00:00Z",
    now: "2026-02-01T18:30:00Z",
    expect: { kind: "due", slot: "2026-02-01T18:00:00.000Z", missed: 3 },
  },
  {
    name: "first asked long after the start",
    schedule: every(24),
    now: "2026-02-04T00:00:00Z",
    expect: { kind: "due", slot: "2026-02-03T06:00:00.000Z", missed: 2 },
  },
  {
    name: "the end date is exclusive",
    schedule: every(12, { endDate: "2026-02-02" }),
    last: "2026-02-01T18:00:00Z",
    now: "2026-02-02T00:00:00Z",
    expect: { kind: "ended" },
  },
  {
    name: "a slot missed before the end is caught up after it, once",
    schedule: every(12, { endDate: "2026-02-02" }),
    last: "2026-02-01T06:00:00Z",
    now: "2026-02-05T00:00:00Z",
    expect: { kind: "due", slot: "2026-02-01T18:00:00.000Z", missed: 0 },
  },
  {
    name: "an end before the start",
    schedule: every(3, { endDate: "2026-02-01" }),
    now: "2026-02-03T00:00:00Z",
    expect: { kind: "ended" },
  },
  {
    name: "waiting for the day's evaluation",
    schedule: every(24, { mode: "full", trigger: "afterEvaluation" }),
    now: "2026-02-01T07:00:00Z",
    evaluated: "2026-01-31T23:00:00Z",
    expect: { kind: "wait", at: "2026-02-01T07:00:00.000Z" },
  },
  {
    name: "after the day's evaluation",
    schedule: every(24, { mode: "full", trigger: "afterEvaluation" }),
    now: "2026-02-01T09:00:00Z",
    evaluated: "2026-02-01T08:50:00Z",
    expect: { kind: "due", slot: "2026-02-01T06:00:00.000Z", missed: 0 },
  },
];

describe("nextRun", () => {
  it.each(CASES)("$name", ({ schedule, last, now, evaluated, expect: wanted }) => {
    expect(nextRun(schedule, last, now, evaluated)).toEqual(wanted);
  });

  it("runs every slot once whatever the ticks and restarts, missed ones in one", () => {
    const hours = fc.constantFrom(...INTERVALS);
    fc.assert(
      fc.property(
        hours,
        fc.array(fc.integer({ min: 1, max: 30 * 60 }), { minLength: 1, maxLength: 60 }),
        (everyHours, minutes) => {
          const schedule = every(everyHours);
          const start = Date.parse(schedule.startAt);
          let clock = start - 3_600_000;
          let last: string | undefined;
          let covered = 0;
          const slots: number[] = [];
          for (const step of minutes) {
            clock += step * 60_000;
            const now = new Date(clock).toISOString();
            const run = nextRun(schedule, last, now);
            // Asked twice at one moment the answer is the same: the decision holds no state of its own.
            expect(nextRun(schedule, last, now)).toEqual(run);
            if (run.kind !== "due") continue;
            expect(Date.parse(run.slot)).toBeLessThanOrEqual(clock);
            covered += run.missed + 1;
            slots.push(Date.parse(run.slot));
            last = run.slot;
          }
          expect(new Set(slots).size).toBe(slots.length);
          expect(slots).toEqual([...slots].sort((a, b) => a - b));
          expect(covered).toBe(
            clock < start ? 0 : Math.floor((clock - start) / (everyHours * 3_600_000)) + 1,
          );
        },
      ),
      { numRuns: 200 },
    );
  });
});

describe("parseSchedule", () => {
  it.each([
    [every(3), []],
    [{ ...every(3), everyHours: 2 as 3 }, ["everyHours"]],
    [{ ...every(3), everyHours: 5 as 3 }, ["everyHours"]],
    [{ ...every(6), mode: "full" as const }, ["everyHours"]],
    [{ ...every(3), startAt: "soon", endDate: "2026-2-1" }, ["startAt", "endDate"]],
    [every(3, { trigger: "afterEvaluation" }), ["trigger"]],
  ])("%j", (schedule, wanted) => {
    const parsed = parseSchedule(schedule);
    expect(parsed.ok ? [] : parsed.error.map(({ path }) => path?.[0])).toEqual(wanted);
  });
});

describe("latency", () => {
  it("counts three hours at least after the export", () => {
    expect(campaignLatency("2026-02-01T07:00:00Z", every(6))).toEqual({
      evaluatedAt: "2026-02-01T07:00:00.000Z",
      exportedAt: "2026-02-01T12:00:00.000Z",
      usableFrom: "2026-02-01T15:00:00.000Z",
      usableBy: "2026-02-02T12:00:00.000Z",
      secondsToExport: 5 * 3600,
      secondsToUse: 8 * 3600,
    });
    expect(campaignLatency("2026-02-01T12:00:00Z", every(6))?.secondsToUse).toBe(3 * 3600);
    expect(campaignLatency("2026-02-03T12:00:00Z", every(6, { endDate: "2026-02-03" }))).toBeUndefined();
  });

  it("sums up", () => {
    const all = Array.from(
      { length: 6 },
      (_, hour) => campaignLatency(`2026-02-01T0${hour}:00:00Z`, every(3)) ?? never(),
    );
    expect(summariseLatency(all)).toEqual({ count: 6, median: 7 * 3600, p95: 9 * 3600, longest: 9 * 3600 });
  });
});

function never(): never {
  throw new Error("a latency was expected");
}

import { expect, it } from "vitest";
import { busiestHour, exportHours, INCREMENTAL_HOURS, nextRun } from "./index.ts";

it("knows the hours of each schedule", () => {
  expect(exportHours({ mode: "full", when: "at", time: "03:30" })).toEqual([3]);
  expect(exportHours({ mode: "incremental", everyHours: 8, time: "22:00" })).toEqual([6, 14, 22]);
  expect(exportHours({ mode: "full", when: "after-evaluation" })).toEqual([]);
  expect(exportHours({ mode: "full", when: "after-evaluation" }, [2, 14])).toEqual([2, 14]);
  expect(exportHours(undefined)).toEqual([]);
});

it("names the hours in which runs fall, of every schedule at every time", () => {
  for (const everyHours of INCREMENTAL_HOURS) {
    for (let hour = 0; hour < 24; hour += 1) {
      const schedule = {
        mode: "incremental",
        everyHours,
        time: `${String(hour).padStart(2, "0")}:15`,
      } as const;
      const runs = new Set<number>();
      const day = Date.parse("2026-01-31T00:00:00Z");
      for (let at = day; at < day + 86_400_000; at += 1) {
        at = nextRun(schedule, at) ?? Infinity;
        runs.add(new Date(at).getUTCHours());
      }
      expect(exportHours(schedule)).toEqual([...runs].sort((a, b) => a - b));
    }
  }
});

it("finds the hour with most exports, of those in which the own ones are", () => {
  expect(busiestHour([[3], [3, 15]], [[15], [15], [9], [9], [9], [9], [9]])).toEqual({ own: 1, others: 2 });
  expect(busiestHour([[3], [3]], [])).toEqual({ own: 2, others: 0 });
  expect(busiestHour([[], []], [[3]])).toBeUndefined();
});

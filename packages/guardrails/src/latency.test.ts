import { expect, it } from "vitest";
import {
  compareLatency,
  endToEnd,
  LATENCY_EXPECTATIONS,
  LATENCY_STAGES,
  type LatencyDestination,
  type LatencyEvaluation,
  latencyOf,
} from "./index.ts";

const MATRIX: readonly (readonly [LatencyEvaluation, LatencyDestination, number | "schedule" | undefined])[] =
  [
    ["edge", "edge", 0.5],
    ["edge", "audience-manager", undefined],
    ["edge", "file", undefined],
    ["streaming", "edge", 360],
    ["streaming", "audience-manager", 360],
    ["streaming", "streaming", 900],
    ["streaming", "file", "schedule"],
    ["batch", "streaming", 25_800],
    ["batch", "file", "schedule"],
  ];

it.each(MATRIX)("%s to %s takes at most %s s", (evaluation, destination, most) => {
  const expected = latencyOf(evaluation, destination);
  expect(expected && (endToEnd(expected)?.most ?? "schedule")).toBe(most);
});

it("no pair and no stage stands twice, and usual is never above most", () => {
  const pairs = LATENCY_EXPECTATIONS.map(({ evaluation, destination }) => `${evaluation} ${destination}`);
  expect(new Set(pairs).size).toBe(pairs.length);
  expect(new Set(LATENCY_STAGES.map(({ id }) => id)).size).toBe(LATENCY_STAGES.length);
  for (const { id, seconds } of LATENCY_STAGES) expect(seconds.usual, id).toBeLessThanOrEqual(seconds.most);
});

it.each([
  [[], { kind: "unmeasured", count: 0 }],
  [[0.2], { kind: "within", count: 1, p50: 0.2, p95: 0.2, most: 0.2, ratio: 0.4 }],
  [[...Array.from({ length: 19 }, () => 0.1), 9], { kind: "within", p95: 0.1, most: 9 }],
  [[9, ...Array.from({ length: 18 }, () => 0.1), 9], { kind: "slower", p50: 0.1, p95: 9, ratio: 18 }],
])("measured %j", (measured, expected) => {
  expect(compareLatency({ usual: 0.1, most: 0.5 }, measured)).toMatchObject(expected);
});

it("where nothing may pass, any time is infinitely slower", () => {
  expect(compareLatency({ usual: 0, most: 0 }, [0.1]).ratio).toBe(Infinity);
  expect(compareLatency({ usual: 0, most: 0 }, [0]).ratio).toBe(0);
});

import { expect, test } from "vitest";
import { bringIn, type CheckpointPass } from "./bring-in.ts";

function passes(...answers: readonly CheckpointPass[]): number {
  let count = 0;
  bringIn(() => answers[(count += 1) - 1] ?? answers.at(-1) ?? [0, 0, 0]);
  return count;
}

test("what was committed during a pass is brought in by another", () => {
  expect(passes([0, 0, 0])).toBe(1);
  expect(passes([0, 100, 100], [0, 100, 100])).toBe(2);
  expect(passes([0, 100, 100], [0, 140, 140], [0, 150, 150], [0, 150, 150])).toBe(4);
});

test("a log that begins anew is done", () => {
  expect(passes([0, 100, 100], [0, 20, 20], [0, 30, 30])).toBe(2);
});

test("nobody is waited for: neither another checkpoint, nor a reader, nor commits that never end", () => {
  expect(passes([1, -1, -1])).toBe(1);
  expect(passes([0, 100, 60], [0, 120, 60])).toBe(1);
  let logged = 0;
  let count = 0;
  bringIn(() => {
    count += 1;
    logged += 100;
    return [0, logged, logged];
  });
  expect(count).toBeLessThan(20);
});

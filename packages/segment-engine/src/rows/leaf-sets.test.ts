import { expect, it } from "vitest";
import { LeafSets, PASSING } from "./leaf-sets.ts";

it("a kept set stays whatever comes after it, the same leaves are the same set", () => {
  const sets = new LeafSets(300);
  const lists = Array.from({ length: 300 }, (_, length) => Array.from({ length }, (_leaf, index) => index));
  const kept = lists.map((leaves) => sets.keep(leaves));
  sets.pass([7, 9]);
  lists.forEach((leaves, index) => {
    expect([...sets.leavesOf(kept[index] ?? PASSING)]).toEqual(leaves);
    expect(sets.keep(leaves)).toBe(kept[index]);
  });
});

it("with as many sets as are kept, others pass", () => {
  const sets = new LeafSets(5, 2);
  const first = sets.keep([1]);
  sets.keep([2]);
  expect(sets.keep([3, 4])).toBe(PASSING);
  expect([...sets.leavesOf(PASSING)]).toEqual([3, 4]);
  expect(sets.keep([1])).toBe(first);
  expect([...sets.leavesOf(sets.keep([]))]).toEqual([]);
});

import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { linkingRules } from "../test/arbitraries.ts";
import { compileRules } from "./compiled-rules.ts";
import { ComponentTally } from "./component-tally.ts";
import { defaultLinkingRules } from "./index.ts";

const NAMESPACES = ["CRMID", "Email", "GAID", "ECID", "other"];

describe("ComponentTally", () => {
  it("says of two components together what counting their members says", () => {
    fc.assert(
      fc.property(
        linkingRules,
        fc.array(fc.constantFrom(...NAMESPACES), { minLength: 1, maxLength: 60 }),
        fc.array(fc.constantFrom(...NAMESPACES), { minLength: 1, maxLength: 60 }),
        (rules, one, other) => {
          const compiled = compileRules(rules);
          const tally = new ComponentTally(compiled);
          const count = (namespace: string, list: readonly string[]): number =>
            list.filter((item) => item === namespace).length;
          const isOver = (list: readonly string[]): boolean =>
            list.length > compiled.cap ||
            compiled.limited.some(({ namespace, max }) => count(namespace, list) > max);
          const hasMany = (list: readonly string[]): boolean =>
            compiled.windowed.some(
              ({ namespace, newValues }) => count(namespace, list) > (newValues?.count ?? 0),
            );
          const sum = (list: readonly string[]): number =>
            list.reduce((total, namespace) => total + tally.of(namespace), 0);
          const together = [...one, ...other];
          fc.pre(!isOver(one) && !isOver(other));
          expect(tally.countsValues).toBe(true);
          expect(tally.sizeOf(sum(together))).toBe(together.length);
          expect(tally.isOver(sum(together))).toBe(isOver(together));
          if (!isOver(together)) expect(tally.hasMany(sum(together))).toBe(hasMany(together));
        },
      ),
      { numRuns: 2000 },
    );
  });

  it("counts members alone where the numbers of a rule set need more room", () => {
    const namespaces = defaultLinkingRules.namespaces.map((rule) => ({
      ...rule,
      unique: false,
      maxValues: 5,
    }));
    for (const rules of [
      { ...defaultLinkingRules, namespaces },
      { namespaces: [], cap: Number.MAX_SAFE_INTEGER, removedKept: 200 },
    ]) {
      const tally = new ComponentTally(compileRules(rules));
      expect(tally.countsValues).toBe(false);
      expect(tally.sizeOf(tally.of("Email") + tally.of("CRMID"))).toBe(2);
    }
  });
});

import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  backoffMs,
  type Breaker,
  breakerAfter,
  breakerAt,
  CLOSED,
  DEFAULT_BREAKER,
  DEFAULT_RETRY,
  fullBucket,
  retryAfterMs,
  takeToken,
} from "./index.ts";

describe("back-off", () => {
  it("law: lies between half and the whole of the doubled wait, and never before what was asked", () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 60 }),
        fc.double({ min: 0, max: 1, noNaN: true }),
        fc.option(fc.integer({ min: 0, max: 1e7 }), { nil: undefined }),
        (failures, random, asked) => {
          const full = Math.min(DEFAULT_RETRY.maxMs, DEFAULT_RETRY.baseMs * 2 ** (failures - 1));
          const wait = backoffMs(failures, DEFAULT_RETRY, random, asked);
          expect(wait).toBeGreaterThanOrEqual(Math.max(Math.floor(full / 2), asked ?? 0));
          expect(wait).toBeLessThanOrEqual(Math.max(full, (asked ?? 0) + DEFAULT_RETRY.baseMs));
        },
      ),
    );
  });

  const answers: readonly (readonly [string | undefined, number | undefined])[] = [
    [undefined, undefined],
    ["", undefined],
    ["soon", undefined],
    ["-5", undefined],
    ["0", 0],
    [" 120 ", 120_000],
    ["Sat, 31 Jan 2026 12:00:30 GMT", 30_000],
    ["Sat, 31 Jan 2026 11:00:00 GMT", 0],
    ["99999999", 86_400_000],
  ];
  for (const [header, ms] of answers) {
    it(`Retry-After ${header} means ${ms}`, () => {
      const headers: Record<string, string> = header === undefined ? {} : { "retry-after": header };
      expect(
        retryAfterMs({
          kind: "http",
          status: 429,
          headers,
          body: "",
          receivedAt: "2026-01-31T12:00:00.000Z",
        }),
      ).toBe(ms);
    });
  }
});

describe("the circuit breaker", () => {
  it("law: opens after failures in a row alone, lets one probe through after its time, and closes on any success", () => {
    const steps = fc.array(fc.record({ success: fc.boolean(), ms: fc.integer({ min: 0, max: 60_000 }) }), {
      maxLength: 60,
    });
    fc.assert(
      fc.property(steps, (taken) => {
        let breaker: Breaker = CLOSED;
        let now = 0;
        let inARow = 0;
        for (const { success, ms } of taken) {
          now += ms;
          breaker = breakerAt(breaker, now);
          if (breaker.kind === "open") {
            expect(now).toBeLessThan(breaker.until);
            continue;
          }
          const probing = breaker.kind === "probing";
          breaker = breakerAfter(breaker, success, now, DEFAULT_BREAKER);
          inARow = success ? 0 : inARow + 1;
          expect(breaker.kind).toBe(
            success || (!probing && inARow < DEFAULT_BREAKER.failures) ? "closed" : "open",
          );
          if (breaker.kind === "open")
            expect(breaker.until - now).toBeLessThanOrEqual(DEFAULT_BREAKER.maxOpenMs);
        }
      }),
    );
  });
});

describe("the rate limit", () => {
  it("law: no more calls begin in any stretch of time than the rate and one full bucket allow", () => {
    const gaps = fc.array(fc.integer({ min: 0, max: 2000 }), { minLength: 1, maxLength: 80 });
    fc.assert(
      fc.property(fc.double({ min: 0.2, max: 50, noNaN: true }), gaps, (perSecond, waits) => {
        let now = 0;
        let bucket = fullBucket(perSecond, now);
        const begun: number[] = [];
        for (const gap of waits) {
          now += gap;
          const taken = takeToken(bucket, perSecond, now);
          bucket = taken.bucket;
          now += taken.waitMs;
          begun.push(now);
        }
        const [first = 0] = begun;
        const last = begun.at(-1) ?? 0;
        expect(begun.length).toBeLessThanOrEqual(
          Math.max(1, perSecond) + ((last - first) * perSecond) / 1000 + 1.001,
        );
      }),
    );
  });
});

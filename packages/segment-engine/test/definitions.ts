import * as fc from "fast-check";

/** A person as the reference sees them: attributes, and events in order of time with distinct times. */
export interface Someone {
  readonly attributes: {
    readonly tier?: string;
    readonly points?: number;
    readonly tags?: readonly string[];
    readonly flag?: boolean;
    readonly joined?: string;
  };
  readonly events: readonly Happening[];
}

interface Happening {
  readonly at: number;
  readonly type: string;
  readonly amount?: number;
}

/**
 * A definition in PQL with what it means, said in the plainest way: no plan, nothing shared, nothing remembered. The
 * events given to `holds` are those up to `now`.
 */
export interface Definition {
  readonly text: string;
  readonly holds: (someone: Someone, now: number) => boolean;
}

const BASE = Date.parse("2026-03-10T12:00:00Z");
const HOUR = 3_600_000;
const DAY = 24 * HOUR;

const TYPES = ["view", "cart", "buy"] as const;
const type = fc.constantFrom(...TYPES);
const small = fc.integer({ min: 0, max: 4 });

const OPS = {
  "=": (a: number, b: number) => a === b,
  "!=": (a: number, b: number) => a !== b,
  "<": (a: number, b: number) => a < b,
  "<=": (a: number, b: number) => a <= b,
  ">": (a: number, b: number) => a > b,
  ">=": (a: number, b: number) => a >= b,
} as const;
const op = fc.constantFrom(...(Object.keys(OPS) as (keyof typeof OPS)[]));

const attribute: fc.Arbitrary<Definition> = fc.oneof(
  fc.tuple(op, small).map(([sign, n]) => ({
    text: `points ${sign} ${n}`,
    holds: ({ attributes: { points } }: Someone) => points !== undefined && OPS[sign](points, n),
  })),
  fc.tuple(fc.constantFrom("gold", "GOLD", "iron"), fc.boolean()).map(([value, sensitive]) => ({
    text: `tier.equals("${value}", ${sensitive})`,
    holds: ({ attributes: { tier } }: Someone) =>
      tier !== undefined && (sensitive ? tier === value : tier.toLowerCase() === value.toLowerCase()),
  })),
  fc.constantFrom("gold", "iron").map((value) => ({
    text: `tier != "${value}"`,
    holds: ({ attributes: { tier } }: Someone) => tier !== undefined && tier !== value,
  })),
  fc.subarray(["gold", "iron", "tin"]).map((values) => ({
    text: `tier notIn [${values.map((value) => `"${value}"`).join(", ")}]`,
    holds: ({ attributes: { tier } }: Someone) => tier !== undefined && !values.includes(tier),
  })),
  fc.constantFrom("vip", "beta").map((value) => ({
    text: `tags.includes("${value}")`,
    holds: ({ attributes: { tags } }: Someone) => tags !== undefined && tags.includes(value),
  })),
  fc.constant({ text: "flag", holds: ({ attributes: { flag } }: Someone) => flag === true }),
  fc.constantFrom("tier", "points", "tags").map((name) => ({
    text: `${name}.isNull()`,
    holds: ({ attributes }: Someone) => attributes[name] === undefined,
  })),
  fc
    .tuple(fc.constantFrom("<" as const, "<=" as const), fc.integer({ min: 1, max: 90 }))
    .map(([sign, hours]) => ({
      text: `joined occurs ${sign} ${hours} hours before now`,
      holds: ({ attributes: { joined } }: Someone, now: number) => {
        if (joined === undefined) return false;
        const age = now - Date.parse(joined);
        return age >= 0 && OPS[sign](age, hours * HOUR);
      },
    })),
);

interface EventTest {
  readonly text: string;
  readonly fits: (event: Happening) => boolean;
}

const eventTest: fc.Arbitrary<EventTest> = fc.oneof(
  type.map((wanted) => ({
    text: `eventType = "${wanted}"`,
    fits: (event: Happening) => event.type === wanted,
  })),
  fc.tuple(type, op, small).map(([wanted, sign, n]) => ({
    text: `eventType = "${wanted}" and amount ${sign} ${n}`,
    fits: (event: Happening) =>
      event.type === wanted && event.amount !== undefined && OPS[sign](event.amount, n),
  })),
);

const past = (events: readonly Happening[], now: number): readonly Happening[] =>
  events.filter(({ at }) => at <= now);

const aggregate: fc.Arbitrary<Definition> = fc.oneof(
  eventTest.map(({ text, fits }) => ({
    text: `xEvent.exists(${text})`,
    holds: ({ events }: Someone, now: number) => past(events, now).some(fits),
  })),
  eventTest.map(({ text, fits }) => ({
    text: `xEvent.forall(${text})`,
    holds: ({ events }: Someone, now: number) => past(events, now).every(fits),
  })),
  fc.tuple(eventTest, op, small).map(([{ text, fits }, sign, n]) => ({
    text: `xEvent[${text}].count() ${sign} ${n}`,
    holds: ({ events }: Someone, now: number) => OPS[sign](past(events, now).filter(fits).length, n),
  })),
  fc.tuple(type, op, small).map(([wanted, sign, n]) => ({
    text: `(sum E.amount over E from xEvent where E.eventType = "${wanted}") ${sign} ${n}`,
    holds: ({ events }: Someone, now: number) => {
      const found = past(events, now).filter((event) => event.type === wanted);
      return OPS[sign](
        found.reduce((sum, { amount = 0 }) => sum + amount, 0),
        n,
      );
    },
  })),
  fc.tuple(type, fc.integer({ min: 1, max: 72 })).map(([wanted, hours]) => ({
    text: `exists E from xEvent where E.eventType = "${wanted}" and E.timestamp occurs <= ${hours} hours before now`,
    holds: ({ events }: Someone, now: number) =>
      past(events, now).some((event) => event.type === wanted && now - event.at <= hours * HOUR),
  })),
);

interface Step {
  readonly test: EventTest;
  readonly count: number;
  readonly when: When;
}

type When =
  | { readonly kind: "none" }
  | { readonly kind: "today" }
  | { readonly kind: "window"; readonly sign: "<" | "<="; readonly hours: number }
  | { readonly kind: "after"; readonly hours?: number };

const when: fc.Arbitrary<When> = fc.oneof(
  fc.constant({ kind: "none" } as const),
  fc.constant({ kind: "today" } as const),
  fc.record({
    kind: fc.constant("window" as const),
    sign: fc.constantFrom("<" as const, "<=" as const),
    hours: fc.integer({ min: 1, max: 72 }),
  }),
  fc.constant({ kind: "after" } as const),
  fc.record({ kind: fc.constant("after" as const), hours: fc.integer({ min: 1, max: 48 }) }),
);

const chain: fc.Arbitrary<Definition> = fc
  .array(fc.record({ test: eventTest, count: fc.integer({ min: 1, max: 3 }), when }), {
    minLength: 1,
    maxLength: 3,
  })
  .map((steps): Definition => ({
    text: `CHAIN(xEvent, timestamp, [${steps.map(stepText).join(", ")}])`,
    holds: ({ events }, now) => sequence(steps, past(events, now), { from: 0, now, times: [] }),
  }));

function stepText({ test, count, when: limit }: Step, index: number): string {
  const before = `S${index - 1}`;
  const limits = {
    none: "",
    today: " WHEN(today)",
    window: limit.kind === "window" ? ` WHEN(${limit.sign} ${limit.hours} hours before now)` : "",
    after:
      index === 0
        ? ""
        : limit.kind === "after" && limit.hours !== undefined
          ? ` WHEN(<= ${limit.hours} hours after ${before})`
          : ` WHEN(after ${before})`,
  };
  return `S${index}: WHAT(${test.text})${limits[limit.kind]}${count === 1 ? "" : ` COUNT(${count})`}`;
}

/** Tries every event for every step. */
function sequence(
  steps: readonly Step[],
  events: readonly Happening[],
  { from, now, times }: { readonly from: number; readonly now: number; readonly times: readonly number[] },
): boolean {
  const step = steps[times.length];
  if (step === undefined) return true;
  const fits = (event: Happening): boolean =>
    step.test.fits(event) && inTime(step.when, event.at, { now, times });
  for (let index = from; index < events.length; index += 1) {
    const event = events[index];
    if (event === undefined || !fits(event)) continue;
    if (events.slice(from, index + 1).filter(fits).length < step.count) continue;
    if (sequence(steps, events, { from: index + 1, now, times: [...times, event.at] })) return true;
  }
  return false;
}

function inTime(
  limit: When,
  at: number,
  { now, times }: { readonly now: number; readonly times: readonly number[] },
): boolean {
  switch (limit.kind) {
    case "none":
      return true;
    case "today":
      return Math.floor(at / DAY) === Math.floor(now / DAY);
    case "window":
      return OPS[limit.sign](now - at, limit.hours * HOUR);
    case "after": {
      const before = times.at(-1);
      if (before === undefined) return true;
      return at > before && (limit.hours === undefined || at - before <= limit.hours * HOUR);
    }
  }
}

const leaf: fc.Arbitrary<Definition> = fc.oneof(attribute, aggregate, chain);

/** Random definitions: leaves joined by and, or, not, if, a few levels deep. */
export const definition: fc.Arbitrary<Definition> = fc.letrec<{ node: Definition }>((tie) => ({
  node: fc.oneof(
    { maxDepth: 3, depthSize: "small" },
    leaf,
    fc.array(tie("node"), { minLength: 2, maxLength: 3 }).map((parts) => ({
      text: parts.map(({ text }) => `(${text})`).join(" and "),
      holds: (someone: Someone, now: number) => parts.every(({ holds }) => holds(someone, now)),
    })),
    fc.array(tie("node"), { minLength: 2, maxLength: 3 }).map((parts) => ({
      text: parts.map(({ text }) => `(${text})`).join(" or "),
      holds: (someone: Someone, now: number) => parts.some(({ holds }) => holds(someone, now)),
    })),
    tie("node").map(({ text, holds }) => ({
      text: `not(${text})`,
      holds: (someone: Someone, now: number) => !holds(someone, now),
    })),
    fc.tuple(tie("node"), tie("node"), tie("node")).map(([test, then, otherwise]) => ({
      text: `if(${test.text}, ${then.text}, ${otherwise.text})`,
      holds: (someone: Someone, now: number) =>
        (test.holds(someone, now) ? then : otherwise).holds(someone, now),
    })),
  ),
})).node;

const maybe = <T>(value: fc.Arbitrary<T>): fc.Arbitrary<T | undefined> =>
  fc.option(value, { nil: undefined });
/** Times around the base: many on whole hours, so that windows lapse exactly with them; some a millisecond beside. */
const time = fc
  .tuple(fc.integer({ min: -90, max: 30 }), fc.constantFrom(0, 0, 1, -1))
  .map(([hours, beside]) => BASE + hours * HOUR + beside);

/** Random persons with up to 12 events, each at a time of its own. */
export const someone: fc.Arbitrary<Someone> = fc.record({
  attributes: fc
    .record({
      tier: maybe(fc.constantFrom("gold", "iron", "Gold")),
      points: maybe(small),
      tags: maybe(fc.subarray(["vip", "beta", "x"])),
      flag: maybe(fc.boolean()),
      joined: maybe(time.map((at) => new Date(at).toISOString())),
    })
    .map((all) => Object.fromEntries(Object.entries(all).filter(([, value]) => value !== undefined))),
  events: fc
    .uniqueArray(fc.record({ at: time, type, amount: maybe(small) }), {
      maxLength: 12,
      selector: ({ at }) => at,
    })
    .map((events) =>
      events
        .map(({ at, type: kind, amount }) => ({
          at,
          type: kind,
          ...(amount === undefined ? {} : { amount }),
        }))
        .sort((a, b) => a.at - b.at),
    ),
});

/** Moments at which to ask. */
export const moments: fc.Arbitrary<readonly number[]> = fc.array(
  fc
    .tuple(fc.integer({ min: -92, max: 110 }), fc.constantFrom(0, 1, -1, 1_234_567))
    .map(([hours, beside]) => BASE + hours * HOUR + beside),
  { minLength: 4, maxLength: 8 },
);

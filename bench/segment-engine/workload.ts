// The work all contenders do: audiences as neutral conditions, and retail profiles, both from a seed.

/** A condition that every contender's language gets its own form of. */
export type Condition =
  | { readonly is: "equal"; readonly path: string; readonly value: string }
  | { readonly is: "atLeast" | "below"; readonly path: string; readonly value: number }
  | { readonly is: "oneOf"; readonly path: string; readonly values: readonly string[] }
  | { readonly is: "startsWith" | "contains"; readonly path: string; readonly value: string }
  | { readonly is: "and" | "or"; readonly of: readonly Condition[] }
  | { readonly is: "not"; readonly of: Condition }
  | { readonly is: "audience"; readonly id: string; readonly of: Condition }
  | ({ readonly is: "count"; readonly atLeast: number } & Events)
  | ({ readonly is: "sum"; readonly atLeast: number } & Events)
  | { readonly is: "sequence"; readonly first: string; readonly then: string; readonly days: number };

interface Events {
  readonly type: string;
  readonly category?: string;
  readonly days: number;
}

export interface Audience {
  readonly id: string;
  readonly condition: Condition;
  readonly events: boolean;
  /** Whether a sum is asked for, which CEL cannot. */
  readonly sums: boolean;
}

/** A profile as decoded JSON. Events carry their time as text and, for contenders that want a number, as `ts`. */
export interface Profile {
  readonly attributes: Record<string, Record<string, unknown>>;
  readonly events: readonly ProfileEvent[];
}

export interface ProfileEvent {
  readonly [key: string]: string | number;
  readonly _id: string;
  readonly timestamp: string;
  readonly ts: number;
  readonly eventType: string;
  readonly category: string;
  readonly price: number;
}

export const NOW: number = Date.parse("2026-03-01T12:00:00.000Z");
export const DAY = 86_400_000;

/** Numbers in [0, 1) from a seed. */
export function random(seed: number): () => number {
  let state = seed | 0;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
}

const words = (prefix: string, count: number): readonly string[] =>
  Array.from({ length: count }, (_, index) => `${prefix}${index}`);

export const DOMAINS: Readonly<Record<string, readonly string[]>> = {
  "person.gender": ["female", "male", "other"],
  "person.language": words("lang", 12),
  "homeAddress.country": words("country", 30),
  "homeAddress.city": words("city", 200),
  "loyalty.tier": ["none", "bronze", "silver", "gold", "platinum"],
  "device.os": ["ios", "android", "windows", "macos", "linux"],
  "device.browser": words("browser", 8),
  "marketing.channel": words("channel", 10),
  "account.plan": words("plan", 6),
  "preferences.color": words("color", 16),
  "preferences.store": words("store", 120),
};
export const NUMBERS: Readonly<Record<string, number>> = {
  "loyalty.points": 100_000,
  "account.age": 5_000,
  "account.logins": 1_000,
  "person.birthYear": 2_010,
};
export const TYPES: readonly string[] = [
  "view",
  "search",
  "cart",
  "checkout",
  "order",
  "return",
  "click",
  "open",
];
export const CATEGORIES: readonly string[] = words("category", 12);
export const TEXTS: readonly string[] = [...Object.keys(DOMAINS), "person.email"];
export const FIGURES: readonly string[] = Object.keys(NUMBERS);

/** So many audiences, in the mix of the 200: three quarters on attributes, one quarter with events. */
export function audiences(count: number, seed = 7): readonly Audience[] {
  const next = random(seed);
  const pick = <T>(list: readonly T[]): T => list[Math.floor(next() * list.length)] as T;
  const made: Audience[] = [];
  const equal = (): Condition => {
    const path = pick(Object.keys(DOMAINS));
    return { is: "equal", path, value: pick(DOMAINS[path] ?? [""]) };
  };
  const range = (): Condition => {
    const path = pick(FIGURES);
    const value =
      path === "person.birthYear"
        ? 1_940 + Math.floor(next() * 70)
        : Math.floor(next() * (NUMBERS[path] ?? 1));
    return { is: next() < 0.5 ? "atLeast" : "below", path, value };
  };
  const set = (): Condition => {
    const path = pick(["homeAddress.country", "homeAddress.city", "preferences.store", "marketing.channel"]);
    const values = [
      ...new Set(Array.from({ length: 3 + Math.floor(next() * 6) }, () => pick(DOMAINS[path] ?? []))),
    ];
    return { is: "oneOf", path, values };
  };
  const text = (): Condition => {
    const city = pick(DOMAINS["homeAddress.city"] ?? []);
    switch (Math.floor(next() * 4)) {
      case 0:
        return { is: "startsWith", path: "homeAddress.city", value: city.slice(0, 5) };
      case 1:
        return { is: "startsWith", path: "person.email", value: `p${Math.floor(next() * 90 + 10)}` };
      case 2:
        return { is: "contains", path: "person.email", value: `${Math.floor(next() * 90 + 10)}@` };
      default:
        return { is: "contains", path: "preferences.store", value: String(Math.floor(next() * 10)) };
    }
  };
  const simple = (): Condition => [equal, equal, range, set, text][Math.floor(next() * 5)]?.() ?? equal();
  const joined = (): Condition => {
    const of = Array.from({ length: 2 + Math.floor(next() * 5) }, () =>
      next() < 0.2 ? ({ is: "not", of: simple() } as const) : simple(),
    );
    return { is: next() < 0.5 ? "and" : "or", of };
  };
  const events = (): Events => ({
    type: pick(TYPES),
    ...(next() < 0.6 ? { category: pick(CATEGORIES) } : {}),
    days: pick([1, 3, 7, 14, 30]),
  });
  const counted = (): Condition => ({ is: "count", atLeast: 1 + Math.floor(next() * 4), ...events() });
  const summed = (): Condition => ({ is: "sum", atLeast: 20 * (1 + Math.floor(next() * 10)), ...events() });
  const sequence = (): Condition => ({ is: "sequence", first: pick(TYPES), then: pick(TYPES), days: 7 });
  const named = (withEvents: boolean) => (): Condition => {
    const of = Array.from({ length: 2 }, () => {
      const own = pick(made.filter((one) => one.events === withEvents && one.condition.is !== "audience"));
      return { is: "audience", id: own.id, of: own.condition } as const;
    });
    return {
      is: "and",
      of: [
        { is: "or", of },
        { is: "not", of: equal() },
      ],
    };
  };
  const mix: readonly (readonly [number, boolean, () => Condition])[] = [
    [30, false, equal],
    [15, false, range],
    [15, false, set],
    [20, false, text],
    [60, false, joined],
    [10, false, named(false)],
    [27, true, counted],
    [10, true, summed],
    [8, true, sequence],
    [5, true, named(true)],
  ];
  for (const [share, withEvents, make] of mix) {
    for (let left = Math.max(1, Math.round((share * count) / 200)); left > 0 && made.length < count; left--) {
      const condition = make();
      made.push({ id: `a${made.length}`, condition, events: withEvents, sums: sums(condition) });
    }
  }
  return made;
}

function sums(condition: Condition): boolean {
  switch (condition.is) {
    case "and":
    case "or":
      return condition.of.some(sums);
    case "not":
    case "audience":
      return sums(condition.of);
    default:
      return condition.is === "sum";
  }
}

/** One event at a time. */
export function eventAt(next: () => number, at: number, id: string): ProfileEvent {
  const type = TYPES[Math.floor(next() * TYPES.length)] ?? "view";
  return {
    _id: id,
    timestamp: new Date(at).toISOString(),
    ts: at,
    eventType: type,
    category: CATEGORIES[Math.floor(next() * CATEGORIES.length)] ?? "",
    // Quarters: sums are the same in whatever order they are added.
    price: Math.floor(next() * 400) / 4,
  };
}

/** Profiles with 0 to 40 events of the last 60 days (or a fixed number of events), in order of time. */
export function profiles(
  count: number,
  options: { readonly seed?: number; readonly events?: number } = {},
): Profile[] {
  const next = random(options.seed ?? 11);
  return Array.from({ length: count }, (_, number) => {
    const attributes: Record<string, Record<string, unknown>> = {};
    const put = (path: string, value: unknown): void => {
      const [group = "", name = ""] = path.split(".");
      (attributes[group] ??= {})[name] = value;
    };
    for (const [path, values] of Object.entries(DOMAINS))
      put(path, values[Math.floor(next() ** 2 * values.length)]);
    for (const [path, most] of Object.entries(NUMBERS))
      put(path, path === "person.birthYear" ? 1_940 + Math.floor(next() * 70) : Math.floor(next() * most));
    put("person.email", `p${Math.floor(next() * 900_000 + 100_000)}@mail${number % 50}.example`);
    put(
      "identityMap.ids",
      Array.from({ length: 4 }, (_id, index) => ({ id: `id-${number}-${index}`, primary: index === 0 })),
    );
    put("consents.collect", { val: "y" });
    const times = Array.from({ length: options.events ?? Math.floor(next() * 41) }, () =>
      Math.floor(NOW - next() * 60 * DAY),
    );
    const events = [...new Set(times)]
      .sort((a, b) => a - b)
      .map((at, index) => eventAt(next, at, `${number}-${index}`));
    return { attributes, events };
  });
}

/** What an audience means, said plainly: the judge over all contenders. */
export function holds(condition: Condition, profile: Profile): boolean {
  switch (condition.is) {
    case "equal":
      return at(profile, condition.path) === condition.value;
    case "atLeast":
      return Number(at(profile, condition.path)) >= condition.value;
    case "below":
      return Number(at(profile, condition.path)) < condition.value;
    case "oneOf":
      return condition.values.includes(String(at(profile, condition.path)));
    case "startsWith":
      return String(at(profile, condition.path)).startsWith(condition.value);
    case "contains":
      return String(at(profile, condition.path)).includes(condition.value);
    case "and":
      return condition.of.every((one) => holds(one, profile));
    case "or":
      return condition.of.some((one) => holds(one, profile));
    case "not":
      return !holds(condition.of, profile);
    case "audience":
      return holds(condition.of, profile);
    case "count":
      return matching(condition, profile).length >= condition.atLeast;
    case "sum":
      return matching(condition, profile).reduce((sum, event) => sum + event.price, 0) >= condition.atLeast;
    case "sequence":
      return profile.events.some(
        (a) =>
          a.eventType === condition.first &&
          profile.events.some(
            (b) => b.eventType === condition.then && b.ts > a.ts && b.ts - a.ts <= condition.days * DAY,
          ),
      );
  }
}

function matching(condition: Events, { events }: Profile): readonly ProfileEvent[] {
  const from = NOW - condition.days * DAY;
  return events.filter(
    (event) =>
      event.eventType === condition.type &&
      (condition.category === undefined || event.category === condition.category) &&
      event.ts >= from,
  );
}

function at({ attributes }: Profile, path: string): unknown {
  const [group = "", name = ""] = path.split(".");
  return attributes[group]?.[name];
}

// Seeded audiences, records and events of one shop. The same arguments give the same data.

/** A stream of numbers in [0, 1) from a seed. */
export function random(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

const COUNTRIES = 30;
const TYPES = 6;

/** 200 audiences: 150 on attributes, 27 counts in a window, 13 sums, 10 sequences. */
export function audienceQueries(): readonly string[] {
  const times = (count: number, query: (index: number) => string): readonly string[] =>
    Array.from({ length: count }, (_, index) => query(index));
  return [
    ...times(30, (i) => `homeAddress.country = "C${i}"`),
    ...times(30, (i) => `loyalty.points >= ${i * 100} and loyalty.points < ${i * 100 + 150}`),
    ...times(40, (i) => `homeAddress.city.startsWith("City ${i}")`),
    ...times(
      50,
      (i) =>
        `homeAddress.country in ["C${i % COUNTRIES}","C${(i + 3) % COUNTRIES}"] and not(loyalty.points > ${i * 50})`,
    ),
    ...times(
      27,
      (i) =>
        `CHAIN(xEvent, timestamp, [A: WHAT(eventType = "t${i % TYPES}") WHEN(<= ${1 + i} days before now) COUNT(${1 + (i % 4)})])`,
    ),
    ...times(13, (i) => `xEvent[eventType = "t${i % TYPES}"].sum(commerce.order.priceTotal) > ${i * 50}`),
    ...times(
      10,
      (i) =>
        `CHAIN(xEvent, timestamp, [A: WHAT(eventType = "t${i % TYPES}"), B: WHAT(eventType = "t${(i + 1) % TYPES}") WHEN(<= 7 days after A)])`,
    ),
  ];
}

/** The CRM record of person `number`. */
export function recordOf(number: number): object {
  return {
    identityMap: {
      CRMID: [{ id: `c${number}`, primary: true }],
      Email: [{ id: `c${number}@shop.example` }],
    },
    homeAddress: { country: `C${number % COUNTRIES}`, city: `City ${number % 40}` },
    loyalty: { points: number % 3000 },
    person: { name: { firstName: "Ada", lastName: `Lovelace ${number}` } },
  };
}

/** Which of `persons` an event is of. */
export type Pick = () => number;

/** All persons alike, or 70 % of the events on 30 % of the persons. */
export function picker(persons: number, skewed: boolean, next: () => number): Pick {
  return () => {
    if (!skewed) return Math.floor(next() * persons);
    const few = Math.floor(persons * 0.3);
    return next() < 0.7 ? Math.floor(next() * few) : few + Math.floor(next() * (persons - few));
  };
}

/** An event of person `person` with the running number `number`. */
export function eventOf(number: number, person: number, at: number): object {
  return {
    _id: `e${number}`,
    timestamp: new Date(at).toISOString(),
    eventType: `t${number % TYPES}`,
    identityMap: { CRMID: [{ id: `c${person}` }], SESSION: [{ id: `s${person}` }] },
    commerce: { order: { priceTotal: number % 100 } },
    web: { webPageDetails: { name: "home", URL: "https://shop.example/x" } },
  };
}

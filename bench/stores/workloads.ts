import type { HubStore, PersonState } from "@tessera/profile-store";
import { type Figure, milliseconds, mustEqual, percentile } from "./measure.ts";
import { afterEvents, eventOf, identitiesOf, NOTHING, personOf, recordsOf, seeded } from "./sample.ts";

const IMPORT_BATCH = 1000;

/** Stores persons 0 to `count` - 1 with their records, 1,000 in a commit, the way a first import does. */
export async function importPersons(store: HubStore, count: number): Promise<Figure[]> {
  let loading = 0;
  let committing = 0;
  for (let from = 0; from < count; from += IMPORT_BATCH) {
    const numbers = Array.from({ length: Math.min(IMPORT_BATCH, count - from) }, (_, index) => from + index);
    const records = numbers.map(recordsOf);
    const persons = numbers.map((number, index) => personOf(number, records[index] ?? []));
    const keys = numbers.flatMap(identitiesOf);
    loading += await milliseconds(() => store.load(keys, []));
    committing += await milliseconds(async () => {
      const result = await store.commit({
        ...NOTHING,
        persons: persons.map((person) => ({ kind: "put", person, fragmentsChanged: true })),
        records: records.flat(),
        counters: { persons: persons.length },
      });
      mustEqual("import", result, { ok: true });
    });
  }
  mustEqual("persons after the import", (await store.totals()).persons, count);
  return [
    {
      what: `import of ${count.toLocaleString("en-US")} new persons, 3 records each`,
      value: count / ((loading + committing) / 1000),
      unit: "persons/s",
    },
    { what: "  of it: load of unknown identities", value: (loading / count) * 1000, unit: "µs/person" },
    { what: "  of it: commit", value: (committing / count) * 1000, unit: "µs/person" },
  ];
}

/** How events are spread over persons. */
export interface EventLoad {
  readonly persons: number;
  readonly events: number;
  readonly batches: number;
  /** Persons touched by one batch. */
  readonly touched: number;
  readonly firstSerial: number;
  /** The first of the persons: processes that share a store take different ones. */
  readonly firstPerson?: number;
}

/** Commits batches of events on random persons: load, a new version of each person, commit. */
export async function commitEvents(store: HubStore, load: EventLoad): Promise<Figure[]> {
  const random = seeded(load.firstSerial + 1);
  const loads: number[] = [];
  const commits: number[] = [];
  let serial = load.firstSerial;
  for (let batch = 0; batch < load.batches; batch += 1) {
    const touched = Array.from(
      { length: load.touched },
      () => (load.firstPerson ?? 0) + Math.floor(random() * load.persons),
    );
    const events = Array.from({ length: load.events }, (_, index) =>
      eventOf(serial++, touched[index % touched.length] ?? 0),
    );
    const known: PersonState[] = [];
    loads.push(
      await milliseconds(async () => {
        const seen = await store.load(
          [...new Set(events.map((event) => event.owner))],
          events.map((event) => event.id),
        );
        known.push(...seen.persons.values());
        if (seen.knownEvents.size > 0) throw new Error("a new event is known");
      }),
    );
    const persons = known.map((person) => afterEvents(person, 1, random));
    commits.push(
      await milliseconds(async () => {
        const result = await store.commit({
          ...NOTHING,
          persons: persons.map((person) => ({ kind: "put", person, fragmentsChanged: false })),
          events,
          memberships: persons.slice(0, 50).map(({ personId }) => ({
            personId,
            namespace: "ups",
            audienceId: "audience-7",
            from: "none",
            to: "realized",
            at: "2026-03-01T00:00:00.000Z",
            version: 1,
          })),
          counters: { "audience:7": 50 },
        });
        mustEqual("events", result, { ok: true });
      }),
    );
  }
  const warm = commits.slice(Math.floor(commits.length / 5));
  const warmLoads = loads.slice(Math.floor(loads.length / 5));
  const sum = (values: readonly number[]): number => values.reduce((all, value) => all + value, 0);
  return [
    {
      what: `commit, ${load.events} events on ${load.touched} of ${load.persons.toLocaleString("en-US")} persons`,
      value: (warm.length * load.events * 1000) / sum(warm),
      unit: "events/s",
    },
    { what: "  p50 of a commit", value: percentile(warm, 0.5), unit: "ms" },
    { what: "  p99 of a commit", value: percentile(warm, 0.99), unit: "ms" },
    { what: "  load of the batch's neighbourhood, p50", value: percentile(warmLoads, 0.5), unit: "ms" },
    {
      what: "load and commit together",
      value: (warm.length * load.events * 1000) / (sum(warm) + sum(warmLoads)),
      unit: "events/s",
    },
  ];
}

/** Looks persons up by one identity at a time. */
export async function lookups(store: HubStore, persons: number, count: number): Promise<Figure[]> {
  const random = seeded(99);
  const times: number[] = [];
  for (let index = 0; index < count; index += 1) {
    const number = Math.floor(random() * persons);
    const key = identitiesOf(number)[index % 2] ?? "";
    times.push(
      await milliseconds(async () => {
        const seen = await store.load([key], []);
        if (seen.personOf.get(key) === undefined) throw new Error(`${key} is not there`);
      }),
    );
  }
  return [
    { what: `lookup of a whole person by identity, p50`, value: percentile(times, 0.5) * 1000, unit: "µs" },
    { what: "  p99", value: percentile(times, 0.99) * 1000, unit: "µs" },
    { what: "  p99.9", value: percentile(times, 0.999) * 1000, unit: "µs" },
  ];
}

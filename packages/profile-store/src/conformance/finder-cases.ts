import type { AttributeCondition, JsonObject } from "@tessera/xdm";
import type { HubStore } from "../hub-store.ts";
import { DEFAULT_MERGE_POLICY } from "../merge-policy.ts";
import type { PersonFinder } from "../person-finder.ts";
import { expectSame } from "./expect.ts";
import { accepted, fragmentOf, HOSTILE, NOON, personOf, put } from "./samples.ts";

/** A store with the finder of its persons. */
export interface FinderSubject {
  readonly store: HubStore;
  readonly finder: PersonFinder;
  /** Closes both. */
  readonly close: () => Promise<void>;
}

/** A law of the PersonFinder port as a case that any adapter can run. */
export interface FinderConformanceCase {
  readonly name: string;
  /** Tries the law on a fresh, empty store. Throws when the law is broken. */
  readonly run: (open: () => Promise<FinderSubject>) => Promise<void>;
}

const PATHS = ["person.name.lastName", "tier", "points"];
const policy = DEFAULT_MERGE_POLICY;

function isIn(path: string, ...values: readonly (string | number | boolean)[]): AttributeCondition {
  return { kind: "in", path, values };
}

/** Stores persons `p01`, `p02`, … with these bodies, each in a fragment of its own dataset. */
async function store(subject: FinderSubject, ...persons: readonly (readonly JsonObject[])[]): Promise<void> {
  await accepted(subject.store, {
    persons: persons.map((bodies, index) => {
      const owner = `A:${index}`;
      const fragments = bodies.map((body, place) => ({
        ...fragmentOf(`d${place}`, owner, body),
        at: NOON + place,
      }));
      return put(personOf(id(index + 1), [owner], { fragments }));
    }),
  });
}

function id(number: number): string {
  return `p${String(number).padStart(2, "0")}`;
}

async function found(
  { finder }: FinderSubject,
  condition: AttributeCondition,
  page: { readonly after?: string; readonly limit?: number } = {},
): Promise<readonly string[] | undefined> {
  return finder.find({ condition, policy, after: page.after ?? "", limit: page.limit ?? 100 });
}

const cases: readonly { readonly name: string; readonly run: (subject: FinderSubject) => Promise<void> }[] = [
  {
    name: "persons are found by a text, a number and a truth, by their kind and in whole",
    run: async (subject) => {
      await store(
        subject,
        [{ tier: "gold" }],
        [{ tier: "golden" }],
        [{ points: 7 }],
        [{ points: "7" }],
        [{ tier: true }],
      );
      await subject.finder.index(PATHS, { policy });
      expectSame("a text", await found(subject, isIn("tier", "gold")), ["p01"]);
      expectSame("a number", await found(subject, isIn("points", 7)), ["p03"]);
      expectSame("a text of digits", await found(subject, isIn("points", "7")), ["p04"]);
      expectSame("a truth", await found(subject, isIn("tier", true)), ["p05"]);
      expectSame("one of several", await found(subject, isIn("tier", "golden", "gold", "none")), [
        "p01",
        "p02",
      ]);
      expectSame("nobody", await found(subject, isIn("tier", "silver")), []);
    },
  },
  {
    name: "numbers are found by size, and nested fields by their path",
    run: async (subject) => {
      await store(
        subject,
        ...[-1, 0, 2.5, 7, 1e9].map((points) => [{ points }]),
        [{ points: "9" }],
        [{ person: { name: { lastName: "Ada" } } }],
        [{ lastName: "Ada" }],
      );
      await subject.finder.index(PATHS, { policy });
      const than = (op: "<" | "<=" | ">" | ">=", value: number): AttributeCondition => ({
        kind: "compare",
        path: "points",
        op,
        value,
      });
      expectSame("below", await found(subject, than("<", 0)), ["p01"]);
      expectSame("at most", await found(subject, than("<=", 0)), ["p01", "p02"]);
      expectSame("above", await found(subject, than(">", 2.5)), ["p04", "p05"]);
      expectSame("at least", await found(subject, than(">=", 2.5)), ["p03", "p04", "p05"]);
      expectSame("a nested field", await found(subject, isIn("person.name.lastName", "Ada")), ["p07"]);
    },
  },
  {
    name: "conditions are joined, over all that is said of a person",
    run: async (subject) => {
      await store(
        subject,
        [{ tier: "gold" }, { points: 7 }],
        [{ tier: "gold", points: 1 }],
        [{ points: 7 }],
        [{ tier: "gold", points: 7 }],
      );
      await subject.finder.index(PATHS, { policy });
      const both: AttributeCondition = { kind: "all", of: [isIn("tier", "gold"), isIn("points", 7)] };
      expectSame("all", await found(subject, both), ["p01", "p04"]);
      const either: AttributeCondition = { kind: "any", of: [isIn("points", 1), both] };
      expectSame("any", await found(subject, either), ["p01", "p02", "p04"]);
    },
  },
  {
    name: "pages go on behind an id, in the order of ids",
    run: async (subject) => {
      await store(
        subject,
        ...Array.from({ length: 9 }, (_, index) => [{ tier: index === 4 ? "none" : "gold" }]),
      );
      await subject.finder.index(PATHS, { policy });
      const gold = isIn("tier", "gold");
      expectSame("the first", await found(subject, gold, { limit: 3 }), ["p01", "p02", "p03"]);
      expectSame("the next", await found(subject, gold, { after: "p03", limit: 3 }), ["p04", "p06", "p07"]);
      expectSame("the last", await found(subject, gold, { after: "p07", limit: 3 }), ["p08", "p09"]);
      expectSame("behind an id that is not there", await found(subject, gold, { after: "p05", limit: 1 }), [
        "p06",
      ]);
      expectSame("none", await found(subject, gold, { after: "p09" }), []);
    },
  },
  {
    name: "what is committed is found at once, and what is gone is not",
    run: async (subject) => {
      await store(subject, [{ tier: "gold" }], [{ tier: "none" }]);
      await subject.finder.index(PATHS, { policy });
      expectSame("before", await found(subject, isIn("tier", "gold")), ["p01"]);
      const changed = personOf("p02", ["A:1"], {
        version: 2,
        fragments: [fragmentOf("d0", "A:1", { tier: "gold" })],
      });
      await accepted(subject.store, { persons: [put(changed)] });
      expectSame("after a change", await found(subject, isIn("tier", "gold")), ["p01", "p02"]);
      await accepted(subject.store, { persons: [{ kind: "remove", personId: "p01", expectedVersion: 1 }] });
      expectSame("after one has gone", await found(subject, isIn("tier", "gold")), ["p02"]);
      await subject.store.dropDerived();
      expectSame("after all have gone", await found(subject, isIn("tier", "gold")), []);
    },
  },
  {
    name: "indexing twice, more, and giving up an index lose nobody",
    run: async (subject) => {
      await store(subject, [{ tier: "gold", points: 7 }]);
      const told: (readonly number[])[] = [];
      await subject.finder.index(["tier"], { policy, onProgress: (...step) => told.push(step) });
      await subject.finder.index(["tier", "points"], { policy });
      await subject.finder.drop(["tier", "never.indexed"]);
      await subject.finder.index(["tier"], { policy });
      expectSame("found", await found(subject, isIn("tier", "gold")), ["p01"]);
      expectSame("found by the other", await found(subject, isIn("points", 7)), ["p01"]);
      for (const [done = 0, total = 0] of told)
        expectSame("progress is within its total", done <= total, true);
    },
  },
  {
    name: "hostile values are values",
    run: async (subject) => {
      const values = HOSTILE.filter((value) => value.isWellFormed() && !value.includes("\0"));
      await store(subject, ...values.map((tier) => [{ tier }]));
      await subject.finder.index(PATHS, { policy });
      for (const [index, value] of values.entries())
        expectSame(value, await found(subject, isIn("tier", value)), [id(index + 1)]);
    },
  },
];

/** The laws of the PersonFinder port. `createScanningFinder` is the executable specification. */
export const personFinderCases: readonly FinderConformanceCase[] = cases.map(({ name, run }) => ({
  name,
  run: async (open) => {
    const subject = await open();
    try {
      await run(subject);
    } finally {
      await subject.close();
    }
  },
}));

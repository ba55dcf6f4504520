import { type AttributeCondition, isObject, type JsonValue } from "@tessera/xdm";
import type { HubStore } from "./hub-store.ts";
import type { MergePolicy } from "./merge-policy.ts";

/** Who is looked for. */
export interface FindRequest {
  /** Of paths that are indexed. */
  readonly condition: AttributeCondition;
  /** By which attributes are merged. */
  readonly policy: MergePolicy;
  /** The id to go on behind; the empty text to begin. */
  readonly after: string;
  readonly limit: number;
}

/**
 * Finds persons by their attributes from indexes, without looking at everyone.
 *
 * Laws (the conformance suite shows them): of the persons behind `after` the first `limit` are found, in id order, of a
 * set in which nobody is missing whose merged attributes meet the condition, and in which nobody is of whom no fragment
 * meets it. What is found may have changed since: read the persons and look. All that was committed before the question
 * counts.
 */
export interface PersonFinder {
  /** Indexes attributes; those that are indexed already stay. Resolves when persons are found by them. */
  index(
    paths: readonly string[],
    options: {
      readonly policy: MergePolicy;
      /** Told how many of how many are read; what it throws ends it. */
      readonly onProgress?: ((done: number, total: number) => void) | undefined;
    },
  ): Promise<void>;
  /** Gives up the indexes of attributes, as far as they take room of their own. */
  drop(paths: readonly string[]): Promise<void>;
  /** Ids of persons; undefined when the indexes cannot be asked right now, since long work goes on in them. */
  find(request: FindRequest): Promise<readonly string[] | undefined>;
}

const PAGE = 500;

/**
 * A finder that looks at everyone: the executable specification, and quick enough for what fits into memory. It finds
 * persons by what their fragments say.
 */
export function createScanningFinder(store: Pick<HubStore, "scan">): PersonFinder {
  return {
    index: async () => undefined,
    drop: async () => undefined,
    find: async ({ condition, after, limit }) => {
      const found: string[] = [];
      for (let behind: string | undefined = after; behind !== undefined && found.length < limit;) {
        const page = await store.scan(behind, PAGE);
        for (const { personId, fragments } of page)
          if (found.length < limit && meets(condition, fragments)) found.push(personId);
        behind = page.at(-1)?.personId;
      }
      return found;
    },
  };
}

type Bodies = readonly { readonly body: JsonValue }[];

/** Whether each part of a condition is met by some fragment. */
function meets(condition: AttributeCondition, fragments: Bodies): boolean {
  switch (condition.kind) {
    case "all":
      return condition.of.every((part) => meets(part, fragments));
    case "any":
      return condition.of.some((part) => meets(part, fragments));
    case "in":
      return valuesAt(fragments, condition.path).some((value) =>
        condition.values.some((wanted) => wanted === value),
      );
    case "compare": {
      const { op, value: bound } = condition;
      return valuesAt(fragments, condition.path).some(
        (value) =>
          typeof value === "number" &&
          (op === "<"
            ? value < bound
            : op === "<="
              ? value <= bound
              : op === ">"
                ? value > bound
                : value >= bound),
      );
    }
  }
}

/** All values under a path; of lists, those of their items as well. */
function valuesAt(fragments: Bodies, path: string): readonly unknown[] {
  let values: readonly unknown[] = fragments.map(({ body }) => body);
  for (const name of path.split("."))
    values = values
      .flatMap(items)
      .flatMap((value) => (isObject(value) && Object.hasOwn(value, name) ? [value[name]] : []));
  return values.flatMap(items);
}

function items(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : [value];
}

import type { GovernedDataset } from "./catalog.ts";
import type { Label } from "./label.ts";

/** A label that a field of a dataset carries, with the field the label was put on. */
export interface FieldLabel {
  readonly dataset: GovernedDataset;
  readonly path: string;
  readonly label: Label;
}

const EVENT = "xEvent.";

/**
 * Finds the labels of a field in any of many datasets. A label covers the children of the field it is on; reading
 * or mapping a parent takes the labels of all its children with it. Answers are kept, as rules share their fields.
 */
export class FieldLabelIndex {
  readonly #record: ReadonlyMap<string, readonly FieldLabel[]>;
  readonly #event: ReadonlyMap<string, readonly FieldLabel[]>;
  readonly #recordPaths: readonly string[];
  readonly #eventPaths: readonly string[];
  readonly #known = new Map<string, readonly FieldLabel[]>();

  constructor(datasets: readonly GovernedDataset[]) {
    this.#record = labelsByPath(datasets, "record");
    this.#event = labelsByPath(datasets, "event");
    this.#recordPaths = [...this.#record.keys()].sort();
    this.#eventPaths = [...this.#event.keys()].sort();
  }

  /** The labels that reading `field` brings along, in all datasets. */
  of(field: string): readonly FieldLabel[] {
    const known = this.#known.get(field);
    if (known) return known;
    const path = normalPath(field);
    const found = path.startsWith(EVENT)
      ? covering(path.slice(EVENT.length), this.#event, this.#eventPaths)
      : covering(path, this.#record, this.#recordPaths);
    this.#known.set(field, found);
    return found;
  }
}

/** `/person/name`, `person.name[0]` and `person.name` are one path: `person.name`. */
export function normalPath(path: string): string {
  return path
    .replace(/^\//, "")
    .replaceAll("/", ".")
    .replace(/\[[^\]]*\]/g, "");
}

function labelsByPath(
  datasets: readonly GovernedDataset[],
  kind: GovernedDataset["kind"],
): ReadonlyMap<string, readonly FieldLabel[]> {
  const byPath = new Map<string, FieldLabel[]>();
  for (const dataset of datasets) {
    if (dataset.kind !== kind) continue;
    for (const [field, labels] of Object.entries(dataset.fieldLabels)) {
      const path = normalPath(field);
      const list = byPath.get(path) ?? [];
      for (const label of labels) list.push({ dataset, path, label });
      byPath.set(path, list);
    }
  }
  return byPath;
}

function covering(
  path: string,
  byPath: ReadonlyMap<string, readonly FieldLabel[]>,
  sorted: readonly string[],
): readonly FieldLabel[] {
  const found: FieldLabel[] = [];
  for (let end = path.length; end > 0; end = path.lastIndexOf(".", end - 1)) {
    found.push(...(byPath.get(path.slice(0, end)) ?? []));
  }
  const children = `${path}.`;
  for (let index = firstAtLeast(sorted, children); index < sorted.length; index += 1) {
    const child = sorted[index] ?? "";
    if (!child.startsWith(children)) break;
    found.push(...(byPath.get(child) ?? []));
  }
  return found;
}

function firstAtLeast(sorted: readonly string[], text: string): number {
  let low = 0;
  let high = sorted.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((sorted[middle] ?? "") < text) low = middle + 1;
    else high = middle;
  }
  return low;
}

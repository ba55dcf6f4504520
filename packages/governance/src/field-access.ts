import { isObject, type JsonObject, type JsonValue } from "@tessera/xdm";
import type { GovernedDataset } from "./catalog.ts";
import { normalPath } from "./field-labels.ts";
import type { Label } from "./label.ts";

/** Fields and the labels on them, over all datasets. A label covers the children of its field. */
export type FieldLabels = { readonly [path: string]: readonly Label[] };

/**
 * The labels of the merged person's fields: those of every record dataset together (`kind: "record"`), or, for
 * events, of every event dataset. The label of a whole dataset is about its use, not about who may see it.
 */
export function fieldLabelsOf(
  datasets: readonly GovernedDataset[],
  kind: GovernedDataset["kind"] = "record",
): FieldLabels {
  const merged = new Map<string, Set<Label>>();
  for (const dataset of datasets) {
    if (dataset.kind !== kind) continue;
    for (const [field, labels] of Object.entries(dataset.fieldLabels)) {
      const path = normalPath(field);
      const known = merged.get(path) ?? new Set<Label>();
      merged.set(path, known);
      for (const label of labels) known.add(label);
    }
  }
  return Object.fromEntries([...merged].map(([path, labels]) => [path, [...labels]]));
}

/** Which labelled fields a role may see and which it may not. Fields without a label are seen by everybody. */
export interface FieldAccess {
  readonly visible: readonly string[];
  readonly hidden: readonly string[];
}

/**
 * Divides labelled fields by the labels of a role: a field is visible to those who hold all labels on it and on its
 * parents. More labels on a role never hide a field.
 */
export function visibleFields(fieldLabels: FieldLabels, roleLabels: "all" | readonly Label[]): FieldAccess {
  const paths = Object.keys(fieldLabels);
  if (roleLabels === "all") return { visible: paths, hidden: [] };
  const held = new Set(roleLabels);
  const closed = new Set(
    paths.filter((path) => fieldLabels[path]?.some((label) => !held.has(label))).map(normalPath),
  );
  const visible: string[] = [];
  const hidden: string[] = [];
  for (const path of paths) (isUnder(normalPath(path), closed) ? hidden : visible).push(path);
  return { visible, hidden };
}

/** A profile without the fields a role may not see, and whether any was taken out. */
export interface Redacted {
  readonly value: JsonObject;
  readonly hidden: readonly string[];
}

/**
 * Takes out of a profile (or a record, or an event) what a role may not see. What is untouched is shared with the
 * original; lists are gone through item by item. `hidden` names the fields that were really there.
 */
export function redact(
  profile: JsonObject,
  fieldLabels: FieldLabels,
  roleLabels: "all" | readonly Label[],
): Redacted {
  const root: Closed = { all: false, fields: new Map() };
  for (const path of visibleFields(fieldLabels, roleLabels).hidden) close(root, normalPath(path).split("."));
  const hidden = new Set<string>();
  return { value: without(profile, root, { path: "", hidden }), hidden: [...hidden] };
}

interface Closed {
  all: boolean;
  readonly fields: Map<string, Closed>;
}

interface Found {
  readonly path: string;
  readonly hidden: Set<string>;
}

function close(root: Closed, path: readonly string[]): void {
  let node = root;
  for (const field of path) {
    const next = node.fields.get(field) ?? { all: false, fields: new Map() };
    node.fields.set(field, next);
    node = next;
  }
  node.all = true;
}

function without(object: JsonObject, closed: Closed, { path, hidden }: Found): JsonObject {
  if (closed.fields.size === 0) return object;
  let copy: { [field: string]: JsonValue | undefined } | undefined;
  for (const [field, inner] of closed.fields) {
    const item = Object.hasOwn(object, field) ? object[field] : undefined;
    if (item === undefined) continue;
    const at = path === "" ? field : `${path}.${field}`;
    if (inner.all) {
      hidden.add(at);
      copy ??= { ...object };
      delete copy[field];
      continue;
    }
    const kept = withoutIn(item, inner, { path: at, hidden });
    if (kept === item) continue;
    copy ??= { ...object };
    copy[field] = kept;
  }
  return copy ?? object;
}

function withoutIn(item: JsonValue, closed: Closed, found: Found): JsonValue {
  if (Array.isArray(item)) {
    const list: readonly JsonValue[] = item;
    const kept = list.map((one) => withoutIn(one, closed, found));
    return kept.some((one, index) => one !== list[index]) ? kept : item;
  }
  return isObject(item) ? without(item as JsonObject, closed, found) : item;
}

function isUnder(path: string, closed: ReadonlySet<string>): boolean {
  for (let end = path.length; end > 0; end = path.lastIndexOf(".", end - 1)) {
    if (closed.has(path.slice(0, end))) return true;
  }
  return false;
}

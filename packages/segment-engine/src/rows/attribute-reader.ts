import type { JsonObject } from "@tessera/xdm";
import { fieldOf } from "../evaluate/values.ts";

/** The name of a field, and whether it can be asked for without asking whether it is the object's own. */
export interface FieldName {
  readonly name: string;
  readonly plain: boolean;
}

interface Node extends FieldName {
  readonly into: number[];
  readonly children: Node[];
}

/** Reads the values of several paths in one walk: what paths have in common is gone through once. */
export class AttributeReader {
  readonly #root: Node = { name: "", plain: true, into: [], children: [] };
  readonly #values: unknown[];

  constructor(paths: readonly (readonly string[] | undefined)[]) {
    this.#values = paths.map(() => undefined);
    paths.forEach((path, index) => {
      if (path === undefined) return;
      let node = this.#root;
      for (const name of path) {
        let next = node.children.find((child) => child.name === name);
        if (next === undefined) {
          next = { ...fieldName(name), into: [], children: [] };
          node.children.push(next);
        }
        node = next;
      }
      node.into.push(index);
    });
  }

  /** The values, in the order of the paths. The list is used again by the next call. */
  read(attributes: JsonObject): readonly unknown[] {
    this.#walk(this.#root, attributes);
    return this.#values;
  }

  #walk(node: Node, object: unknown): void {
    const { children } = node;
    for (let index = 0; index < children.length; index++) {
      const child = children[index];
      if (child === undefined) continue;
      const value = fieldAt(object, child);
      for (let at = 0; at < child.into.length; at++) this.#values[child.into[at] ?? 0] = value;
      if (child.children.length > 0) this.#walk(child, value);
    }
  }
}

/** A name made ready. */
export function fieldName(name: string): FieldName {
  return { name, plain: !(name in Object.prototype) };
}

/** The field of a JSON value, like `fieldOf`. */
export function fieldAt(object: unknown, field: FieldName | undefined): unknown {
  if (typeof object !== "object" || object === null || field === undefined) return undefined;
  if (field.plain && !Array.isArray(object)) return (object as Record<string, unknown>)[field.name];
  return fieldOf(object, field.name);
}

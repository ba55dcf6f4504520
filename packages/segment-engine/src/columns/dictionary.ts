import { canonicalJson, type JsonValue } from "@tessera/xdm";

/** Gives each distinct value a number, 0 for a missing one. Lists and objects are compared by content. */
export class Dictionary {
  readonly #codes = new Map<unknown, number>([[undefined, 0]]);
  readonly #structured = new Map<string, number>();
  readonly #values: unknown[] = [undefined];

  constructor(values: readonly unknown[] = []) {
    for (const value of values) this.code(value);
  }

  get size(): number {
    return this.#values.length;
  }

  /** The values by code, without the missing one: what makes an equal dictionary. */
  get values(): readonly unknown[] {
    return this.#values.slice(1);
  }

  /** The values of the codes from `first` on. */
  valuesFrom(first: number): readonly unknown[] {
    return this.#values.slice(first);
  }

  value(code: number): unknown {
    return this.#values[code];
  }

  code(value: unknown): number {
    if (typeof value !== "object" || value === null) {
      const known = this.#codes.get(value);
      if (known !== undefined) return known;
      this.#codes.set(value, this.#values.length);
    } else {
      const text = canonicalJson(value as JsonValue);
      const known = this.#structured.get(text);
      if (known !== undefined) return known;
      this.#structured.set(text, this.#values.length);
    }
    this.#values.push(value);
    return this.#values.length - 1;
  }
}

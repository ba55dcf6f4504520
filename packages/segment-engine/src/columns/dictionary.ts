import { canonicalJson, type JsonValue } from "@tessera/xdm";

/** Gives each distinct value a number, 0 for a missing one. Lists and objects are compared by content. */
export class Dictionary {
  readonly #codes = new Map<unknown, number>();
  readonly #structured = new Map<string, number>();
  readonly #values: unknown[];
  /** The codes below are in the maps: what was stored is looked up by its value only when a value comes. */
  #mapped = 1;

  /** `values`: those of an equal dictionary, each of them once. */
  constructor(values: readonly unknown[] = []) {
    this.#values = [undefined];
    for (const value of values) this.#values.push(value);
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
    if (value === undefined) return 0;
    while (this.#mapped < this.#values.length) this.#map(this.#values[this.#mapped], this.#mapped);
    if (typeof value !== "object" || value === null) {
      const known = this.#codes.get(value);
      if (known !== undefined) return known;
    } else {
      const known = this.#structured.get(canonicalJson(value as JsonValue));
      if (known !== undefined) return known;
    }
    this.#map(value, this.#values.length);
    this.#values.push(value);
    return this.#values.length - 1;
  }

  #map(value: unknown, code: number): void {
    if (typeof value !== "object" || value === null) this.#codes.set(value, code);
    else this.#structured.set(canonicalJson(value as JsonValue), code);
    this.#mapped = code + 1;
  }
}

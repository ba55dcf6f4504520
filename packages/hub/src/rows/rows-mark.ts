import { UnreadableRow } from "./unreadable-row.ts";

/**
 * What the rows of a file read so far come to, in 64 bits: enough to tell that a file is not the one an import began with,
 * and as quick as reading it. It keeps no row.
 */
export class RowsMark {
  #a: number;
  #b: number;

  /** `of`: what rows alone do not tell, such as where they go. */
  constructor(of: string) {
    this.#a = 0xdeadbeef;
    this.#b = 0x41c6ce57;
    this.#add(of);
  }

  take(row: unknown): void {
    this.#add(row instanceof UnreadableRow ? `${row.code}\n${row.text ?? ""}` : textOf(row));
  }

  text(): string {
    return [this.#a, this.#b].map((half) => (half >>> 0).toString(16).padStart(8, "0")).join("");
  }

  #add(text: string): void {
    let [a, b] = [this.#a, this.#b];
    for (let index = 0; index < text.length; index += 1) {
      const unit = text.charCodeAt(index);
      a = Math.imul(a ^ unit, 2654435761);
      b = Math.imul(b ^ unit, 1597334677);
    }
    // So that "a", "b" is not "ab", and each half depends on both.
    this.#a = Math.imul(a ^ (b >>> 13), 2246822507) ^ text.length;
    this.#b = Math.imul(b ^ (a >>> 16), 3266489909) ^ text.length;
  }
}

/** A row as text; what JSON cannot carry is as good as not there. */
function textOf(row: unknown): string {
  try {
    return (
      JSON.stringify(row, (_name, value: unknown) => (typeof value === "bigint" ? `${value}n` : value)) ?? ""
    );
  } catch {
    return "";
  }
}

import { AND, NOT, type Program } from "./program.ts";

/** Who is in which audience: one bit a person, 32 persons in a word. */
export interface AudienceBits {
  readonly persons: number;
  /** Words for each audience. */
  readonly stride: number;
  /** The word w of audience a (in the plan's order) is `words[a * stride + w]`. */
  readonly words: Int32Array;
}

/** Whether a person is in an audience. */
export function hasMember(bits: AudienceBits, audience: number, person: number): boolean {
  const word = bits.words[audience * bits.stride + (person >>> 5)] ?? 0;
  return ((word >>> (person & 31)) & 1) === 1;
}

/** How many persons are in an audience. */
export function countMembers(bits: AudienceBits, audience: number): number {
  let count = 0;
  const start = audience * bits.stride;
  for (let index = start; index < start + bits.stride; index++) {
    let word = bits.words[index] ?? 0;
    word -= (word >>> 1) & 0x55555555;
    word = (word & 0x33333333) + ((word >>> 2) & 0x33333333);
    count += (((word + (word >>> 4)) & 0x0f0f0f0f) * 0x01010101) >>> 24;
  }
  return count;
}

/** The boolean program over words: one operation decides 32 persons. */
export class SlicedProgram {
  /** The results of all nodes; the leaves are filled in by the caller. */
  readonly nodes: Int32Array;
  readonly #leaves: number;
  readonly #audiences: Int32Array;
  /** For each node after the leaves: kind, number of parts, parts. */
  readonly #code: Int32Array;

  constructor({ kinds, start, parts, audiences, leaves }: Program) {
    this.nodes = new Int32Array(kinds.length);
    this.#leaves = leaves.length;
    this.#audiences = audiences;
    const code: number[] = [];
    for (let node = leaves.length; node < kinds.length; node++) {
      const own = parts.subarray(start[node] ?? 0, start[node + 1] ?? 0);
      code.push(kinds[node] ?? 0, own.length, ...own);
    }
    this.#code = Int32Array.from(code);
  }

  /** Begins with 32 other persons. */
  clear(): void {
    this.nodes.fill(0, 0, this.#leaves);
  }

  /** Works out all nodes from the leaves and writes the word of each audience. */
  run(into: AudienceBits, word: number): void {
    const { nodes } = this;
    const code = this.#code;
    let node = this.#leaves;
    for (let place = 0; place < code.length; node++) {
      const kind = code[place] ?? 0;
      const end = place + 2 + (code[place + 1] ?? 0);
      place += 2;
      let value: number;
      if (kind === NOT) value = ~(nodes[code[place] ?? 0] ?? 0);
      else if (kind === AND) {
        value = -1;
        for (let at = place; at < end; at++) value &= nodes[code[at] ?? 0] ?? 0;
      } else {
        value = 0;
        for (let at = place; at < end; at++) value |= nodes[code[at] ?? 0] ?? 0;
      }
      nodes[node] = value;
      place = end;
    }
    const rest = into.persons - word * 32;
    const mask = rest >= 32 ? -1 : (1 << rest) - 1;
    const audiences = this.#audiences;
    for (let audience = 0; audience < audiences.length; audience++) {
      into.words[audience * into.stride + word] = (nodes[audiences[audience] ?? 0] ?? 0) & mask;
    }
  }

  /** The same for the first person alone: the numbers of the audiences, in `found` from 0 on, and how many. */
  runOne(found: Int32Array): number {
    const { nodes } = this;
    const code = this.#code;
    let node = this.#leaves;
    for (let place = 0; place < code.length; node++) {
      const kind = code[place] ?? 0;
      const end = place + 2 + (code[place + 1] ?? 0);
      place += 2;
      let value: number;
      if (kind === NOT) value = (nodes[code[place] ?? 0] ?? 0) ^ 1;
      else {
        // All parts, without a way out: what a branch that cannot be foretold costs is more than the rest.
        if (kind === AND) {
          value = 1;
          for (; place < end; place++) value &= nodes[code[place] ?? 0] ?? 0;
        } else {
          value = 0;
          for (; place < end; place++) value |= nodes[code[place] ?? 0] ?? 0;
        }
      }
      nodes[node] = value;
      place = end;
    }
    const audiences = this.#audiences;
    let count = 0;
    for (let audience = 0; audience < audiences.length; audience++) {
      if (nodes[audiences[audience] ?? 0] === 1) found[count++] = audience;
    }
    return count;
  }
}

/** Room for the results of so many persons. */
export function audienceBits(audiences: number, persons: number): AudienceBits {
  const stride = (persons + 31) >>> 5;
  return { persons, stride, words: new Int32Array(audiences * stride) };
}

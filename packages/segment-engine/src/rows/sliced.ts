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
  /**
   * Nodes of one kind and one number of parts, none of which is part of another, one run after the other: kind, number of
   * parts, end of the run, and for each its number and its parts. What a run does is always the same, so that the
   * processor foresees it.
   */
  readonly #code: Int32Array;

  constructor({ kinds, start, parts, audiences, leaves }: Program) {
    this.nodes = new Int32Array(kinds.length);
    this.#leaves = leaves.length;
    this.#audiences = audiences;
    const levels = new Int32Array(kinds.length);
    const runs = new Map<string, { readonly level: number; readonly nodes: number[] }>();
    for (let node = leaves.length; node < kinds.length; node++) {
      const own = parts.subarray(start[node] ?? 0, start[node + 1] ?? 0);
      const level = own.reduce((most, part) => Math.max(most, 1 + (levels[part] ?? 0)), 1);
      levels[node] = level;
      const key = `${level} ${kinds[node]} ${own.length}`;
      const run = runs.get(key) ?? { level, nodes: [] };
      runs.set(key, run);
      run.nodes.push(node);
    }
    const code: number[] = [];
    for (const { nodes } of [...runs.values()].sort((a, b) => a.level - b.level)) {
      const [first = 0] = nodes;
      const length = (start[first + 1] ?? 0) - (start[first] ?? 0);
      code.push(kinds[first] ?? 0, length, code.length + 3 + nodes.length * (1 + length));
      for (const node of nodes) code.push(node, ...parts.subarray(start[node] ?? 0, start[node + 1] ?? 0));
    }
    this.#code = Int32Array.from(code);
  }

  /** Begins with 32 other persons. */
  clear(): void {
    this.nodes.fill(0, 0, this.#leaves);
  }

  /** Works out all nodes from the leaves. */
  #work(): void {
    const { nodes } = this;
    const code = this.#code;
    for (let place = 0; place < code.length;) {
      const kind = code[place] ?? 0;
      const length = code[place + 1] ?? 0;
      const end = code[place + 2] ?? 0;
      place += 3;
      if (kind === NOT)
        for (; place < end; place += 2) nodes[code[place] ?? 0] = ~(nodes[code[place + 1] ?? 0] ?? 0);
      else if (kind === AND)
        while (place < end) {
          const node = code[place++] ?? 0;
          let value = -1;
          for (const stop = place + length; place < stop; place++) value &= nodes[code[place] ?? 0] ?? 0;
          nodes[node] = value;
        }
      else
        while (place < end) {
          const node = code[place++] ?? 0;
          let value = 0;
          for (const stop = place + length; place < stop; place++) value |= nodes[code[place] ?? 0] ?? 0;
          nodes[node] = value;
        }
    }
  }

  /** Works out all nodes from the leaves and writes the word of each audience. */
  run(into: AudienceBits, word: number): void {
    this.#work();
    const { nodes } = this;
    const rest = into.persons - word * 32;
    const mask = rest >= 32 ? -1 : (1 << rest) - 1;
    const audiences = this.#audiences;
    for (let audience = 0; audience < audiences.length; audience++) {
      into.words[audience * into.stride + word] = (nodes[audiences[audience] ?? 0] ?? 0) & mask;
    }
  }

  /** The same for the first person alone: the numbers of the audiences, in `found` from 0 on, and how many. */
  runOne(found: Int32Array): number {
    this.#work();
    const { nodes } = this;
    const audiences = this.#audiences;
    let count = 0;
    for (let audience = 0; audience < audiences.length; audience++) {
      // Written whether or not it is a member, and written over when it is none.
      found[count] = audience;
      count += (nodes[audiences[audience] ?? 0] ?? 0) & 1;
    }
    return count;
  }
}

/** Room for the results of so many persons. */
export function audienceBits(audiences: number, persons: number): AudienceBits {
  const stride = (persons + 31) >>> 5;
  return { persons, stride, words: new Int32Array(audiences * stride) };
}

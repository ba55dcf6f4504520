/** More places than this in one table are not made: the texts are then looked for one by one. */
const MOST = 1 << 20;

/** A text to look for: anywhere, or only at the beginning. */
export interface SoughtText {
  readonly text: string;
  readonly atBeginning: boolean;
}

/** Looks for many texts in one pass over the text they may be in. */
export class TextFinder {
  /** For each sought text 1 when it was found last. */
  readonly found: Uint8Array;
  readonly #anywhere: Table | undefined;
  readonly #atBeginning: Table | undefined;

  private constructor(sought: number, tables: readonly (Table | undefined)[]) {
    this.found = new Uint8Array(sought);
    [this.#anywhere, this.#atBeginning] = tables;
  }

  /** `undefined` when there are too many. None of the texts is empty. */
  static of(sought: readonly SoughtText[]): TextFinder | undefined {
    const tables = [false, true].map((atBeginning) =>
      tableOf(
        sought.flatMap((one, number) =>
          one.atBeginning === atBeginning ? [{ text: one.text, number }] : [],
        ),
        atBeginning,
      ),
    );
    return tables.includes("too many")
      ? undefined
      : new TextFinder(
          sought.length,
          tables.map((table) => (table === "too many" ? undefined : table)),
        );
  }

  find(text: string): void {
    this.found.fill(0);
    if (this.#atBeginning !== undefined) this.#run(this.#atBeginning, text);
    if (this.#anywhere !== undefined) this.#run(this.#anywhere, text);
  }

  #run({ classes, others, width, next, ends }: Table, text: string): void {
    let state = 0;
    for (let at = 0; at < text.length; at++) {
      const unit = text.charCodeAt(at);
      const kind = unit < ASCII ? (classes[unit] ?? 0) : (others.get(unit) ?? 0);
      state = next[state * width + kind] ?? STOP;
      if (state === STOP) return;
      const own = ends[state];
      if (own !== undefined) for (let index = 0; index < own.length; index++) this.found[own[index] ?? 0] = 1;
    }
  }
}

const ASCII = 128;
/** Nothing can be found any more. */
const STOP = -1;

/** Where each character leads from each state, characters that no text holds being all the same (class 0). */
interface Table {
  readonly classes: Uint16Array;
  readonly others: ReadonlyMap<number, number>;
  readonly width: number;
  readonly next: Int32Array;
  /** The texts that end in a state. */
  readonly ends: readonly (readonly number[] | undefined)[];
}

function tableOf(
  sought: readonly { readonly text: string; readonly number: number }[],
  atBeginning: boolean,
): Table | undefined | "too many" {
  if (sought.length === 0) return undefined;
  const units = new Map<number, number>();
  let states = 1;
  for (const { text } of sought) {
    states += text.length;
    for (let at = 0; at < text.length; at++)
      if (!units.has(text.charCodeAt(at))) units.set(text.charCodeAt(at), units.size + 1);
  }
  const width = units.size + 1;
  if (states * width > MOST) return "too many";
  const next = new Int32Array(states * width).fill(STOP);
  const ends: number[][] = [[]];
  for (const { text, number } of sought) {
    let state = 0;
    for (let at = 0; at < text.length; at++) {
      const place = state * width + (units.get(text.charCodeAt(at)) ?? 0);
      if (next[place] === STOP) next[place] = ends.push([]) - 1;
      state = next[place] ?? 0;
    }
    ends[state]?.push(number);
  }
  if (!atBeginning) leadOn(next, ends, width);
  const classes = new Uint16Array(ASCII);
  for (const [unit, kind] of units) if (unit < ASCII) classes[unit] = kind;
  return { classes, others: units, width, next, ends: ends.map((own) => (own.length > 0 ? own : undefined)) };
}

/** Where a text goes on otherwise than hoped, it may be in the middle of another one: leads there (Aho, Corasick). */
function leadOn(next: Int32Array, ends: number[][], width: number): void {
  const shorter = new Int32Array(ends.length);
  const open = [0];
  for (let state = open.shift(); state !== undefined; state = open.shift()) {
    const back = shorter[state] ?? 0;
    for (let kind = 0; kind < width; kind++) {
      const place = state * width + kind;
      const to = next[place] ?? STOP;
      // The longest text begun that ends here but is not all of what led here.
      const otherwise = state === 0 ? 0 : (next[back * width + kind] ?? 0);
      if (to === STOP) next[place] = otherwise;
      else {
        shorter[to] = otherwise;
        ends[to]?.push(...(ends[otherwise] ?? []));
        open.push(to);
      }
    }
  }
}

/** What an observation touches; filled anew for each one, so that nothing has to be made. */
export class Touched {
  /** The identities that take part, each once; the first `identities` of the list. */
  readonly numbers: number[] = [];
  identities = 0;
  /** Their components, each once; the first `count` of the list. */
  readonly components: number[] = [];
  count = 0;
  /** Whether graphs are held for some of them, or something was taken from some of them. */
  isHeld = false;
  isMarked = false;
  /** Whether an identity was not seen so early before. */
  isEarlier = false;

  has(number: number): boolean {
    return includes(this.numbers, this.identities, number);
  }

  componentList(): readonly number[] {
    return this.components.slice(0, this.count);
  }
}

/** Whether a number is among the first `count` of a list. */
export function includes(list: readonly number[], count: number, number: number): boolean {
  for (let i = 0; i < count; i++) if (list[i] === number) return true;
  return false;
}

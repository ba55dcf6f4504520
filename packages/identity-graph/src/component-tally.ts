import type { CompiledRules } from "./compiled-rules.ts";

/** Bits of a tally that numbers may use; the next one says that more is noted about the component elsewhere. */
const BITS = 30;
export const NOTED: number = 1 << BITS;
const NUMBERS: number = NOTED - 1;

/** Fields of a tally: where a number over its greatest value shows, and what to add for that. */
interface Watch {
  readonly add: number;
  readonly signs: number;
}

/**
 * The size of a component and how many values it has of each namespace with a limit, packed in one number: the tallies of
 * two components add up to that of both together, and one more addition shows whether a rule would break. Where a number
 * has no room for all of that, it is the size alone.
 */
export class ComponentTally {
  /** Whether the values are counted as well, or only the members. */
  readonly countsValues: boolean;
  private readonly sizes: number;
  private readonly one: ReadonlyMap<string, number>;
  private readonly limits: Watch;
  private readonly windows: Watch;

  constructor({ cap, limited, windowed }: CompiledRules) {
    const one = new Map<string, number>();
    const limits = { add: 0, signs: 0 };
    const windows = { add: 0, signs: 0 };
    let shift = 0;
    // No number is over `most` in a component, and so none over twice that in two of them.
    const watch = (watched: typeof limits, max: number, most: number): number => {
      const sign = 2 ** Math.ceil(Math.log2(most + 1));
      const at = 2 ** shift;
      watched.add += at * (sign - 1 - max);
      watched.signs += at * sign;
      shift += Math.log2(sign) + 1;
      return at;
    };
    watch(limits, cap, Math.max(cap, 1));
    const sizes = 2 ** shift - 1;
    const count = (namespace: string, at: number): void => {
      one.set(namespace, (one.get(namespace) ?? 0) + at);
    };
    for (const { namespace, max } of limited) {
      const most = Math.min(max, cap);
      count(namespace, watch(limits, most, Math.max(most, 1)));
    }
    for (const { namespace, newValues } of windowed) {
      if (newValues) count(namespace, watch(windows, Math.min(newValues.count, cap), Math.max(cap, 1)));
    }
    this.countsValues = shift <= BITS;
    this.sizes = this.countsValues ? sizes : NUMBERS;
    this.one = this.countsValues ? one : new Map();
    this.limits = this.countsValues ? limits : { add: 0, signs: 0 };
    this.windows = this.countsValues ? windows : { add: 0, signs: 0 };
  }

  /** The tally of one identity of a namespace. */
  of(namespace: string): number {
    return 1 + (this.one.get(namespace) ?? 0);
  }

  sizeOf(tally: number): number {
    return tally & this.sizes;
  }

  /** Whether more members, or more values of a namespace, are counted than may be. */
  isOver(tally: number): boolean {
    const { add, signs } = this.limits;
    return (((tally & NUMBERS) + add) & signs) !== 0;
  }

  /** Whether a namespace with a limit on new values has more than may be new; its times have to be looked at then. */
  hasMany(tally: number): boolean {
    const { add, signs } = this.windows;
    return (((tally & NUMBERS) + add) & signs) !== 0;
  }
}

import type { AudienceBits } from "@tessera/segment-engine";
import type { ChunkRows } from "./chunk-rows.ts";

/** The audiences that someone enters and leaves. */
export interface Move {
  readonly enters: string[];
  readonly leaves: string[];
}

/** Which audiences are wanted; `order` gives the place of each in the bits, an audience with none has no members. */
interface Wanted {
  readonly audienceIds: readonly string[];
  readonly order: readonly number[];
}

/** The members of each wanted audience among the persons of a chunk. */
export function countsOf(
  bits: AudienceBits,
  present: Int32Array,
  { order }: Pick<Wanted, "order">,
): readonly number[] {
  return order.map((audience) => {
    if (audience < 0) return 0;
    const first = audience * bits.stride;
    let count = 0;
    for (let word = 0; word < bits.stride; word++)
      count += ones((bits.words[first + word] ?? 0) & (present[word] ?? 0));
    return count;
  });
}

/** By their place in a chunk the persons whose stored memberships are not those that were decided. */
export function movesOf(
  bits: AudienceBits,
  { rows, present }: { readonly rows: ChunkRows; readonly present: Int32Array },
  { audienceIds, order }: Wanted,
): ReadonlyMap<number, Move> {
  const moves = new Map<number, Move>();
  const moveAt = (at: number): Move => {
    const known = moves.get(at);
    if (known !== undefined) return known;
    const move = { enters: [], leaves: [] };
    moves.set(at, move);
    return move;
  };
  audienceIds.forEach((id, index) => {
    const audience = order[index] ?? -1;
    const held = rows.held(id);
    for (let word = 0; word < bits.stride; word++) {
      const found = audience < 0 ? 0 : (bits.words[audience * bits.stride + word] ?? 0);
      let differs = (found ^ (held[word] ?? 0)) & (present[word] ?? 0);
      for (; differs !== 0; differs &= differs - 1) {
        const bit = 31 - Math.clz32(differs & -differs);
        const move = moveAt(word * 32 + bit);
        (((found >>> bit) & 1) === 1 ? move.enters : move.leaves).push(id);
      }
    }
  });
  return moves;
}

function ones(word: number): number {
  let bits = word - ((word >>> 1) & 0x55555555);
  bits = (bits & 0x33333333) + ((bits >>> 2) & 0x33333333);
  return (((bits + (bits >>> 4)) & 0x0f0f0f0f) * 0x01010101) >>> 24;
}

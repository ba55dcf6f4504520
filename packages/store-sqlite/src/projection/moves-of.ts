import type { AudienceBits } from "@tessera/segment-engine";
import type { ChunkRows } from "./chunk-rows.ts";

/** The audiences that someone enters and leaves. */
export interface Move {
  readonly enters: string[];
  readonly leaves: string[];
}

/**
 * The members of each wanted audience among the persons of a chunk, and by their place those whose stored memberships are
 * others. `order` gives the place of each audience in the bits; an audience with none has no members.
 */
export function movesOf(
  bits: AudienceBits,
  rows: ChunkRows,
  { audienceIds, order }: { readonly audienceIds: readonly string[]; readonly order: readonly number[] },
): { readonly counts: readonly number[]; readonly moves: ReadonlyMap<number, Move> } {
  const present = rows.present(bits.persons);
  const moves = new Map<number, Move>();
  const moveAt = (at: number): Move => {
    const known = moves.get(at);
    if (known !== undefined) return known;
    const move = { enters: [], leaves: [] };
    moves.set(at, move);
    return move;
  };
  const counts = audienceIds.map((id, index) => {
    const audience = order[index] ?? -1;
    const held = rows.held(id);
    let count = 0;
    for (let word = 0; word < bits.stride; word++) {
      const there = present[word] ?? 0;
      const found = audience < 0 ? 0 : (bits.words[audience * bits.stride + word] ?? 0) & there;
      count += ones(found);
      let differs = (found ^ (held[word] ?? 0)) & there;
      for (; differs !== 0; differs &= differs - 1) {
        const bit = 31 - Math.clz32(differs & -differs);
        const move = moveAt(word * 32 + bit);
        (((found >>> bit) & 1) === 1 ? move.enters : move.leaves).push(id);
      }
    }
    return count;
  });
  return { counts, moves };
}

function ones(word: number): number {
  let bits = word - ((word >>> 1) & 0x55555555);
  bits = (bits & 0x33333333) + ((bits >>> 2) & 0x33333333);
  return (((bits + (bits >>> 4)) & 0x0f0f0f0f) * 0x01010101) >>> 24;
}

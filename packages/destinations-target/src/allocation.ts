/**
 * Where a visitor falls within an activity: 0 to 99.99, uniform over visitors, always the same for the same visitor.
 * Computed as Target's edge and its on-device decisioning do (MurmurHash3 x86 32 over UTF-16 code units), so that a
 * visitor sees the same experience wherever the decision is made.
 */
export function allocationOf(client: string, activityId: number, visitorId: string): number {
  const bucket = Math.abs(murmur3(`${client}.${activityId}.${visitorId}.0`)) % 10_000;
  return bucket / 100;
}

/** MurmurHash3 x86 32 with seed 0 over the UTF-16 code units of a text, as a signed number. */
function murmur3(text: string): number {
  let h = 0;
  const even = text.length & ~1;
  for (let i = 0; i < even; i += 2) {
    h ^= scramble(text.charCodeAt(i) | (text.charCodeAt(i + 1) << 16));
    h = (h << 13) | (h >>> 19);
    h = (Math.imul(h, 5) + 0xe6546b64) | 0;
  }
  if (even < text.length) h ^= scramble(text.charCodeAt(even));
  h ^= text.length << 1;
  h = Math.imul(h ^ (h >>> 16), 0x85ebca6b);
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35);
  return h ^ (h >>> 16);
}

function scramble(k: number): number {
  const mixed = Math.imul(k, 0xcc9e2d51);
  return Math.imul((mixed << 15) | (mixed >>> 17), 0x1b873593);
}

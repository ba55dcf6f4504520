// SHA-256 (FIPS 180-4) in plain arithmetic: planning is synchronous and runs on every runtime, where Web Crypto only
// answers asynchronously.
const K = new Uint32Array(64);
const INITIAL = new Uint32Array(8);

/** The first 32 bits of the fraction of a root: how the standard defines its constants. */
function fraction(root: number): number {
  return ((root - Math.floor(root)) * 2 ** 32) >>> 0;
}

let count = 0;
for (let n = 2; count < 64; n += 1) {
  let prime = true;
  for (let d = 2; d * d <= n; d += 1) if (n % d === 0) prime = false;
  if (!prime) continue;
  K[count] = fraction(Math.cbrt(n));
  if (count < 8) INITIAL[count] = fraction(Math.sqrt(n));
  count += 1;
}

const W = new Uint32Array(64);
const encoder = new TextEncoder();

/** SHA-256 of a text's UTF-8, as 64 lower-case hex digits. */
export function sha256Hex(text: string): string {
  const bytes = encoder.encode(text);
  const padded = new Uint8Array((((bytes.length + 8) >> 6) + 1) << 6);
  padded.set(bytes);
  padded[bytes.length] = 0x80;
  const view = new DataView(padded.buffer);
  view.setUint32(padded.length - 8, Math.floor(bytes.length / 2 ** 29));
  view.setUint32(padded.length - 4, bytes.length << 3);
  const hash = Uint32Array.from(INITIAL);
  for (let offset = 0; offset < padded.length; offset += 64) block(view, offset, hash);
  let hex = "";
  for (const word of hash) hex += word.toString(16).padStart(8, "0");
  return hex;
}

function rotate(x: number, by: number): number {
  return (x >>> by) | (x << (32 - by));
}

function at(words: Uint32Array, index: number): number {
  return words[index] as number;
}

function block(view: DataView, offset: number, hash: Uint32Array): void {
  for (let t = 0; t < 16; t += 1) W[t] = view.getUint32(offset + t * 4);
  for (let t = 16; t < 64; t += 1) {
    const [x, y] = [at(W, t - 15), at(W, t - 2)];
    const s0 = rotate(x, 7) ^ rotate(x, 18) ^ (x >>> 3);
    const s1 = rotate(y, 17) ^ rotate(y, 19) ^ (y >>> 10);
    W[t] = (at(W, t - 16) + s0 + at(W, t - 7) + s1) | 0;
  }
  let [a, b, c, d] = [at(hash, 0), at(hash, 1), at(hash, 2), at(hash, 3)];
  let [e, f, g, h] = [at(hash, 4), at(hash, 5), at(hash, 6), at(hash, 7)];
  for (let t = 0; t < 64; t += 1) {
    const s1 = rotate(e, 6) ^ rotate(e, 11) ^ rotate(e, 25);
    const t1 = (h + s1 + ((e & f) ^ (~e & g)) + at(K, t) + at(W, t)) | 0;
    const s0 = rotate(a, 2) ^ rotate(a, 13) ^ rotate(a, 22);
    const t2 = (s0 + ((a & b) ^ (a & c) ^ (b & c))) | 0;
    h = g;
    g = f;
    f = e;
    e = (d + t1) | 0;
    d = c;
    c = b;
    b = a;
    a = (t1 + t2) | 0;
  }
  const words = [a, b, c, d, e, f, g, h];
  for (let i = 0; i < 8; i += 1) hash[i] = at(hash, i) + (words[i] as number);
}

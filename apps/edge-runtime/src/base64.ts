const ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
const VALUES = new Int8Array(128).fill(-1);
for (let index = 0; index < 64; index++) VALUES[ALPHABET.charCodeAt(index)] = index;
VALUES["+".charCodeAt(0)] = 62;
VALUES["/".charCodeAt(0)] = 63;

const CODES = Uint8Array.from(ALPHABET, (letter) => letter.charCodeAt(0));
/** Where texts are written, one after the other. */
const SHEET = new Uint8Array(1024);
const TEXT = new TextDecoder();

/** A few bytes (a cookie's, at most 768) as URL-safe base64 without padding. */
export function toBase64Url(bytes: Uint8Array): string {
  let length = 0;
  for (let at = 0; at < bytes.length; at += 3) {
    const left = bytes.length - at;
    const word = ((bytes[at] ?? 0) << 16) | ((bytes[at + 1] ?? 0) << 8) | (bytes[at + 2] ?? 0);
    SHEET[length++] = CODES[word >> 18] ?? 0;
    SHEET[length++] = CODES[(word >> 12) & 63] ?? 0;
    if (left > 1) SHEET[length++] = CODES[(word >> 6) & 63] ?? 0;
    if (left > 2) SHEET[length++] = CODES[word & 63] ?? 0;
  }
  return TEXT.decode(SHEET.subarray(0, length));
}

/** Reads base64 in the usual and the URL-safe alphabet, padded or not; `undefined` for anything else. */
export function fromBase64(text: string): Uint8Array | undefined {
  const end = text.endsWith("==") ? text.length - 2 : text.endsWith("=") ? text.length - 1 : text.length;
  if (end % 4 === 1) return undefined;
  const out = new Uint8Array(Math.floor((end * 3) / 4));
  let at = 0;
  let index = 0;
  // Four letters are three bytes; what is left over is looked at letter by letter.
  for (; index + 4 <= end; index += 4) {
    const word =
      (valueOf(text, index) << 18) |
      (valueOf(text, index + 1) << 12) |
      (valueOf(text, index + 2) << 6) |
      valueOf(text, index + 3);
    if (word < 0) return undefined;
    out[at++] = word >> 16;
    out[at++] = (word >> 8) & 0xff;
    out[at++] = word & 0xff;
  }
  let bits = 0;
  let word = 0;
  for (; index < end; index++) {
    const value = valueOf(text, index);
    if (value < 0) return undefined;
    word = ((word << 6) | value) & 0xffffff;
    bits += 6;
    if (bits >= 8) {
      bits -= 8;
      out[at++] = (word >> bits) & 0xff;
    }
  }
  return out;
}

/** The six bits of a letter; -1 where it is none. */
function valueOf(text: string, index: number): number {
  const code = text.charCodeAt(index);
  return code < 128 ? (VALUES[code] ?? -1) : -1;
}

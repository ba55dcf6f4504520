const BEYOND = /[\ud800-\uffff]/;
const FIRST = 0xd800;
const SHIFTED = 0x10000;

/**
 * Text as the file keeps it: SQLite sorts by UTF-8 bytes and loses half of a surrogate pair, the port asks for code-unit
 * order and for the same text back. Each code unit from U+D800 on becomes one code point from U+10000 on, which keeps
 * the order and loses nothing; all other text (nearly all text) stays as it is.
 */
export function toStored(text: string): string {
  if (!BEYOND.test(text)) return text;
  let out = "";
  for (let index = 0; index < text.length; index += 1) {
    const unit = text.charCodeAt(index);
    out += unit < FIRST ? text[index] : String.fromCodePoint(unit - FIRST + SHIFTED);
  }
  return out;
}

/** The text that `toStored` was given. */
export function fromStored(stored: string): string {
  if (!BEYOND.test(stored)) return stored;
  let out = "";
  for (const character of stored) {
    const point = character.codePointAt(0) ?? 0;
    out += point < SHIFTED ? character : String.fromCharCode(point - SHIFTED + FIRST);
  }
  return out;
}

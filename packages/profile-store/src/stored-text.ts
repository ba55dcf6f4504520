const BEYOND = /[\ud800-\uffff]/;
const FIRST = 0xd800;
const SHIFTED = 0x10000;

/**
 * Text as a store that keeps UTF-8 should keep ids and keys: sorting by bytes is then the code-unit order that the port
 * asks for, and half of a surrogate pair comes back as it was. Each code unit from U+D800 on becomes one code point from U+10000 on, which keeps
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

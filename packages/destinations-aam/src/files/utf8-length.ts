/** The UTF-8 length of a text in bytes. */
export function utf8Length(text: string): number {
  let bytes = text.length;
  for (let index = 0; index < text.length; index += 1) {
    const unit = text.charCodeAt(index);
    if (unit < 0x80) continue;
    if (unit >= 0xd800 && unit < 0xdc00) index += 1;
    bytes += unit < 0x800 ? 1 : 2;
  }
  return bytes;
}

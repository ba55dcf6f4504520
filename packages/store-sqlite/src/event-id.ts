import { fromStored, toStored } from "@tessera/profile-store";

const DIGEST = /^[0-9a-f]{32}$/;
const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/;
const UUID_MARK = 1;

/** An id as the file keeps it: 16 bytes for 32 hex digits, 17 for a UUID, else the text. Equal only for equal ids. */
export function encodeId(id: string): string | Uint8Array {
  if (id.length === 32 && DIGEST.test(id)) return Buffer.from(id, "hex");
  if (id.length === 36 && UUID.test(id)) {
    const bytes = Buffer.alloc(17, UUID_MARK);
    bytes.write(id.replaceAll("-", ""), 1, "hex");
    return bytes;
  }
  return toStored(id);
}

/** The id that `encodeId` was given. */
export function decodeId(stored: string | Uint8Array): string {
  if (typeof stored === "string") return fromStored(stored);
  const hex = Buffer.from(stored.buffer, stored.byteOffset, stored.byteLength).toString("hex");
  if (stored.length === 16) return hex;
  return [hex.slice(2, 10), hex.slice(10, 14), hex.slice(14, 18), hex.slice(18, 22), hex.slice(22)].join("-");
}

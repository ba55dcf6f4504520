import { sha256 } from "@noble/hashes/sha2.js";
import { bytesToHex, utf8ToBytes } from "@noble/hashes/utils.js";
import { canonicalJson, type JsonValue } from "./json.ts";

/** The first 128 bits of SHA-256 over `text`, as 32 hex digits. Deterministic, the same on every runtime. */
export function digest(text: string): string {
  return bytesToHex(sha256(utf8ToBytes(text)).subarray(0, 16));
}

/**
 * The id of an event that came without one: from its dataset, its content (field order does not matter) and its
 * occurrence number among equal rows of the same import, from 0. Importing the same file twice gives the same ids.
 */
export function contentId(datasetId: string, content: JsonValue, occurrence: number): string {
  return digest(`${datasetId}\n${occurrence}\n${canonicalJson(content)}`);
}

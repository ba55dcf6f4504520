import { deflateRawSync, inflateRawSync } from "node:zlib";
import type { JsonValue } from "@tessera/xdm";

/** From this many characters on a body is kept compressed: below, packing costs more than the bytes it saves. */
const COMPRESS_FROM = 4096;

/** JSON as the file keeps it: text, or compressed bytes when it is large. */
export function encodeBody(body: JsonValue | object): string | Uint8Array {
  const text = JSON.stringify(body);
  return text.length < COMPRESS_FROM ? text : deflateRawSync(text, { level: 1 });
}

/** What `encodeBody` was given. */
export function decodeBody(stored: string | Uint8Array): unknown {
  return JSON.parse(textOf(stored)) as unknown;
}

/** The same for many: read together they take less time than one by one. */
export function decodeBodies(stored: readonly (string | Uint8Array)[]): readonly unknown[] {
  return JSON.parse(`[${stored.map(textOf).join(",")}]`) as readonly unknown[];
}

function textOf(stored: string | Uint8Array): string {
  return typeof stored === "string" ? stored : inflateRawSync(stored).toString("utf8");
}

import { isUtf8 } from "node:buffer";
import type { BodyOutcome } from "../exchange.ts";

/** The bytes of a body as text, if they are UTF-8. */
export function decodeBody(bytes: Buffer): BodyOutcome {
  if (!isUtf8(bytes)) return { kind: "unreadable" };
  return { kind: "text", text: bytes.toString("utf8"), bytes: bytes.length };
}

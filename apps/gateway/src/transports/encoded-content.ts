import { createGzip } from "node:zlib";
import { Readable } from "node:stream";
import type { FileRequest } from "@tessera/destinations";

/** The bytes of a file as they are to be stored: in its encoding, compressed where asked. */
export function encodedContent(request: FileRequest): AsyncIterable<Buffer> {
  const plain = encode(request);
  return request.compression === "gzip" ? Readable.from(plain).pipe(createGzip()) : Readable.from(plain);
}

const PIECE = 65_536;

/** Joins small pieces, so that streams work on tens of kilobytes. UTF-16 is little-endian with its mark. */
function* encode({ content, encoding }: FileRequest): Generator<Buffer> {
  const charset = encoding === "utf-16" ? "utf16le" : "utf8";
  let held = encoding === "utf-16" ? "\uFEFF" : "";
  for (const piece of content) {
    held += piece;
    if (held.length < PIECE) continue;
    yield Buffer.from(held, charset);
    held = "";
  }
  if (held !== "") yield Buffer.from(held, charset);
}

import type { IncomingMessage } from "node:http";

/** A body that is refused is read on so far and so long, and thrown away: a client that is still sending hears why. */
const THROWN_AWAY_MAX = 64_000_000;
const THROWN_AWAY_MS = 5_000;

/** The text of a body, or `undefined` when it is larger than `limit` bytes; no more than that is held. */
export async function readBody(incoming: IncomingMessage, limit: number): Promise<string | undefined> {
  const announced = Number(incoming.headers["content-length"] ?? 0);
  if (announced > THROWN_AWAY_MAX) return undefined;
  const pieces: Buffer[] = [];
  let size = 0;
  let until = Infinity;
  for await (const piece of incoming as AsyncIterable<Buffer>) {
    size += piece.length;
    if (size <= limit && announced <= limit) {
      pieces.push(piece);
      continue;
    }
    pieces.length = 0;
    if (until === Infinity) until = performance.now() + THROWN_AWAY_MS;
    if (size > THROWN_AWAY_MAX || performance.now() > until) return undefined;
  }
  if (size > limit) return undefined;
  return (pieces.length === 1 ? (pieces[0] as Buffer) : Buffer.concat(pieces)).toString("utf8");
}

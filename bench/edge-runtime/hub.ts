import { createServer } from "node:http";
import { attributesOf, edgeSnapshot } from "./definitions.ts";

/**
 * The hub of the measured edges, a process of its own so that what it does is no delay of the load: definitions, a
 * person behind every visitor, and a drain for events. `GET /taken` tells how many events arrived.
 *
 *   hub.ts <port> <audiences>
 */
const [port = 0, audiences = 150] = process.argv.slice(2).map(Number);
const definitions = edgeSnapshot(audiences);
const snapshot = JSON.stringify(definitions);
const version = `"${String(definitions["version"])}"`;
const NEWLINE = 10;
let taken = 0;

const server = createServer((request, response) => {
  const isEvents = request.url?.startsWith("/collect/") === true;
  const pieces: Buffer[] = [];
  let lines = 1;
  request.on("data", (piece: Buffer) => {
    if (!isEvents) pieces.push(piece);
    else for (const byte of piece) if (byte === NEWLINE) lines++;
  });
  request.on("end", () => {
    if (isEvents) {
      taken += lines;
      response.end("{}");
    } else if (request.url === "/taken") response.end(String(taken));
    else if (request.url === "/edge/lookup") {
      const { identity } = JSON.parse(Buffer.concat(pieces).toString("utf8")) as { identity: { id: string } };
      const freshAt = new Date().toISOString();
      const attributes = attributesOf(Number(identity.id.slice(-9)));
      const person = { personId: identity.id, version: 1, identities: [identity], segmentMembership: {} };
      response.end(JSON.stringify({ found: true, ...person, attributes, freshAt }));
    } else if (request.headers["if-none-match"] === version)
      setTimeout(() => response.writeHead(304).end(), 10_000).unref();
    else response.end(snapshot);
  });
});
server.listen(port, "127.0.0.1");

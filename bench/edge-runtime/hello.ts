import { createServer } from "node:http";

/** The bare handlers that the edge is measured beside: `hello` answers at once, `echo` reads and parses the body, and sends it back. */
const kind = process.argv[2];
const server = createServer((request, response) => {
  if (kind === "hello") {
    response.end("hello");
    return;
  }
  const pieces: Buffer[] = [];
  request.on("data", (piece: Buffer) => pieces.push(piece));
  request.on("end", () => {
    const body: unknown = JSON.parse(Buffer.concat(pieces).toString("utf8"));
    response.setHeader("content-type", "application/json");
    response.end(JSON.stringify(body));
  });
});
server.listen(Number(process.env["EDGE_PORT"]), "127.0.0.1", () => process.stdout.write("listening\n"));

import { createServer, type IncomingMessage, type Server } from "node:http";
import type { Hub } from "@tessera/hub";

/** A hub over HTTP, with the four endpoints an edge asks for. (The gateway has them too, and much more.) */
export async function serveHub(hub: Hub, token: string): Promise<Server> {
  const server = createServer((request, response) => {
    void answer(hub, token, request).then(
      ({ status, body }) => response.writeHead(status).end(JSON.stringify(body)),
      () => response.writeHead(500).end(),
    );
  });
  await new Promise<void>((done) => server.listen(0, "127.0.0.1", done));
  return server;
}

interface Answer {
  readonly status: number;
  readonly body?: unknown;
}

async function answer(hub: Hub, token: string, request: IncomingMessage): Promise<Answer> {
  let text = "";
  for await (const piece of request) text += String(piece);
  if (request.headers.authorization !== `Bearer ${token}`) return { status: 401 };
  const url = new URL(request.url ?? "/", "http://hub");
  const dataset = url.searchParams.get("datasetId") ?? "";
  const lines = (): readonly unknown[] => text.split("\n").map((line): unknown => JSON.parse(line));
  switch (url.pathname) {
    case "/edge/snapshot": {
      const definitions = await hub.edgeDefinitions();
      const isKnown = request.headers["if-none-match"] === `"${definitions.version}"`;
      return isKnown ? { status: 304 } : { status: 200, body: definitions };
    }
    case "/edge/lookup": {
      const { identity } = JSON.parse(text) as { identity: { namespace: string; id: string } };
      const person = await hub.edgeLookup(identity);
      return { status: 200, body: person === undefined ? { found: false } : { found: true, ...person } };
    }
    case "/collect/events":
      return { status: 200, body: await hub.ingestEvents(dataset, lines()) };
    case "/collect/records":
      return { status: 200, body: await hub.ingestRecords(dataset, lines()) };
    default:
      return { status: 404 };
  }
}

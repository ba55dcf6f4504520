import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { setTimeout as wait } from "node:timers/promises";
import { digest, type JsonObject } from "@tessera/xdm";
import { PERSONS, SNAPSHOT, TOKEN } from "./definitions.ts";

/** One thing an edge handed over. */
interface Received {
  readonly path: string;
  readonly body: JsonObject & { readonly _id?: string };
}

/** What an edge asks of its hub, over HTTP, with everything that can go wrong under the test's control. */
export interface StandInHub {
  readonly url: string;
  readonly port: number;
  /** Everything that arrived, in order, repetitions included. */
  readonly received: Received[];
  /** Requests refused because they did not prove themselves. */
  readonly refused: () => number;
  /** How often an identity was asked for. */
  readonly lookups: (key: string) => number;
  /** Answers to lookups come after this long. */
  lookupDelayMs: number;
  /** Nothing is answered but with 503. */
  isDown: boolean;
  /** Nothing is answered at all: connections hang. */
  isSilent: boolean;
  /** Takes this many batches in and loses the answer: the edge has to send them again. */
  losesAnswers: number;
  readonly persons: Map<string, JsonObject>;
  readonly publish: (definitions: JsonObject) => string;
  readonly close: () => Promise<void>;
}

export async function startStandInHub(definitions: JsonObject = SNAPSHOT): Promise<StandInHub> {
  let snapshot = versioned(definitions);
  let refused = 0;
  const lookups = new Map<string, number>();
  let wake: (() => void)[] = [];
  const server = createServer((request, response) => {
    answer(request, response).catch(() => response.destroy());
  });
  const answer = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const body = await readAll(request);
    const url = new URL(request.url ?? "/", "http://hub");
    const send = (status: number, json: unknown, headers: Record<string, string> = {}): void => {
      response.writeHead(status, { "content-type": "application/json", ...headers });
      response.end(status === 304 ? undefined : JSON.stringify(json));
    };
    if (hub.isSilent) return;
    if (hub.isDown) return send(503, {});
    if (request.headers.authorization !== `Bearer ${TOKEN}`) {
      refused++;
      return send(401, {});
    }
    if (url.pathname === "/edge/snapshot") {
      const until = Date.now() + Number(url.searchParams.get("wait") ?? 0);
      const known = request.headers["if-none-match"];
      while (known === `"${snapshot.version}"` && Date.now() < until && server.listening) {
        await Promise.race([wait(until - Date.now()), new Promise<void>((done) => wake.push(done))]);
      }
      const etag = `"${snapshot.version}"`;
      return known === etag ? send(304, {}, { etag }) : send(200, snapshot, { etag });
    }
    if (url.pathname === "/edge/lookup") {
      const { identity } = JSON.parse(body) as { identity: { namespace: string; id: string } };
      const key = `${identity.namespace}:${identity.id}`;
      lookups.set(key, (lookups.get(key) ?? 0) + 1);
      const person = hub.persons.get(key);
      if (hub.lookupDelayMs > 0) await wait(hub.lookupDelayMs);
      return send(
        200,
        person === undefined
          ? { found: false }
          : { found: true, freshAt: new Date().toISOString(), ...person },
      );
    }
    if (url.pathname.startsWith("/collect/")) {
      const lines = body.split("\n").filter((line) => line !== "");
      const path = url.pathname + url.search;
      for (const line of lines) received.push({ path, body: JSON.parse(line) as Received["body"] });
      if (hub.losesAnswers > 0) {
        hub.losesAnswers--;
        response.destroy();
        return;
      }
      return send(200, { accepted: lines.length, duplicates: 0, rejected: [] });
    }
    if (url.pathname === "/edge/told") return send(200, { accepted: 1, skipped: 0, rejected: [] });
    return send(404, {});
  };
  const received: Received[] = [];
  await new Promise<void>((done) => server.listen(0, "127.0.0.1", done));
  const { port } = server.address() as AddressInfo;
  const hub: StandInHub = {
    url: `http://127.0.0.1:${port}`,
    port,
    received,
    refused: () => refused,
    lookups: (key) => lookups.get(key) ?? 0,
    lookupDelayMs: 0,
    isDown: false,
    isSilent: false,
    losesAnswers: 0,
    persons: new Map(Object.entries(PERSONS)),
    publish: (next) => {
      snapshot = versioned(next);
      for (const done of wake) done();
      wake = [];
      return snapshot.version;
    },
    close: () =>
      new Promise((done) => {
        server.close(() => done());
        for (const go of wake) go();
        server.closeAllConnections();
      }),
  };
  return hub;
}

function versioned(definitions: JsonObject): JsonObject & { readonly version: string } {
  return { ...definitions, version: digest(JSON.stringify(definitions)) };
}

async function readAll(request: IncomingMessage): Promise<string> {
  let text = "";
  for await (const piece of request) text += String(piece);
  return text;
}

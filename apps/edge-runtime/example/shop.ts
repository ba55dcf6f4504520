import { randomBytes, randomUUID } from "node:crypto";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { startEdgeNode } from "../src/node.ts";
import { createShopHub } from "./shop-definitions.ts";
import { serveHub } from "./shop-hub.ts";
import { webSdk } from "./web-sdk.ts";

/**
 * A shop of two pages with a hub and an edge behind it, all in this process:
 *
 *   npm run example --workspace @tessera/edge-runtime
 */
const port = Number(process.env["SHOP_PORT"] ?? 8080);
const token = randomBytes(16).toString("hex");
const dataDir = await mkdtemp(join(tmpdir(), "tessera-shop-"));
const hub = await createShopHub(Date.now, randomUUID);
const hubServer = await serveHub(hub, token);
const edge = await startEdgeNode({
  port: 0,
  hubUrl: `http://127.0.0.1:${(hubServer.address() as AddressInfo).port}`,
  token,
  dataDir,
});

const PAGES: Readonly<Record<string, readonly [file: string, type: string]>> = {
  "/": ["index.html", "text/html"],
  "/tents": ["tents.html", "text/html"],
  "/shop.js": ["shop.js", "text/javascript"],
  "/shop.css": ["shop.css", "text/css"],
};
const sdk = await webSdk();

const shop = createServer((request, response) => {
  const path = request.url?.split("?", 1)[0] ?? "/";
  // The edge under the shop's own address: see shop.js for why.
  if (path.startsWith("/ee/")) {
    edge.listener(request, response);
    return;
  }
  if (path === "/alloy.js") {
    response.writeHead(200, { "content-type": "text/javascript" }).end(sdk);
    return;
  }
  const [file, type] = PAGES[path] ?? [undefined, ""];
  if (file === undefined) {
    response.writeHead(404).end("No such page.");
    return;
  }
  readFile(new URL(`pages/${file}`, import.meta.url)).then(
    (text) => response.writeHead(200, { "content-type": `${type}; charset=utf-8` }).end(text),
    () => response.writeHead(500).end(),
  );
});
shop.listen(port, "127.0.0.1", () => {
  const { port: taken } = shop.address() as AddressInfo;
  process.stdout.write(`The shop is open: http://localhost:${taken}  (Ctrl-C closes it)\n`);
});

let isClosing = false;
const close = async (): Promise<void> => {
  if (isClosing) return;
  isClosing = true;
  await Promise.all([edge.stop(), ended(shop), ended(hubServer)]);
  await rm(dataDir, { recursive: true, force: true });
  process.exit(0);
};
process.on("SIGINT", () => void close());
process.on("SIGTERM", () => void close());

function ended(server: Server): Promise<void> {
  return new Promise((done) => {
    server.close(() => done());
    server.closeAllConnections();
  });
}

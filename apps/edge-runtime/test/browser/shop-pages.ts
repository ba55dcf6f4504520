import { readFile } from "node:fs/promises";
import { createServer } from "node:https";
import type { AddressInfo } from "node:net";
import { build } from "esbuild";

/** The pages of a made-up shop, with the Web SDK bundled into them. */
export interface ShopPages {
  readonly port: number;
  readonly close: () => Promise<void>;
}

const PAGE = `<!doctype html><meta charset="utf-8"><title>Shop</title>
<div id="banner">for everyone</div><script src="/alloy.js"></script>`;

export async function startShopPages(tls: {
  readonly key: string;
  readonly cert: string;
}): Promise<ShopPages> {
  const script = await webSdk();
  const server = createServer(tls, (request, response) => {
    if (request.url === "/alloy.js") response.setHeader("content-type", "text/javascript").end(script);
    else if (request.url === "/partner.gif" || request.url === "/favicon.ico") response.writeHead(204).end();
    else response.setHeader("content-type", "text/html").end(PAGE);
  });
  await new Promise<void>((done) => server.listen(0, "127.0.0.1", done));
  return {
    port: (server.address() as AddressInfo).port,
    close: () =>
      new Promise((done) => {
        server.close(() => done());
        server.closeAllConnections();
      }),
  };
}

/**
 * The published Web SDK of the pinned version: its own base code, then the build it is served as. (What npm's entry
 * bundles is a newer core.) It leaves `alloy` on the page.
 */
async function webSdk(): Promise<string> {
  const base = await build({
    stdin: {
      contents: `import baseCode from "@adobe/alloy/baseCode.js"; baseCode(window, ["alloy"]);`,
      resolveDir: import.meta.dirname,
    },
    bundle: true,
    write: false,
    format: "iife",
    platform: "browser",
    logLevel: "silent",
  });
  const sdk = await readFile(new URL("../dist/alloy.min.js", import.meta.resolve("@adobe/alloy")), "utf8");
  return `${base.outputFiles[0]?.text ?? ""}\n${sdk}`;
}

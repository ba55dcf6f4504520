import { createServer } from "node:https";
import type { AddressInfo } from "node:net";
import { webSdk } from "../../example/web-sdk.ts";

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

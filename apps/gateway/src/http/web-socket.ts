import type { Server } from "node:http";
import { GraphQLError } from "graphql";
import { useServer } from "graphql-ws/use/ws";
import { WebSocketServer } from "ws";
import type { Authenticator } from "../access/authenticator.ts";
import { mayEnter } from "../access/principal.ts";
import type { Gateway } from "../gateway.ts";
import type { GatewayContext } from "../graphql/context.ts";
import { createLoaders } from "../graphql/loaders.ts";
import type { QueryGuard } from "../graphql/query-guard.ts";
import { gatewaySchema } from "../graphql/schema.ts";

const MESSAGE_MAX = 1_000_000;
const CONNECTIONS_MAX = 1_000;

/**
 * GraphQL over WebSocket (graphql-transport-ws) at `/graphql`. Credentials come with `connection_init`:
 * `{ authorization: "Bearer …", "x-sandbox-name": "…" }`, or as headers of the upgrade.
 */
export function serveWebSockets(
  server: Server,
  {
    gateway,
    authenticate,
    guard,
  }: { readonly gateway: Gateway; readonly authenticate: Authenticator; readonly guard: QueryGuard },
): { readonly close: () => Promise<void> } {
  const sockets = new WebSocketServer({ noServer: true, maxPayload: MESSAGE_MAX });
  const enter = async (given: Record<string, unknown>): Promise<GatewayContext | undefined> => {
    const text = (name: string): string | undefined =>
      typeof given[name] === "string" ? given[name] : undefined;
    const known = await authenticate({ authorization: text("authorization"), apiKey: text("x-api-key") });
    if (!known.ok) return undefined;
    const organisation = text("x-gw-ims-org-id");
    if (organisation !== undefined && organisation !== gateway.config.organisation) return undefined;
    const name = text("x-sandbox-name") ?? gateway.config.defaultSandbox;
    const sandbox = mayEnter(known.value, name) ? await gateway.sandbox(name) : undefined;
    if (sandbox === undefined) return undefined;
    const loaders = createLoaders(sandbox.hub);
    const signal = new AbortController().signal;
    return { principal: known.value, sandbox, gateway, loaders, signal, requestId: gateway.newId() };
  };
  const entered = new WeakMap<object, GatewayContext>();
  const stops = new WeakMap<object, AbortController>();
  const served = useServer(
    {
      schema: gatewaySchema(),
      connectionInitWaitTimeout: 5_000,
      onConnect: async ({ connectionParams, extra }) => {
        const context = await enter({ ...extra.request.headers, ...connectionParams });
        if (context === undefined) return false;
        entered.set(extra.socket, context);
        stops.set(extra.socket, new AbortController());
        return true;
      },
      onSubscribe: (_context, _id, payload) => {
        const guarded = guard({ ...payload });
        if (guarded.ok) return undefined;
        const { code, message } = guarded.error;
        return [new GraphQLError(message, { extensions: { code } })];
      },
      context: ({ extra }) => {
        const context = entered.get(extra.socket);
        const stop = stops.get(extra.socket);
        if (context === undefined || stop === undefined)
          throw new Error("A connection is let in before it subscribes.");
        return { ...context, loaders: createLoaders(context.sandbox.hub), signal: stop.signal };
      },
      onDisconnect: ({ extra }) => stops.get(extra.socket)?.abort(),
    },
    sockets,
  );
  server.on("upgrade", (request, socket, head) => {
    const path = request.url?.split("?")[0];
    if (path !== "/graphql" || sockets.clients.size >= CONNECTIONS_MAX) {
      socket.end("HTTP/1.1 404 Not Found\r\nConnection: close\r\n\r\n");
      return;
    }
    sockets.handleUpgrade(request, socket, head, (client) => sockets.emit("connection", client, request));
  });
  return { close: async () => served.dispose() };
}

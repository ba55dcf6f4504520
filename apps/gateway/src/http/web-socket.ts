import type { IncomingHttpHeaders, Server } from "node:http";
import { err, ok, type Result } from "@tessera/xdm";
import { GraphQLError } from "graphql";
import { CloseCode } from "graphql-ws";
import { useServer } from "graphql-ws/use/ws";
import { WebSocketServer } from "ws";
import type { Credentials } from "../access/authenticator.ts";
import { clientAddress, type Gatekeeper } from "../access/failed-logins.ts";
import { mayEnter, type Principal } from "../access/principal.ts";
import type { RateLimit } from "../access/rate-limit.ts";
import type { Gateway } from "../gateway.ts";
import { checkedOperation } from "../graphql/checked-operation.ts";
import type { GatewayContext } from "../graphql/context.ts";
import { createLoaders } from "../graphql/loaders.ts";
import type { QueryGuard } from "../graphql/query-guard.ts";
import { gatewaySchema } from "../graphql/schema.ts";
import { toldErrors } from "../graphql/told-error.ts";
import type { Sandbox } from "../sandbox.ts";
import { watchCredential } from "./credential-watch.ts";

const MESSAGE_MAX = 1_000_000;
const CONNECTIONS_MAX = 1_000;
/** Closes a connection from an address that too many wrong credentials came from. */
const LIMITED = 4429;
/** Operations that one connection may have open. */
const OPERATIONS_MAX = 100;

/** What sockets are let in and answered with. */
export interface WebSocketParts {
  readonly gateway: Gateway;
  readonly authenticate: Gatekeeper;
  readonly rateLimit: RateLimit;
  readonly guard: QueryGuard;
}

interface Connection {
  readonly given: Record<string, unknown>;
  readonly address: string;
  readonly stop: AbortController;
}

interface Entered {
  readonly principal: Principal;
  readonly sandbox: Sandbox;
}

/**
 * GraphQL over WebSocket (graphql-transport-ws) at `/graphql`. Credentials come with `connection_init`:
 * `{ authorization: "Bearer …", "x-sandbox-name": "…" }`, or as headers of the upgrade. Every operation passes the same
 * door, rate and guard as a request of its own: a key that was revoked meanwhile opens nothing more.
 */
export function serveWebSockets(
  server: Server,
  parts: WebSocketParts,
): { readonly close: () => Promise<void> } {
  const { gateway } = parts;
  const sockets = new WebSocketServer({ noServer: true, maxPayload: MESSAGE_MAX });
  const connections = new WeakMap<object, Connection>();
  const served = useServer(
    {
      schema: gatewaySchema(),
      connectionInitWaitTimeout: 5_000,
      onConnect: async ({ connectionParams, extra }) => {
        const given = credentialsOf(extra.request.headers, connectionParams);
        const address = clientAddress(extra.request, gateway.config.proxies);
        const entered = await enter(parts, given, address);
        if (entered === "limited") extra.socket.close(LIMITED, "Too many wrong credentials");
        if (entered === undefined || entered === "limited") return false;
        const stop = new AbortController();
        connections.set(extra.socket, { given, address, stop });
        const unwatch = watchCredential({
          authenticate: parts.authenticate,
          credentials: credentialsIn(given),
          address,
          principal: entered.principal,
          end: () => extra.socket.close(CloseCode.Forbidden, "Forbidden"),
        });
        stop.signal.addEventListener("abort", unwatch);
        return true;
      },
      onSubscribe: async ({ extra, subscriptions }, _id, payload) => {
        const connection = connections.get(extra.socket);
        const entered = connection && (await enter(parts, connection.given, connection.address));
        if (connection === undefined || entered === undefined || entered === "limited") {
          extra.socket.close(CloseCode.Forbidden, "Forbidden");
          return [refusal("UNAUTHENTICATED", "The credential of this connection is no longer valid.")];
        }
        const passed = pass(parts, entered.principal, Object.keys(subscriptions).length);
        if (!passed.ok) return [passed.error];
        const guarded = parts.guard({ ...payload });
        if (!guarded.ok) {
          gateway.metrics.refusals.inc({ code: guarded.error.code });
          return [refusal(guarded.error.code, guarded.error.message)];
        }
        const checked = checkedOperation(guarded.value, gateway.config);
        if (!checked.ok) return checked.error;
        const context: GatewayContext = {
          ...entered,
          gateway,
          loaders: createLoaders(entered.sandbox),
          signal: connection.stop.signal,
          requestId: gateway.newId(),
        };
        // what the guard gave is run, never what came: with trusted documents the two can differ
        return {
          schema: gatewaySchema(),
          document: checked.value.document,
          variableValues: guarded.value.variables,
          operationName: guarded.value.operationName ?? null,
          contextValue: context,
        };
      },
      onError: (_context, _id, _payload, errors) => toldErrors(errors, gateway.log),
      onNext: (...[, , , , { errors, data = null }]) =>
        errors === undefined ? undefined : { data, errors: toldErrors(errors, gateway.log) },
      onDisconnect: ({ extra }) => connections.get(extra.socket)?.stop.abort(),
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

function credentialsOf(
  headers: IncomingHttpHeaders,
  params: Readonly<Record<string, unknown>> | undefined,
): Record<string, unknown> {
  return { ...headers, ...params };
}

function textIn(given: Record<string, unknown>, name: string): string | undefined {
  const value = given[name];
  return typeof value === "string" ? value : undefined;
}

function credentialsIn(given: Record<string, unknown>): Credentials {
  return { authorization: textIn(given, "authorization"), apiKey: textIn(given, "x-api-key") };
}

/**
 * Who the credentials are, and the sandbox they may enter; `undefined` when they are let in nowhere, and `limited` when
 * too many wrong ones came from their address.
 */
async function enter(
  { gateway, authenticate }: WebSocketParts,
  given: Record<string, unknown>,
  address: string,
): Promise<Entered | "limited" | undefined> {
  const known = await authenticate(credentialsIn(given), address);
  if (!known.ok) {
    gateway.metrics.refusals.inc({ code: known.error.code });
    return known.error.status === 429 ? "limited" : undefined;
  }
  const organisation = textIn(given, "x-gw-ims-org-id");
  if (organisation !== undefined && organisation !== gateway.config.organisation) return undefined;
  const name = textIn(given, "x-sandbox-name") ?? gateway.config.defaultSandbox;
  const sandbox = mayEnter(known.value, name) ? await gateway.sandbox(name) : undefined;
  return sandbox === undefined ? undefined : { principal: known.value, sandbox };
}

/** Whether one more operation of a caller is within its rate and its connection's limit. */
function pass(
  { gateway, rateLimit }: WebSocketParts,
  principal: Principal,
  open: number,
): Result<true, GraphQLError> {
  const wait = rateLimit(`${principal.kind}:${principal.id}`, performance.now());
  if (wait > 0) {
    gateway.metrics.refusals.inc({ code: "RATE_LIMITED" });
    const seconds = Math.ceil(wait / 1_000);
    return err(refusal("RATE_LIMITED", `Too many requests a minute. Wait ${seconds} seconds.`, seconds));
  }
  if (open > OPERATIONS_MAX) {
    gateway.metrics.refusals.inc({ code: "TOO_MUCH" });
    return err(
      refusal("TOO_MUCH", `At most ${OPERATIONS_MAX} operations are open on one connection. End some.`),
    );
  }
  return ok(true);
}

function refusal(code: string, message: string, retryAfter?: number): GraphQLError {
  return new GraphQLError(message, { extensions: { code, ...(retryAfter !== undefined && { retryAfter }) } });
}

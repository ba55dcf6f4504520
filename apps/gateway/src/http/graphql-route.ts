import { type ApolloServer, HeaderMap } from "@apollo/server";
import { isObject } from "@tessera/xdm";
import type { Context } from "hono";
import { clientAddress, type Gatekeeper } from "../access/failed-logins.ts";
import type { Gateway } from "../gateway.ts";
import type { GatewayContext } from "../graphql/context.ts";
import { createLoaders } from "../graphql/loaders.ts";
import type { QueryGuard } from "../graphql/query-guard.ts";
import { watchCredential } from "./credential-watch.ts";
import { eventStream } from "./event-stream.ts";
import { readBody } from "./read-body.ts";
import { refuse, type RouteEnv } from "./request-scope.ts";

/** Event streams that may be open at once. */
const STREAMS_MAX = 1_000;

/** What GraphQL requests are answered with. `streams` are the event streams that are open, to be ended at the stop. */
export interface GraphqlParts {
  readonly apollo: ApolloServer<GatewayContext>;
  readonly guard: QueryGuard;
  readonly authenticate: Gatekeeper;
  readonly streams: Set<AbortController>;
}

/** `POST /graphql`: reads the body within its limit, lets the guard look at the document, and runs it. */
export function graphqlRoute(
  gateway: Gateway,
  { apollo, guard, streams, authenticate }: GraphqlParts,
): (context: Context<RouteEnv>) => Promise<Response> {
  return async (context) => {
    const { principal, sandbox, requestId } = context.var;
    const type = context.req.header("content-type") ?? "";
    if (!/^application\/(graphql\+)?json\b/i.test(type)) {
      return refuse(context, 415, {
        code: "BAD_REQUEST",
        message: "Content-Type: expected application/json.",
      });
    }
    const text = await readBody(context.env.incoming, gateway.config.graphqlBodyLimit);
    if (text === undefined) {
      context.header("Connection", "close");
      const message = `The body is larger than ${gateway.config.graphqlBodyLimit} bytes. Send many events to /collect/events.`;
      return refuse(context, 413, { code: "TOO_MUCH", message });
    }
    const body = parse(text);
    if (!isObject(body)) {
      const message =
        "Expected one JSON object { query, variables, operationName }; lists of requests are not taken.";
      return refuse(context, 400, { code: "BAD_REQUEST", message });
    }
    const guarded = guard(body);
    if (!guarded.ok) {
      gateway.metrics.refusals.inc({ code: guarded.error.code });
      return refuse(context, 400, guarded.error);
    }
    const stop = new AbortController();
    const loaders = createLoaders(sandbox);
    const graphqlContext = { principal, sandbox, gateway, requestId, loaders, signal: stop.signal };
    if (context.req.header("accept")?.includes("text/event-stream") === true) {
      if (streams.size >= STREAMS_MAX) {
        const message = "Too many event streams are open. Close some, or try again later.";
        return refuse(context, 429, { code: "BUSY", message, retryAfter: 10 });
      }
      streams.add(stop);
      const unwatch = watchCredential({
        authenticate,
        credentials: {
          authorization: context.req.header("authorization"),
          apiKey: context.req.header("x-api-key"),
        },
        address: clientAddress(context.env.incoming, gateway.config.proxies),
        principal,
        end: () => stop.abort(),
      });
      stop.signal.addEventListener("abort", () => {
        unwatch();
        streams.delete(stop);
      });
      return eventStream(guarded.value, graphqlContext, stop);
    }
    const answer = await apollo.executeHTTPGraphQLRequest({
      httpGraphQLRequest: {
        method: "POST",
        headers: new HeaderMap([["content-type", "application/json"]]),
        search: "",
        body: { ...guarded.value },
      },
      context: async () => graphqlContext,
    });
    for (const [name, value] of answer.headers) context.header(name, value);
    if (answer.body.kind === "complete") {
      return context.body(answer.body.string, (answer.status ?? 200) as 200);
    }
    let whole = "";
    for await (const piece of answer.body.asyncIterator) whole += piece;
    return context.body(whole, (answer.status ?? 200) as 200);
  };
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return undefined;
  }
}

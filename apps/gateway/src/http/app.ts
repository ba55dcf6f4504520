import type { ApolloServer } from "@apollo/server";
import { Hono } from "hono";
import type { Gatekeeper } from "../access/failed-logins.ts";
import type { RateLimit } from "../access/rate-limit.ts";
import type { Gateway } from "../gateway.ts";
import type { GatewayContext } from "../graphql/context.ts";
import type { QueryGuard } from "../graphql/query-guard.ts";
import { readGauges } from "../observe/read-gauges.ts";
import { thirdPartyRoute } from "./third-party-route.ts";
import { audienceRoute, rowsRoute } from "./rows-route.ts";
import { traced, traceOfRequest } from "../observe/tracing.ts";
import { campaignRecipientsRoute } from "./campaign-recipients-route.ts";
import { campaignLogsRoute } from "./campaign-logs-route.ts";
import { collectRoute } from "./collect.ts";
import { lookupRoute, snapshotRoute } from "./edge-routes.ts";
import { graphqlRoute } from "./graphql-route.ts";
import { door, refuse, type RouteEnv } from "./request-scope.ts";
import { toldRoute } from "./told-route.ts";
import { isRetryable, STORE_AWAY } from "../store.ts";

/** What the routes are made of. */
export interface AppParts {
  readonly gateway: Gateway;
  readonly apollo: ApolloServer<GatewayContext>;
  readonly guard: QueryGuard;
  readonly streams: Set<AbortController>;
  readonly authenticate: Gatekeeper;
  readonly rateLimit: RateLimit;
  /** `false` while the gateway starts or stops. */
  readonly ready: () => boolean;
}

/** All routes of the gateway. Everything but health is behind the door. */
export function createApp(parts: AppParts): Hono<RouteEnv> {
  const { gateway, ready } = parts;
  const { metrics, log, newId } = gateway;
  const app = new Hono<RouteEnv>();
  app.use(async (context, next) => {
    const requestId = newId();
    context.set("requestId", requestId);
    const begin = performance.now();
    const route = ROUTES.has(context.req.path) ? context.req.path : "other";
    const parent = traceOfRequest(context.req.header("traceparent"));
    await traced(
      `${context.req.method} ${route}`,
      { "http.route": route, "tessera.request": requestId },
      async (span) => {
        await next();
        span.setAttribute("http.response.status_code", context.res.status);
      },
      parent,
    );
    const { status } = context.res;
    const seconds = (performance.now() - begin) / 1_000;
    metrics.requests.inc({ route, status });
    metrics.requestSeconds.observe({ route }, seconds);
    if (route.startsWith("/collect/") && status === 200) metrics.evaluating.streaming.add(seconds);
    log.debug({ requestId, route, status, seconds, principal: context.get("principal")?.id }, "request");
    context.header("X-Request-Id", requestId);
    context.header("X-Content-Type-Options", "nosniff");
  });
  app.get("/healthz", (context) => context.json({ status: "ok" }));
  app.get("/readyz", async (context) => {
    const [first] = gateway.openSandboxes();
    const open = ready() && first !== undefined && (await answers(first.store));
    return open ? context.json({ status: "ready" }) : context.json({ status: "not ready" }, 503);
  });
  app.use(door(gateway, parts));
  app.post("/graphql", graphqlRoute(gateway, parts));
  app.post("/collect/events", collectRoute(gateway, "event"));
  app.post("/collect/records", collectRoute(gateway, "record"));
  app.post("/collect/rows", rowsRoute(gateway));
  app.post("/collect/audience", audienceRoute(gateway));
  app.post("/campaign/recipients", campaignRecipientsRoute(gateway));
  app.post("/collect/third-party", thirdPartyRoute(gateway));
  app.post("/collect/campaign-logs", campaignLogsRoute(gateway));
  app.get("/edge/snapshot", snapshotRoute);
  app.post("/edge/lookup", lookupRoute);
  app.post("/edge/told", toldRoute(gateway));
  app.get("/metrics", async (context) => {
    await readGauges(gateway);
    return context.text(await metrics.registry.metrics(), 200, {
      "Content-Type": metrics.registry.contentType,
    });
  });
  app.notFound((context) => {
    const known = ROUTES.has(context.req.path);
    const message = known ? "This path does not take this method." : "There is nothing at this path.";
    return refuse(context, known ? 405 : 404, { code: known ? "METHOD_NOT_ALLOWED" : "NOT_FOUND", message });
  });
  app.onError((error, context) => {
    log.error({ err: error, requestId: context.get("requestId") }, "a route failed");
    if (isRetryable(error))
      return refuse(context, 503, { code: "UNAVAILABLE", message: STORE_AWAY, retryAfter: 2 });
    const message = "Something went wrong here; it is logged. Try again, or tell the operator.";
    return refuse(context, 500, { code: "INTERNAL_SERVER_ERROR", message });
  });
  return app;
}

const ROUTES = new Set([
  "/healthz",
  "/readyz",
  "/metrics",
  "/graphql",
  "/collect/events",
  "/collect/records",
  "/collect/rows",
  "/collect/audience",
  "/collect/campaign-logs",
  "/collect/third-party",
  "/campaign/recipients",
  "/edge/snapshot",
  "/edge/lookup",
  "/edge/told",
]);

async function answers(store: { readonly totals: () => Promise<unknown> }): Promise<boolean> {
  return store.totals().then(
    () => true,
    () => false,
  );
}

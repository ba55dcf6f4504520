import type { HttpBindings } from "@hono/node-server";
import type { Context, MiddlewareHandler } from "hono";
import { mayEnter, type Principal } from "../access/principal.ts";
import { clientAddress, type Gatekeeper } from "../access/failed-logins.ts";
import type { RateLimit } from "../access/rate-limit.ts";
import type { Gateway } from "../gateway.ts";
import type { Sandbox } from "../sandbox.ts";

/** What the routes behind the door find in their context. */
export interface RouteEnv {
  readonly Bindings: HttpBindings;
  readonly Variables: { principal: Principal; sandbox: Sandbox; requestId: string };
}

type Status = 400 | 401 | 403 | 404 | 405 | 413 | 415 | 429 | 500 | 503;

/** An error as every route tells it: readable for GraphQL clients and others alike. */
export function refuse(
  context: Context<RouteEnv>,
  status: Status,
  {
    code,
    message,
    retryAfter,
  }: { readonly code: string; readonly message: string; readonly retryAfter?: number },
): Response {
  if (retryAfter !== undefined) context.header("Retry-After", String(retryAfter));
  if (status === 401) context.header("WWW-Authenticate", "Bearer");
  const requestId = context.get("requestId");
  return context.json(
    { code, message, requestId, errors: [{ message, extensions: { code, requestId } }] },
    status,
  );
}

/** The door: who asks, how often, for which organisation and sandbox. */
export function door(
  gateway: Gateway,
  { authenticate, rateLimit }: { readonly authenticate: Gatekeeper; readonly rateLimit: RateLimit },
): MiddlewareHandler<RouteEnv> {
  const { config, metrics } = gateway;
  return async (context, next) => {
    const turnAway = (status: Status, why: Parameters<typeof refuse>[2]): Response => {
      metrics.refusals.inc({ code: why.code });
      return refuse(context, status, why);
    };
    const known = await authenticate(
      { authorization: context.req.header("authorization"), apiKey: context.req.header("x-api-key") },
      clientAddress(context.env.incoming, config.proxies),
    );
    if (!known.ok) return turnAway(known.error.status, known.error);
    const principal = known.value;
    const wait = rateLimit(`${principal.kind}:${principal.id}`, performance.now());
    if (wait > 0) {
      const message = `More than ${config.requestsPerMinute} requests a minute. Wait as long as Retry-After says.`;
      return turnAway(429, { code: "RATE_LIMITED", message, retryAfter: Math.ceil(wait / 1_000) });
    }
    const organisation = context.req.header("x-gw-ims-org-id");
    if (organisation !== undefined && organisation !== config.organisation) {
      const message = "This gateway does not serve the organisation of x-gw-ims-org-id.";
      return turnAway(403, { code: "ORGANISATION_UNKNOWN", message });
    }
    const name = context.req.header("x-sandbox-name") ?? config.defaultSandbox;
    const sandbox = mayEnter(principal, name) ? await gateway.sandbox(name) : undefined;
    if (sandbox === undefined) {
      const message = "There is no sandbox of the name in x-sandbox-name, or no access to it.";
      return turnAway(403, { code: "SANDBOX_UNAVAILABLE", message });
    }
    context.set("principal", principal);
    context.set("sandbox", sandbox);
    await next();
    return undefined;
  };
}

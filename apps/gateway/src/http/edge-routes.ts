import { isObject } from "@tessera/xdm";
import type { Context } from "hono";
import { may } from "../access/principal.ts";
import { readBody } from "./read-body.ts";
import { refuse, type RouteEnv } from "./request-scope.ts";

const WAIT_MAX = 60_000;
/** How often a waiting edge's definitions are looked at, in milliseconds. */
const LOOK_EVERY = 250;
const LOOKUP_BODY_MAX = 20_000;

/**
 * `GET /edge/snapshot`: what edges work by, with its version as ETag. With `If-None-Match` and `?wait=<ms>` the answer
 * is held back until something changes, or says 304 when the time is up.
 */
export async function snapshotRoute(context: Context<RouteEnv>): Promise<Response> {
  const { principal, sandbox } = context.var;
  if (!may(principal, "view-destinations", sandbox.name)) {
    return refuse(context, 403, {
      code: "FORBIDDEN",
      message: 'The permission "View Destinations" is needed for this.',
    });
  }
  const known = context.req.header("if-none-match");
  const wait = Math.min(WAIT_MAX, Math.max(0, Number(context.req.query("wait") ?? 0) || 0));
  const signal = context.req.raw.signal;
  const until = performance.now() + wait;
  for (;;) {
    const definitions = await sandbox.hub.edgeDefinitions();
    const etag = `"${definitions.version}"`;
    if (known !== etag) {
      context.header("ETag", etag);
      context.header("Cache-Control", "no-cache");
      return context.json(definitions);
    }
    const left = until - performance.now();
    if (left <= 0 || signal.aborted) return context.body(null, 304, { ETag: etag });
    await new Promise((resolve) => setTimeout(resolve, Math.min(LOOK_EVERY, left)));
  }
}

/** `POST /edge/lookup` `{ identity: { namespace, id }, region }`: the person behind an identity, as edges keep them. */
export async function lookupRoute(context: Context<RouteEnv>): Promise<Response> {
  const { principal, sandbox } = context.var;
  if (!may(principal, "view-profiles", sandbox.name)) {
    return refuse(context, 403, {
      code: "FORBIDDEN",
      message: 'The permission "View Profiles" is needed for this.',
    });
  }
  const body = await readBody(context.env.incoming, LOOKUP_BODY_MAX);
  const input: unknown = body === undefined ? undefined : parse(body);
  const identity = isObject(input) && isObject(input["identity"]) ? input["identity"] : undefined;
  if (typeof identity?.["namespace"] !== "string" || typeof identity["id"] !== "string") {
    const message = "Expected { identity: { namespace, id }, region } as JSON.";
    return refuse(context, 400, { code: "BAD_USER_INPUT", message });
  }
  const found = await sandbox.hub.edgeLookup({ namespace: identity["namespace"], id: identity["id"] });
  if (found === undefined) {
    return context.json({ found: false, identities: [], attributes: {}, segmentMembership: {} });
  }
  const { at, ...person } = found;
  const attributes = sandbox.labels.visibleTo(principal, person.attributes);
  return context.json({ found: true, ...person, attributes, freshAt: at });
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return undefined;
  }
}

import type { Result } from "@tessera/xdm";
import { acquire } from "./acquire.ts";
import { plainAnswer, preflightAnswer, problemAnswer } from "./answer.ts";
import { collect } from "./collect.ts";
import type { Edge, Mount } from "./edge.ts";
import type { EdgeError } from "./errors.ts";
import type { EdgeContext, EdgeReply, EdgeRequest } from "./exchange.ts";
import { type Exchange, interact } from "./interact.ts";
import { takeProjections } from "./projections.ts";
import { parseRoute, type Route } from "./route.ts";
import { requestIdOf } from "./session.ts";
import { setConsent } from "./set-consent.ts";

/** Answers one request as plain data. Never rejects. */
export async function answerRequest(
  edge: Edge,
  request: EdgeRequest,
  context: EdgeContext,
): Promise<EdgeReply> {
  const route = parseRoute(request.target, edge.basePath);
  if (route === undefined) {
    const error: EdgeError = {
      code: "EXEG-0105",
      detail: "The edge has no such path. Check basePath and version.",
    };
    return problemAnswer(edge, request, { error, requestId: edge.newId() });
  }
  const requestId = requestIdOf(edge, request, route);
  if (route.action === "health") return plainAnswer(edge, request, { requestId, status: 204 });
  const mount = mountOf(edge, route);
  if (request.method === "OPTIONS") return preflightAnswer(edge, request, requestId);
  try {
    if (mount !== undefined) return await mount(edge, { request, route, requestId, context });
    const reply =
      request.method === "POST"
        ? await act(edge, { request, route, requestId, context })
        : refuseMethod(request.method);
    if (reply.ok) return reply.value;
    const organisation = (await edge.snapshot.current(context.waitUntil))?.snapshot.organisation;
    return problemAnswer(edge, request, { error: reply.error, requestId, organisation });
  } catch (thrown) {
    const detail = thrown instanceof Error ? `${thrown.name}: ${thrown.message}` : "unknown";
    edge.notice({ level: "error", event: "request.failed", detail });
    const error: EdgeError = {
      code: "EXEG-0001",
      detail: "The edge failed on this request. It has been logged.",
    };
    return problemAnswer(edge, request, { error, requestId });
  }
}

function mountOf(edge: Edge, route: Route): Mount | undefined {
  switch (route.action) {
    case "delivery":
      return edge.mounts.delivery;
    case "artifact":
      return edge.mounts.artifact;
    case "aam-event":
    case "aam-id":
    case "aam-opt-out":
      return edge.mounts.aam;
    default:
      return undefined;
  }
}

function refuseMethod(method: string): Result<EdgeReply, EdgeError> {
  const name = /^[A-Z]{1,16}$/.test(method) ? method : "another method";
  return { ok: false, error: { code: "EXEG-0108", detail: `Expected POST, got ${name}.` } };
}

function act(edge: Edge, exchange: Exchange): Promise<Result<EdgeReply, EdgeError>> {
  switch (exchange.route.action) {
    case "v1/interact":
      return interact(edge, exchange, 1);
    case "v2/interact":
      return interact(edge, exchange, 2);
    case "v1/collect":
      return collect(edge, exchange, 1);
    case "v2/collect":
      return collect(edge, exchange, 2);
    case "acquire":
      return acquire(edge, exchange);
    case "set-consent":
      return setConsent(edge, exchange);
    case "projections":
      return takeProjections(edge, exchange);
    default:
      return Promise.resolve({
        ok: false,
        error: { code: "EXEG-0105", detail: "This edge does not serve that path." },
      });
  }
}

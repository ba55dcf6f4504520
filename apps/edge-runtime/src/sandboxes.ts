import type { Edge } from "./edge.ts";
import type { EdgeContext, EdgeReply, EdgeRequest } from "./exchange.ts";
import { answerRequest } from "./handler.ts";

/** The edges of one process or isolate, one a sandbox. The first one serves whatever names none of the others. */
export type Edges = readonly [Edge, ...Edge[]];

const NAME = /^[a-z0-9][a-z0-9-]{0,62}$/;

/** Reads the sandboxes an edge is to serve, `prod,dev`; the hub's default one when none is named. */
export function readSandboxes(text: string | undefined): readonly [string | undefined, ...string[]] {
  const [first, ...more] = [...new Set((text ?? "").split(",").map((name) => name.trim()))].filter(Boolean);
  const wrong = [first ?? "default", ...more].find((name) => !NAME.test(name));
  if (wrong !== undefined)
    throw new Error(
      "TESSERA_EDGE_SANDBOXES: expected names of small letters, digits and - with commas between.",
    );
  return [first, ...more];
}

/** Answers a request from the edge of its sandbox. Never rejects. */
export function answerFor(edges: Edges, request: EdgeRequest, context: EdgeContext): Promise<EdgeReply> {
  const [first, second] = edges;
  return second === undefined
    ? answerRequest(first, request, context)
    : edgeOf(edges, request, context).then((edge) => answerRequest(edge, request, context));
}

/** The edge a request is for. Projections go by their `x-sandbox-name`, everything else by its datastream: the first edge that has it. */
export async function edgeOf(edges: Edges, request: EdgeRequest, context: EdgeContext): Promise<Edge> {
  const [first] = edges;
  if (edges.length === 1) return first;
  const sandbox = request.header("x-sandbox-name");
  if (request.target.startsWith("/internal/")) return edges.find((edge) => edge.sandbox === sandbox) ?? first;
  const mark = request.target.indexOf("?");
  const query = new URLSearchParams(mark < 0 ? "" : request.target.slice(mark + 1));
  const datastream = query.get("datastreamId") ?? query.get("configId");
  if (datastream === null) return first;
  for (const edge of edges) {
    const compiled = await Promise.resolve(edge.snapshot.current(context.waitUntil)).catch(() => undefined);
    if (compiled?.datastreams.has(datastream) === true) return edge;
  }
  return first;
}

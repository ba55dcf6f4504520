import type { EdgeContext } from "../exchange.ts";
import { problemAnswer } from "../answer.ts";
import type { Edge } from "../edge.ts";
import type { EdgeError } from "../errors.ts";
import { fromWebRequest, toWebResponse } from "../exchange.ts";
import { answerFor, edgeOf } from "../sandboxes.ts";
import { ProfileObject, visitObject } from "./profile-object.ts";
import { ForwardQueueObject } from "./queue-object.ts";
import { createWorkerEdges, type WorkerEdges } from "./worker-edge.ts";
import type { DurableState, WorkerContext, WorkerEnv } from "./workers-types.ts";

/** What a worker module exports. */
export interface EdgeWorker {
  readonly fetch: (request: Request, env: WorkerEnv, context: WorkerContext) => Promise<Response>;
  /** The Durable Object class bound as `EDGE_PROFILES`. */
  readonly EdgeProfileObject: new (state: DurableState, env: WorkerEnv) => ProfileObject;
  /** The Durable Object class bound as `FORWARD_QUEUE`. */
  readonly EdgeForwardQueue: new (state: DurableState, env: WorkerEnv) => ForwardQueueObject;
}

/** The answer when the object of a visit cannot be reached: whether its events were kept is not known. */
function unreachable(edge: Edge, request: Request): Response {
  const error: EdgeError = {
    code: "EXEG-0000",
    detail: "The visitor's profile could not be reached. Send the request again with the same requestId.",
    retryAfterSeconds: 1,
  };
  return toWebResponse(problemAnswer(edge, fromWebRequest(request), { error, requestId: edge.newId() }));
}

/** The edge as a worker. Everything an isolate holds is built with its first request. */
export function createWorker(clock: () => number): EdgeWorker {
  let built: WorkerEdges | undefined;
  const edgesOf = (env: WorkerEnv): WorkerEdges => (built ??= createWorkerEdges(env, clock));
  return {
    fetch: async (request, env, context) => {
      const waitUntil = (work: Promise<unknown>): void => context.waitUntil(work);
      const ip = request.headers.get("cf-connecting-ip");
      const edgeContext: EdgeContext = ip === null ? { waitUntil } : { waitUntil, ip };
      const { edges, scopeOf } = edgesOf(env);
      const edge = await edgeOf(edges, fromWebRequest(request), edgeContext);
      const { sandbox } = edge;
      const visit = visitObject(env.EDGE_PROFILES, request, { scope: scopeOf(sandbox), sandbox });
      if (visit !== undefined) return visit().catch(() => unreachable(edge, request));
      return toWebResponse(await answerFor(edges, fromWebRequest(request), edgeContext));
    },
    EdgeProfileObject: class extends ProfileObject {
      constructor(state: DurableState, env: WorkerEnv) {
        super(state, () => edgesOf(env).edges);
      }
    },
    EdgeForwardQueue: class extends ForwardQueueObject {
      constructor(state: DurableState, env: WorkerEnv) {
        super(state, edgesOf(env).queueServices);
      }
    },
  };
}

import type { EdgeContext } from "../exchange.ts";
import { fromWebRequest, toWebResponse } from "../exchange.ts";
import { answerFor } from "../sandboxes.ts";
import { ForwardQueueObject } from "./queue-object.ts";
import { createWorkerEdges, type WorkerEdges } from "./worker-edge.ts";
import type { DurableState, WorkerContext, WorkerEnv } from "./workers-types.ts";

/** What a worker module exports. */
export interface EdgeWorker {
  readonly fetch: (request: Request, env: WorkerEnv, context: WorkerContext) => Promise<Response>;
  /** The Durable Object class bound as `FORWARD_QUEUE`. */
  readonly EdgeForwardQueue: new (state: DurableState, env: WorkerEnv) => ForwardQueueObject;
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
      return toWebResponse(await answerFor(edgesOf(env).edges, fromWebRequest(request), edgeContext));
    },
    EdgeForwardQueue: class extends ForwardQueueObject {
      constructor(state: DurableState, env: WorkerEnv) {
        super(state, edgesOf(env).queueServices);
      }
    },
  };
}

import type { EdgeContext } from "./exchange.ts";
import { createEdge } from "./handler.ts";
import { EdgeProfileObject } from "./worker/profile-object.ts";
import { ForwardQueueObject } from "./worker/queue-object.ts";
import { createWorkerEdge, type WorkerEdge } from "./worker/worker-edge.ts";
import type { DurableState, WorkerContext, WorkerEnv } from "./worker/workers-types.ts";

let built: { readonly env: WorkerEnv; readonly worker: WorkerEdge } | undefined;

function workerEdge(env: WorkerEnv): WorkerEdge {
  if (built?.env.TESSERA_HUB_URL !== env.TESSERA_HUB_URL)
    built = { env, worker: createWorkerEdge(env, () => Date.now()) };
  return built.worker;
}

/** The Durable Object class bound as `EDGE_PROFILES`. */
export { EdgeProfileObject };

/** The Durable Object class bound as `FORWARD_QUEUE`. */
export class EdgeForwardQueue extends ForwardQueueObject {
  constructor(state: DurableState, env: WorkerEnv) {
    super(state, workerEdge(env).queueServices);
  }
}

/** The worker: the same edge as on Node, over Durable Objects. */
export default {
  fetch: (request: Request, env: WorkerEnv, context: WorkerContext): Promise<Response> => {
    const waitUntil = (work: Promise<unknown>): void => context.waitUntil(work);
    const ip = request.headers.get("cf-connecting-ip");
    const edgeContext: EdgeContext = ip === null ? { waitUntil } : { waitUntil, ip };
    return createEdge(workerEdge(env).edge)(request, edgeContext);
  },
};

import { createWorker } from "./worker/create-worker.ts";
import type { WorkerContext, WorkerEnv } from "./worker/workers-types.ts";

const worker = createWorker(() => Date.now());

/** The Durable Object class bound as `EDGE_PROFILES`. */
export const EdgeProfileObject = worker.EdgeProfileObject;

/** The Durable Object class bound as `FORWARD_QUEUE`. */
export const EdgeForwardQueue = worker.EdgeForwardQueue;

/** The worker: the same edge as on Node, over Durable Objects. */
export default {
  fetch: (request: Request, env: WorkerEnv, context: WorkerContext): Promise<Response> =>
    worker.fetch(request, env, context),
};

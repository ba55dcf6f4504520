import type { EdgeContext } from "../exchange.ts";
import { createEdge } from "../handler.ts";
import { ForwardQueueObject } from "./queue-object.ts";
import { createWorkerEdge, type WorkerEdge } from "./worker-edge.ts";
import type { DurableState, WorkerContext, WorkerEnv } from "./workers-types.ts";

/** What a worker module exports. */
export interface EdgeWorker {
  readonly fetch: (request: Request, env: WorkerEnv, context: WorkerContext) => Promise<Response>;
  /** The Durable Object class bound as `FORWARD_QUEUE`. */
  readonly EdgeForwardQueue: new (state: DurableState, env: WorkerEnv) => ForwardQueueObject;
}

/** The edge as a worker. Everything an isolate holds is built with its first request. */
export function createWorker(clock: () => number): EdgeWorker {
  let built: { readonly worker: WorkerEdge; readonly handle: ReturnType<typeof createEdge> } | undefined;
  const edgeOf = (env: WorkerEnv): NonNullable<typeof built> => {
    if (built !== undefined) return built;
    const worker = createWorkerEdge(env, clock);
    return (built = { worker, handle: createEdge(worker.edge) });
  };
  return {
    fetch: (request, env, context) => {
      const waitUntil = (work: Promise<unknown>): void => context.waitUntil(work);
      const ip = request.headers.get("cf-connecting-ip");
      const edgeContext: EdgeContext = ip === null ? { waitUntil } : { waitUntil, ip };
      return edgeOf(env).handle(request, edgeContext);
    },
    EdgeForwardQueue: class extends ForwardQueueObject {
      constructor(state: DurableState, env: WorkerEnv) {
        super(state, edgeOf(env).worker.queueServices);
      }
    },
  };
}

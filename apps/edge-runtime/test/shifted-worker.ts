import { createWorker } from "../src/worker/create-worker.ts";
import type { WorkerContext, WorkerEnv } from "../src/worker/workers-types.ts";

let ahead = 0;
const worker = createWorker(() => Date.now() + ahead);

export const EdgeProfileObject = worker.EdgeProfileObject;
export const EdgeForwardQueue = worker.EdgeForwardQueue;

/** The worker with a clock that tests move: `/test/clock?ahead=<ms>`. */
// oxlint-disable-next-line import/no-default-export -- the form of a worker module
export default {
  fetch: (request: Request, env: WorkerEnv, context: WorkerContext): Promise<Response> => {
    const url = new URL(request.url);
    if (url.pathname !== "/test/clock") return worker.fetch(request, env, context);
    ahead = Number(url.searchParams.get("ahead"));
    return Promise.resolve(new Response(null, { status: 204 }));
  },
};

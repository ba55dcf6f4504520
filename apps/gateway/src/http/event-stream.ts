import type { ReadableStreamDefaultController } from "node:stream/web";
import { type ExecutionResult, parse, subscribe, validate } from "graphql";
import type { GatewayContext } from "../graphql/context.ts";
import type { GuardedRequest } from "../graphql/query-guard.ts";
import { gatewaySchema } from "../graphql/schema.ts";

/** How often a silent stream says that it lives, in milliseconds. */
const ALIVE_EVERY = 15_000;

/** Runs a subscription as server-sent events: `next` with a result each time, `complete` at the end. */
export async function eventStream(
  request: GuardedRequest,
  context: GatewayContext,
  stop: AbortController,
): Promise<Response> {
  const schema = gatewaySchema();
  const document = parse(request.query);
  const errors = validate(schema, document);
  const started =
    errors.length > 0
      ? { errors }
      : await subscribe({
          schema,
          document,
          contextValue: context,
          variableValues: request.variables,
          ...(request.operationName !== undefined && { operationName: request.operationName }),
        });
  if (!(Symbol.asyncIterator in started)) {
    return Response.json(started, { status: errors.length > 0 ? 400 : 200 });
  }
  const results: AsyncIterator<ExecutionResult> = started[Symbol.asyncIterator]();
  const encoder = new TextEncoder();
  let alive: NodeJS.Timeout | undefined;
  const body = new ReadableStream<Uint8Array>({
    start: (controller: ReadableStreamDefaultController<Uint8Array>) => {
      controller.enqueue(encoder.encode(":\n\n"));
      alive = setInterval(() => controller.enqueue(encoder.encode(":\n\n")), ALIVE_EVERY);
    },
    pull: async (controller) => {
      const next = await results.next();
      if (next.done === true) {
        clearInterval(alive);
        controller.enqueue(encoder.encode("event: complete\ndata:\n\n"));
        controller.close();
        return;
      }
      controller.enqueue(encoder.encode(`event: next\ndata: ${JSON.stringify(next.value)}\n\n`));
    },
    cancel: () => {
      clearInterval(alive);
      stop.abort();
    },
  });
  return new Response(body, {
    headers: { "content-type": "text/event-stream", "cache-control": "no-cache" },
  });
}

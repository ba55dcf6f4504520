import type { ReadableStreamDefaultController } from "node:stream/web";
import {
  execute,
  type ExecutionArgs,
  type ExecutionResult,
  type FormattedExecutionResult,
  OperationTypeNode,
  subscribe,
} from "graphql";
import { checkedOperation } from "../graphql/checked-operation.ts";
import type { GatewayContext } from "../graphql/context.ts";
import type { GuardedRequest } from "../graphql/query-guard.ts";
import { gatewaySchema } from "../graphql/schema.ts";
import { toldErrors } from "../graphql/told-error.ts";

/** How often a silent stream says that it lives, in milliseconds. */
const ALIVE_EVERY = 15_000;

/**
 * Runs an operation as server-sent events: `next` with a result each time, `complete` at the end. A query or mutation
 * has one result.
 */
export async function eventStream(
  request: GuardedRequest,
  context: GatewayContext,
  stop: AbortController,
): Promise<Response> {
  const { config, log } = context.gateway;
  const told = ({ errors, data }: ExecutionResult): FormattedExecutionResult => ({
    ...(errors !== undefined && { errors: toldErrors(errors, log) }),
    ...(data !== undefined && { data }),
  });
  const checked = checkedOperation(request, config);
  if (!checked.ok) {
    stop.abort();
    return Response.json(told({ errors: checked.error }), { status: 400 });
  }
  const { document, type } = checked.value;
  const operation: ExecutionArgs = {
    schema: gatewaySchema(),
    document,
    contextValue: context,
    variableValues: request.variables,
    ...(request.operationName !== undefined && { operationName: request.operationName }),
  };
  const started =
    type === OperationTypeNode.SUBSCRIPTION ? await subscribe(operation) : onlyOne(await execute(operation));
  if (!(Symbol.asyncIterator in started)) {
    stop.abort();
    return Response.json(told(started));
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
        stop.abort();
        controller.enqueue(encoder.encode("event: complete\ndata:\n\n"));
        controller.close();
        return;
      }
      controller.enqueue(encoder.encode(`event: next\ndata: ${JSON.stringify(told(next.value))}\n\n`));
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

async function* onlyOne(result: ExecutionResult): AsyncGenerator<ExecutionResult, undefined> {
  yield result;
  return undefined;
}

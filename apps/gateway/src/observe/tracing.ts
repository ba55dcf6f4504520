import {
  type Attributes,
  type Context,
  context,
  isSpanContextValid,
  type Link,
  ROOT_CONTEXT,
  type Span,
  type SpanContext,
  SpanKind,
  SpanStatusCode,
  trace,
} from "@opentelemetry/api";
import type { OutboxItem, Send } from "@tessera/destinations";
import type { HubStore, OutboxEntry } from "@tessera/profile-store";
import { storeWith } from "../store-with.ts";

/**
 * Traces by the OpenTelemetry API: nothing is recorded, and next to nothing spent, until an SDK is registered: by
 * OTEL_EXPORTER_OTLP_ENDPOINT, or by the operator (`node --import ./tracing.js …`). Spans carry numbers and names of things, never values of persons.
 */
const tracer = trace.getTracer("tessera-gateway");

/** Runs work in a span of its own; a failure is told by the class of the error. */
export function traced<T>(
  name: string,
  attributes: Attributes,
  work: (span: Span) => Promise<T>,
  parent = context.active(),
): Promise<T> {
  return tracer.startActiveSpan(name, { attributes }, parent, (span) => ended(span, work));
}

/** The trace that a request belongs to, by its W3C `traceparent`; a new one without. */
export function traceOfRequest(traceparent: string | undefined): Context {
  const parent = traceparent === undefined ? undefined : spanContextOf(traceparent);
  return parent === undefined ? ROOT_CONTEXT : trace.setSpanContext(ROOT_CONTEXT, parent);
}

/** Where an outbox entry keeps the trace that it was caused in. */
const TRACE_PARENT = "traceparent";

/**
 * The same store, which notes with every outbox entry the trace that causes it. `committed` is told of every commit that
 * was tried, and whether it met no conflict.
 */
export function withTraces(store: HubStore, committed?: (ok: boolean) => void): HubStore {
  const commit: HubStore["commit"] = async (changes) => {
    const result = await traceCommit(changes);
    committed?.(result.ok);
    return result;
  };
  const traceCommit: HubStore["commit"] = (changes) => {
    const cause = changes.outbox.length === 0 ? undefined : traceParent();
    if (cause === undefined) return store.commit(changes);
    const noted = (entry: OutboxEntry): OutboxEntry => ({
      ...entry,
      body: { ...entry.body, [TRACE_PARENT]: cause },
    });
    return traced("hub.commit", { "tessera.outbox": changes.outbox.length }, () =>
      store.commit({ ...changes, outbox: changes.outbox.map(noted) }),
    );
  };
  return storeWith(store, [["commit", commit]]);
}

/** Remembers which trace caused which item, from the outbox to its delivery. */
export interface DeliveryTraces {
  readonly note: (item: OutboxItem) => void;
  /** The same way out, each call in a span that is linked to the traces its items were caused in; of one trace it is part. */
  readonly traced: (send: Send) => Send;
}

const REMEMBERED_MAX = 50_000;
const LINKS_MAX = 100;

/** The traces of the items that one process delivers. */
export function createDeliveryTraces(sandbox: string): DeliveryTraces {
  const causes = new Map<string, string>();
  const linksOf = (ids: readonly string[]): readonly Link[] => {
    const parents = new Set<string>();
    for (const id of ids) {
      const cause = causes.get(id);
      if (cause !== undefined && parents.size < LINKS_MAX) parents.add(cause);
      causes.delete(id);
    }
    return [...parents].flatMap((traceparent) => {
      const found = spanContextOf(traceparent);
      return found === undefined ? [] : [{ context: found }];
    });
  };
  return {
    note: (item) => {
      const cause = (item as { readonly [TRACE_PARENT]?: unknown })[TRACE_PARENT];
      if (typeof cause !== "string") return;
      if (causes.size >= REMEMBERED_MAX) causes.delete(causes.keys().next().value ?? "");
      causes.set(item.id, cause);
    },
    traced: (send) => (request, signal) => {
      if (causes.size === 0) return send(request, signal);
      const links = [...linksOf(request.items)];
      const attributes = { "tessera.sandbox": sandbox, "tessera.items": request.items.length };
      const options = { kind: SpanKind.CLIENT, attributes, links };
      // what one trace caused belongs to it; what several caused, to none
      const [only, ...others] = links;
      const parent =
        only !== undefined && others.length === 0
          ? trace.setSpanContext(ROOT_CONTEXT, only.context)
          : ROOT_CONTEXT;
      return tracer.startActiveSpan("destination.deliver", options, parent, (span) =>
        ended(span, async () => {
          const answer = await send(request, signal);
          if (answer.kind === "http") span.setAttribute("http.response.status_code", answer.status);
          if (answer.kind === "failure")
            span.setStatus({ code: SpanStatusCode.ERROR, message: answer.reason });
          return answer;
        }),
      );
    },
  };
}

async function ended<T>(span: Span, work: (span: Span) => Promise<T>): Promise<T> {
  try {
    return await work(span);
  } catch (error) {
    span.setStatus({ code: SpanStatusCode.ERROR, message: error instanceof Error ? error.name : "unknown" });
    throw error;
  } finally {
    span.end();
  }
}

const TRACEPARENT = /^00-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})$/;

function spanContextOf(traceparent: string): SpanContext | undefined {
  const [, traceId = "", spanId = "", flags = ""] = TRACEPARENT.exec(traceparent) ?? [];
  const found = { traceId, spanId, traceFlags: Number.parseInt(flags, 16), isRemote: true };
  return isSpanContextValid(found) ? found : undefined;
}

function traceParent(): string | undefined {
  const active = trace.getSpanContext(context.active());
  if (active === undefined || !isSpanContextValid(active)) return undefined;
  const flags = active.traceFlags.toString(16).padStart(2, "0");
  return `00-${active.traceId}-${active.spanId}-${flags}`;
}

import { AsyncLocalStorage } from "node:async_hooks";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { type Context, context, type ContextManager, ROOT_CONTEXT, trace } from "@opentelemetry/api";
import {
  InMemorySpanExporter,
  type ReadableSpan,
  SimpleSpanProcessor,
  TracerProvider,
} from "@opentelemetry/sdk-trace";
import { afterAll, beforeAll, expect, it } from "vitest";
import { activateAda, type Harness, startHarness } from "./harness.ts";

const asyncContext = new AsyncLocalStorage<Context>();
const manager: ContextManager = {
  active: () => asyncContext.getStore() ?? ROOT_CONTEXT,
  with: (active, work, self, ...given) => asyncContext.run(active, () => work.apply(self, given)),
  bind: (active, target) =>
    typeof target === "function"
      ? (((...given: unknown[]) =>
          asyncContext.run(active, () => target(...given) as unknown)) as typeof target)
      : target,
  enable: () => manager,
  disable: () => manager,
};
const exporter = new InMemorySpanExporter();
const receiver = createServer((request, response) => {
  request.resume().on("end", () => response.writeHead(200).end());
});
let harness: Harness;
beforeAll(async () => {
  context.setGlobalContextManager(manager);
  trace.setGlobalTracerProvider(
    new TracerProvider({ spanProcessors: [new SimpleSpanProcessor({ exporter })] }),
  );
  await new Promise<void>((resolve) => receiver.listen(0, "127.0.0.1", resolve));
  harness = await startHarness();
});
afterAll(async () => {
  await harness.close();
  receiver.closeAllConnections();
  receiver.close();
  trace.disable();
  context.disable();
});

const TRACE = "0af7651916cd43dd8448eb211c80319c";

it("follows an event from the request that brought it to the call that told of it, and carries no value", async () => {
  const url = `http://127.0.0.1:${(receiver.address() as AddressInfo).port}/`;
  await activateAda(harness, url);
  exporter.reset();
  const record = { identityMap: { CRMID: [{ id: "C-4711" }] }, person: { name: { firstName: "Ada" } } };
  await harness.request("/collect/records?datasetId=crm", {
    method: "POST",
    headers: { traceparent: `00-${TRACE}-b7ad6b7169203331-01` },
    body: JSON.stringify([record]),
  });
  const named = (name: string): ReadableSpan | undefined =>
    exporter.getFinishedSpans().find((span) => span.name === name);
  await expect.poll(() => named("destination.deliver"), { timeout: 10_000 }).toBeDefined();
  for (const name of ["POST /collect/records", "hub.ingest", "hub.commit"])
    expect([name, named(name)?.spanContext().traceId]).toEqual([name, TRACE]);
  expect(named("hub.ingest")?.attributes).toEqual({ "tessera.items": 1, "tessera.dataset": "crm" });
  expect(named("destination.deliver")?.links.map(({ context: { traceId } }) => traceId)).toEqual([TRACE]);
  expect(named("destination.deliver")?.attributes).toMatchObject({ "http.response.status_code": 200 });
  const told = JSON.stringify(
    exporter.getFinishedSpans().map(({ name, attributes, links }) => [name, attributes, links]),
  );
  expect(told).not.toMatch(/C-4711|Ada/);
}, 20_000);

it("begins a trace of its own for a traceparent that is none", async () => {
  exporter.reset();
  await harness.request("/metrics", { headers: { traceparent: "00-zz-1" } });
  await expect.poll(() => exporter.getFinishedSpans().length).toBe(1);
  expect(exporter.getFinishedSpans()[0]?.spanContext().traceId).toMatch(/^[0-9a-f]{32}$/);
});

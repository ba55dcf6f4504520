import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { gunzipSync } from "node:zlib";
import { afterAll, beforeAll, expect, it } from "vitest";
import { type ExportedTraces, startTraces } from "../src/observe/otlp-traces.ts";
import { parseTracesConfig } from "../src/observe/traces-config.ts";
import { activateAda, type Harness, startHarness } from "./harness.ts";

/** A field of a protobuf message: its number, and its bytes or its number. */
type Field = readonly [number: number, value: Buffer | number];

/** The fields of a message: enough of protobuf for what traces are made of. */
function fieldsOf(message: Buffer): readonly Field[] {
  const fields: Field[] = [];
  let at = 0;
  const varint = (): number => {
    let [value, factor] = [0, 1];
    for (;;) {
      const byte = message[at] ?? 0;
      at += 1;
      value += (byte & 127) * factor;
      factor *= 128;
      if (byte < 128) return value;
    }
  };
  while (at < message.length) {
    const tag = varint();
    const wire = tag & 7;
    if (wire === 0) fields.push([tag >> 3, varint()]);
    else {
      const length = wire === 2 ? varint() : wire === 1 ? 8 : 4;
      fields.push([tag >> 3, message.subarray(at, at + length)]);
      at += length;
    }
  }
  return fields;
}
const within = (message: Buffer, number: number): readonly Buffer[] =>
  fieldsOf(message).flatMap(([one, value]) => (one === number && typeof value !== "number" ? [value] : []));

interface Span {
  readonly name: string;
  readonly traceId: string;
  readonly spanId: string;
  readonly parentId: string;
  readonly links: readonly string[];
}

const spans: Span[] = [];
const services = new Set<string>();
const headers: (string | undefined)[] = [];
let status = 200;
const collector = createServer((request, response) => {
  const chunks: Buffer[] = [];
  request.on("data", (chunk: Buffer) => chunks.push(chunk));
  request.on("end", () => {
    headers.push(request.headers["x-collector-key"]?.toString());
    const whole = Buffer.concat(chunks);
    const body = request.headers["content-encoding"] === "gzip" ? gunzipSync(whole) : whole;
    for (const resource of within(body, 1)) {
      for (const attribute of within(within(resource, 1)[0] ?? Buffer.alloc(0), 1))
        if (within(attribute, 1)[0]?.toString() === "service.name")
          services.add(within(within(attribute, 2)[0] ?? Buffer.alloc(0), 1)[0]?.toString() ?? "");
      for (const scope of within(resource, 2))
        for (const span of within(scope, 2)) {
          const hex = (number: number): string => within(span, number)[0]?.toString("hex") ?? "";
          spans.push({
            traceId: hex(1),
            spanId: hex(2),
            parentId: hex(4),
            name: within(span, 5)[0]?.toString() ?? "",
            links: within(span, 13).map((link) => within(link, 1)[0]?.toString("hex") ?? ""),
          });
        }
    }
    response.writeHead(status).end();
  });
});
const receiver = createServer((request, response) => {
  request.resume().on("end", () => response.writeHead(200).end());
});
const listen = async (server: Server): Promise<string> => {
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
};

const complaints: string[] = [];
let harness: Harness;
let traces: ExportedTraces | undefined;
beforeAll(async () => {
  const env = {
    OTEL_EXPORTER_OTLP_ENDPOINT: await listen(collector),
    OTEL_EXPORTER_OTLP_HEADERS: "x-collector-key=secret-of-the-collector",
    OTEL_EXPORTER_OTLP_COMPRESSION: "gzip",
    OTEL_SERVICE_NAME: "tessera-under-test",
    OTEL_BSP_SCHEDULE_DELAY: "50",
  };
  // as a process would be given them: the exporter reads its own part
  Object.assign(process.env, env);
  const config = parseTracesConfig(process.env);
  if (!config.ok || config.value === undefined) throw new Error("Traces are to be exported.");
  traces = await startTraces(config.value, (message) => complaints.push(message));
  harness = await startHarness();
});
afterAll(async () => {
  await harness.close();
  await traces?.close();
  for (const server of [collector, receiver]) {
    server.closeAllConnections();
    server.close();
  }
});

const TRACE = "4bf92f3577b34da6a3ce929d0e0e4736";
const PARENT = "00f067aa0ba902b7";

it("exports one connected trace from what came in to what was told of it", async () => {
  const url = `${await listen(receiver)}/`;
  await activateAda(harness, url);
  const record = { identityMap: { CRMID: [{ id: "C-4711" }] }, person: { name: { firstName: "Ada" } } };
  await harness.request("/collect/records?datasetId=crm", {
    method: "POST",
    headers: { traceparent: `00-${TRACE}-${PARENT}-01` },
    body: JSON.stringify([record]),
  });
  const own = (): readonly Span[] => spans.filter(({ traceId }) => traceId === TRACE);
  const named = (name: string): Span | undefined => own().find((span) => span.name === name);
  await expect.poll(() => named("destination.deliver"), { timeout: 15_000 }).toBeDefined();
  // every span has its parent in the trace, up to the one that the request named
  const parents = new Map(own().map(({ spanId, parentId }) => [spanId, parentId]));
  for (const { name, spanId } of own()) {
    const path: string[] = [];
    for (let at: string | undefined = spanId; at !== undefined && at !== PARENT; at = parents.get(at))
      path.push(at);
    expect([name, parents.get(path.at(-1) ?? "")]).toEqual([name, PARENT]);
  }
  const parentOf = (name: string): string | undefined =>
    own().find(({ spanId }) => spanId === named(name)?.parentId)?.name;
  expect(named("POST /collect/records")?.parentId).toBe(PARENT);
  expect(parentOf("hub.ingest")).toBe("POST /collect/records");
  expect(parentOf("hub.commit")).toBe("hub.ingest");
  expect(named("destination.deliver")?.links).toEqual([TRACE]);
  expect(new Set(headers)).toEqual(new Set(["secret-of-the-collector"]));
  expect([...services]).toEqual(["tessera-under-test"]);
}, 30_000);

it("goes on when the collector refuses, and complains without a secret", async () => {
  status = 400;
  const before = headers.length;
  await harness.request("/metrics");
  await expect.poll(() => headers.length, { timeout: 10_000 }).toBeGreaterThan(before);
  await expect.poll(() => complaints.length, { timeout: 10_000 }).toBeGreaterThan(0);
  expect(complaints.join("\n")).not.toContain("secret-of-the-collector");
  expect((await harness.request("/metrics")).status).toBe(200);
  status = 200;
}, 30_000);

it("leaves traces to an SDK that is there already", async () => {
  const config = parseTracesConfig(process.env);
  if (!config.ok || config.value === undefined) throw new Error("Traces are to be exported.");
  expect(await startTraces(config.value, (message) => complaints.push(message))).toBeUndefined();
  expect(complaints.at(-1)).toContain("Another OpenTelemetry SDK");
});

it("is told all that is wrong with its variables at once, and exports nothing without an address", () => {
  expect(parseTracesConfig({})).toEqual({ ok: true, value: undefined });
  const endpoint = { OTEL_EXPORTER_OTLP_ENDPOINT: "http://localhost:4318" };
  for (const off of [{ OTEL_SDK_DISABLED: "true" }, { OTEL_TRACES_EXPORTER: "none" }])
    expect(parseTracesConfig({ ...endpoint, ...off })).toEqual({ ok: true, value: undefined });
  expect(
    parseTracesConfig({ ...endpoint, OTEL_TRACES_SAMPLER: "traceidratio", OTEL_TRACES_SAMPLER_ARG: "0.25" }),
  ).toMatchObject({
    value: { sampler: "traceidratio", ratio: 0.25, serviceName: "tessera-gateway" },
  });
  const wrong = {
    OTEL_EXPORTER_OTLP_ENDPOINT: "secret-host:4317",
    OTEL_EXPORTER_OTLP_PROTOCOL: "grpc",
    OTEL_TRACES_SAMPLER: "sometimes",
    OTEL_TRACES_SAMPLER_ARG: "2",
    OTEL_BSP_MAX_EXPORT_BATCH_SIZE: "9999",
  };
  const parsed = parseTracesConfig(wrong);
  if (parsed.ok) throw new Error("It was accepted.");
  expect(parsed.error.map(({ path }) => path?.[0]).sort()).toEqual(Object.keys(wrong).sort());
  expect(JSON.stringify(parsed.error)).not.toContain("secret-host");
});

import { context, diag, DiagLogLevel, trace } from "@opentelemetry/api";
import type { Sampler } from "@opentelemetry/sdk-trace";
import type { TracesConfig } from "./traces-config.ts";

/** Traces that are exported. */
export interface ExportedTraces {
  /** Sends what waits, for a few seconds at most. */
  readonly close: () => Promise<void>;
}

const CLOSE_WITHIN = 5_000;

/**
 * Exports the spans of this process by OTLP over HTTP, to the address in OTEL_EXPORTER_OTLP_ENDPOINT. The SDK is loaded
 * here and nowhere else: who exports nothing does not wait for it. Undefined when another SDK is registered already
 * (`node --import ./otel.js …`): then that one is left to do its work. `complain` is told when spans cannot be sent.
 */
export async function startTraces(
  config: TracesConfig,
  complain: (message: string) => void,
): Promise<ExportedTraces | undefined> {
  const [sdk, { OTLPTraceExporter }, { AsyncLocalStorageContextManager }, resources] = await Promise.all([
    import("@opentelemetry/sdk-trace"),
    import("@opentelemetry/exporter-trace-otlp-proto"),
    import("@opentelemetry/context-async-hooks"),
    import("@opentelemetry/resources"),
  ]);
  const ratio = new sdk.TraceIdRatioBasedSampler(config.ratio);
  const [on, off] = [new sdk.AlwaysOnSampler(), new sdk.AlwaysOffSampler()];
  const samplers: Readonly<Record<TracesConfig["sampler"], Sampler>> = {
    always_on: on,
    always_off: off,
    traceidratio: ratio,
    parentbased_always_on: new sdk.ParentBasedSampler({ root: on }),
    parentbased_always_off: new sdk.ParentBasedSampler({ root: off }),
    parentbased_traceidratio: new sdk.ParentBasedSampler({ root: ratio }),
  };
  const named = resources.resourceFromAttributes({ "service.name": config.serviceName });
  const { resourceAttributesEnvDetector, serviceInstanceIdDetector } = resources;
  const detectors = [resourceAttributesEnvDetector, serviceInstanceIdDetector];
  const processor = new sdk.BatchSpanProcessor({
    exporter: new OTLPTraceExporter(),
    scheduledDelayMillis: config.delayMs,
    maxQueueSize: config.queue,
    maxExportBatchSize: config.batch,
  });
  const provider = new sdk.TracerProvider({
    sampler: samplers[config.sampler],
    resource: resources.defaultResource().merge(resources.detectResources({ detectors })).merge(named),
    spanProcessors: [processor],
  });
  if (!trace.setGlobalTracerProvider(provider)) {
    await provider.shutdown();
    complain("Another OpenTelemetry SDK is registered: traces are left to it.");
    return undefined;
  }
  context.setGlobalContextManager(new AsyncLocalStorageContextManager().enable());
  const quiet = (): void => undefined;
  diag.setLogger(
    { error: complain, warn: quiet, info: quiet, debug: quiet, verbose: quiet },
    { logLevel: DiagLogLevel.ERROR, suppressOverrideMessage: true },
  );
  return {
    close: async () => {
      let timer: NodeJS.Timeout | undefined;
      const late = new Promise<void>((resolve) => (timer = setTimeout(resolve, CLOSE_WITHIN)));
      await Promise.race([provider.shutdown().catch(quiet), late]);
      clearTimeout(timer);
      trace.disable();
      context.disable();
      diag.disable();
    },
  };
}

import { err, type Issue, ok, type Result } from "@tessera/xdm";

/** Which traces are kept of those that begin here: OTEL_TRACES_SAMPLER. */
type TraceSampler =
  | "always_on"
  | "always_off"
  | "traceidratio"
  | "parentbased_always_on"
  | "parentbased_always_off"
  | "parentbased_traceidratio";

/** How traces are exported; the address, its headers and what else the OTLP exporter asks for it reads itself. */
export interface TracesConfig {
  readonly serviceName: string;
  readonly sampler: TraceSampler;
  /** Share of traces from 0 to 1, for the samplers by ratio. */
  readonly ratio: number;
  /** Spans wait so long for others to be sent with, in milliseconds. */
  readonly delayMs: number;
  /** Spans that wait at most; more are dropped. */
  readonly queue: number;
  /** Spans in one request. */
  readonly batch: number;
}

const SAMPLERS: readonly TraceSampler[] = [
  "always_on",
  "always_off",
  "traceidratio",
  "parentbased_always_on",
  "parentbased_always_off",
  "parentbased_traceidratio",
];
const ENDPOINTS = ["OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT"] as const;
const PROTOCOLS = ["OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "OTEL_EXPORTER_OTLP_PROTOCOL"] as const;
const PROTOCOL = "http/protobuf";

/**
 * Reads the standard variables of OpenTelemetry: undefined when no address is set, or when traces are turned off. All that
 * is wrong is told at once; values are never repeated.
 */
export function parseTracesConfig(env: {
  readonly [name: string]: string | undefined;
}): Result<TracesConfig | undefined, readonly Issue[]> {
  const issues: Issue[] = [];
  const text = (name: string): string | undefined => env[name]?.trim() || undefined;
  const wrong = (name: string, expected: string): void => {
    const message = `${name}: expected ${expected}. Correct it, or unset it to use the default.`;
    issues.push({ code: "config.invalid", path: [name], expected, message });
  };
  const number = (name: string, fallback: number, range: readonly [number, number]): number => {
    const given = text(name);
    if (given === undefined) return fallback;
    const value = /^\d+(\.\d+)?$/.test(given) ? Number(given) : Number.NaN;
    if (value >= range[0] && value <= range[1]) return value;
    wrong(name, `a number from ${range[0]} to ${range[1]}`);
    return fallback;
  };
  const isOff =
    text("OTEL_SDK_DISABLED")?.toLowerCase() === "true" || text("OTEL_TRACES_EXPORTER") === "none";
  const endpoints = ENDPOINTS.filter((name) => text(name) !== undefined);
  if (isOff || endpoints.length === 0) return ok(undefined);
  for (const name of endpoints) {
    const protocol = URL.parse(text(name) ?? "")?.protocol;
    if (protocol !== "http:" && protocol !== "https:") wrong(name, "an http or https address");
  }
  for (const name of PROTOCOLS) if ((text(name) ?? PROTOCOL) !== PROTOCOL) wrong(name, PROTOCOL);
  if ((text("OTEL_TRACES_EXPORTER") ?? "otlp") !== "otlp") wrong("OTEL_TRACES_EXPORTER", "otlp or none");
  const sampler = SAMPLERS.find(
    (known) => known === (text("OTEL_TRACES_SAMPLER") ?? "parentbased_always_on"),
  );
  if (sampler === undefined) wrong("OTEL_TRACES_SAMPLER", `one of ${SAMPLERS.join(", ")}`);
  const config: TracesConfig = {
    serviceName: text("OTEL_SERVICE_NAME") ?? "tessera-gateway",
    sampler: sampler ?? "parentbased_always_on",
    ratio: number("OTEL_TRACES_SAMPLER_ARG", 1, [0, 1]),
    delayMs: number("OTEL_BSP_SCHEDULE_DELAY", 5_000, [0, 600_000]),
    queue: number("OTEL_BSP_MAX_QUEUE_SIZE", 2_048, [1, 1_000_000]),
    batch: number("OTEL_BSP_MAX_EXPORT_BATCH_SIZE", 512, [1, 1_000_000]),
  };
  if (config.batch > config.queue) wrong("OTEL_BSP_MAX_EXPORT_BATCH_SIZE", "at most OTEL_BSP_MAX_QUEUE_SIZE");
  return issues.length > 0 ? err(issues) : ok(config);
}

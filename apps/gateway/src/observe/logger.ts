import { type Logger, pino } from "pino";

/** What never stands in a log, wherever it turns up. */
const REDACTED = [
  "authorization",
  "cookie",
  "apiKey",
  "token",
  "password",
  "secret",
  "attributes",
  "identities",
  "identity",
  "events",
  "records",
  "variables",
];

/** Structured logs on standard output, one JSON object a line. */
export function createLogger(level: string): Logger {
  const paths = REDACTED.flatMap((name) => [name, `*.${name}`, `*.*.${name}`]);
  return pino({ level, base: { service: "tessera-gateway" }, redact: { paths, censor: "[redacted]" } });
}

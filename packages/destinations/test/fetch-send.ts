import { setTimeout as wait } from "node:timers/promises";
import type { Send, Sleep } from "../src/index.ts";

/** A plain transport for tests and benchmarks: fetch, no secrets, no files. */
export const fetchSend: Send = async (request, signal) => {
  if (request.kind !== "http") return { kind: "failure", reason: "storage", detail: "no files here" };
  try {
    const headers: Record<string, string> = {};
    for (const [name, value] of Object.entries(request.headers)) {
      headers[name] = typeof value === "string" ? value : `${value.prefix ?? ""}test-secret`;
    }
    const init = {
      method: request.method,
      headers,
      signal,
      ...(request.body !== undefined && { body: request.body }),
    };
    const response = await fetch(request.url, init);
    return {
      kind: "http",
      status: response.status,
      headers: Object.fromEntries(response.headers),
      body: await response.text(),
      receivedAt: new Date(Date.now()).toISOString(),
    };
  } catch {
    return { kind: "failure", reason: "network", detail: "no whole answer" };
  }
};

/** Waits on the real clock; resolves early when aborted. */
export const realSleep: Sleep = (ms, signal) =>
  wait(ms, undefined, { ...(signal && { signal }), ref: true }).then(
    () => undefined,
    () => undefined,
  );

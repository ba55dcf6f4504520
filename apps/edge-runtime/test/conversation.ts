import { readFileSync } from "node:fs";
import { request } from "node:http";
import { isObject } from "@tessera/xdm";
import { COOKIE } from "./definitions.ts";

/** One request of a case. */
export interface CaseRequest {
  /** A recorded request to start from (`recorded/<name>.json`); the other fields change it. */
  readonly recorded?: string;
  readonly method?: string;
  readonly path?: string;
  readonly headers?: Readonly<Record<string, string>>;
  /** Merged into the recorded body field by field; a text is sent as it is. */
  readonly body?: unknown;
  /** A text of this many bytes in place of a body. */
  readonly bytes?: number;
  /** State that is not the visitor's own: a cookie value by its short name. */
  readonly state?: Readonly<Record<string, string>>;
}

/** What came back. */
export interface Answer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly text: string;
  /** The parsed body; `undefined` when it is no JSON. */
  readonly body: unknown;
}

/** A browser's part of the protocol: keeps what it is told to keep, and sends it along. */
export class Conversation {
  #url: URL;
  readonly #firstParty: boolean;
  readonly jar: Map<string, string> = new Map();

  constructor(url: string, firstParty: boolean) {
    this.#url = new URL(url);
    this.#firstParty = firstParty;
  }

  /** The same edge came back under another address. */
  moveTo(url: string): void {
    this.#url = new URL(url);
  }

  async send(step: CaseRequest): Promise<Answer> {
    const base = step.recorded === undefined ? undefined : recorded(step.recorded);
    const headers: Record<string, string> = {
      host: this.#firstParty ? "edge.shop.test" : "edge.other.test",
      ...base?.headers,
      ...step.headers,
    };
    const jar = new Map(this.jar);
    for (const [name, value] of Object.entries(step.state ?? {})) jar.set(COOKIE + name, value);
    let body = merge(base?.body, step.body);
    if (this.#firstParty) {
      const cookies = [...jar].map(([name, value]) => `${name}=${value}`).join("; ");
      if (cookies !== "") headers["cookie"] = [cookies, headers["cookie"]].filter(Boolean).join("; ");
    } else if (isObject(body) && jar.size > 0) {
      const entries = [...jar].map(([key, value]) => ({ key, value }));
      body = merge({ meta: { state: { entries } } }, body);
    }
    const text = step.bytes === undefined ? textOf(body) : `{"pad":"${"x".repeat(step.bytes - 10)}"}`;
    const path = step.path ?? base?.path ?? "/";
    const answer = await exchange(this.#url, { method: step.method ?? "POST", path, headers, text });
    this.#keep(answer);
    return answer;
  }

  /** Follows `state:store`, or `Set-Cookie` where the edge is first-party. */
  #keep({ body, headers }: Answer): void {
    if (this.#firstParty) {
      for (const line of headers["set-cookie"] ?? []) {
        const [, name = "", value = ""] = /^([^=]+)=([^;]*)/.exec(line) ?? [];
        this.jar.set(name, value);
      }
      return;
    }
    const handles = isObject(body) && Array.isArray(body["handle"]) ? (body["handle"] as unknown[]) : [];
    for (const handle of handles) {
      if (!isObject(handle) || handle["type"] !== "state:store") continue;
      for (const { key, value } of handle["payload"] as { key: string; value: string }[])
        this.jar.set(key, value);
    }
  }
}

function recorded(name: string): {
  readonly path: string;
  readonly headers: Record<string, string>;
  readonly body: unknown;
} {
  const file = new URL(`recorded/${name}.json`, import.meta.url);
  return JSON.parse(readFileSync(file, "utf8")) as ReturnType<typeof recorded>;
}

function merge(base: unknown, change: unknown): unknown {
  if (change === undefined) return base;
  if (!isObject(base) || !isObject(change)) return change;
  const out: Record<string, unknown> = { ...base };
  for (const field in change) out[field] = merge(out[field], change[field]);
  return out;
}

function textOf(body: unknown): string {
  if (body === undefined) return "";
  const text = typeof body === "string" ? body : JSON.stringify(body);
  return text.replaceAll('"$now"', () => JSON.stringify(new Date().toISOString()));
}

function exchange(
  url: URL,
  given: {
    readonly method: string;
    readonly path: string;
    readonly headers: Record<string, string>;
    readonly text: string;
  },
): Promise<Answer> {
  const { method, path, headers, text } = given;
  const length =
    method === "GET" || method === "OPTIONS" ? {} : { "content-length": Buffer.byteLength(text) };
  return new Promise((resolve, reject) => {
    const sent = request(
      { host: url.hostname, port: url.port, method, path, headers: { ...length, ...headers }, agent: false },
      (response) => {
        const pieces: Buffer[] = [];
        response.on("data", (piece: Buffer) => pieces.push(piece));
        response.on("end", () => {
          const body = Buffer.concat(pieces).toString("utf8");
          resolve({
            status: response.statusCode ?? 0,
            headers: response.headers,
            text: body,
            body: parsed(body),
          });
        });
      },
    );
    sent.on("error", reject);
    sent.end(method === "GET" || method === "OPTIONS" ? undefined : text);
  });
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return undefined;
  }
}

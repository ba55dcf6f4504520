import type { DeliveryOutcome } from "./outcome.ts";

/** A secret by name. The value is looked up at the rim, when the request is performed, and never stands in a plan. */
export interface SecretReference {
  readonly secret: string;
}

/** A header as text, or as a secret with text before it (`{ prefix: "Bearer ", secret: "target-token" }`). */
export type HeaderValue = string | (SecretReference & { readonly prefix?: string });

/** Asks the rim to sign the body: the hex HMAC-SHA256 over it goes into `header`, after `prefix`. */
export interface RequestSignature {
  readonly scheme: "hmac-sha256";
  readonly header: string;
  readonly prefix?: string;
  readonly key: SecretReference;
}

/** One HTTP call. */
export interface HttpRequest {
  readonly kind: "http";
  /** Deterministic from what it carries; the idempotency key of the call. */
  readonly id: string;
  /** Ids of the batch's items that it carries, each once. */
  readonly items: readonly string[];
  readonly method: "GET" | "POST" | "PUT" | "PATCH" | "DELETE";
  /** Absolute; everything variable in it is percent-encoded. */
  readonly url: string;
  readonly headers: { readonly [name: string]: HeaderValue };
  readonly body?: string;
  /** How long the receiver may take to answer; the engine's default when absent. */
  readonly timeoutMs?: number;
  readonly signature?: RequestSignature;
}

/** Where a file goes. Transports live at the rim; here are only names and secret references. */
export type FileTarget =
  | { readonly kind: "local"; readonly folder: string }
  | {
      readonly kind: "sftp";
      readonly host: string;
      readonly port: number;
      readonly user: string;
      readonly credential:
        | { readonly kind: "password"; readonly password: SecretReference }
        | { readonly kind: "key"; readonly privateKey: SecretReference };
      readonly hostKeyFingerprint?: string;
      readonly folder: string;
    }
  | {
      readonly kind: "s3";
      readonly bucket: string;
      readonly region: string;
      readonly prefix: string;
      /** For S3-compatible servers. */
      readonly endpoint?: string;
      readonly accessKeyId: string;
      readonly secretAccessKey: SecretReference;
    }
  | {
      readonly kind: "azure-blob";
      readonly container: string;
      readonly prefix: string;
      readonly connectionString: SecretReference;
    };

/** One file to be written. Written under a temporary name and renamed, so that a reader never sees half of it. */
export interface FileRequest {
  readonly kind: "file";
  readonly id: string;
  /** Ids of the batch's items that have a row in this file, each once. */
  readonly items: readonly string[];
  readonly target: FileTarget;
  /** File name without folder, with its extension; an existing file of that name is replaced. */
  readonly name: string;
  readonly contentType: string;
  readonly encoding: "utf-8" | "utf-16";
  readonly compression: "none" | "gzip";
  /** The text, in pieces with their line ends. Iterated once a try, and gives the same each time. */
  readonly content: Iterable<string>;
}

/** Items whose outcome is known without a request: what cannot be told is refused here with its reason, never dropped. */
export interface SettledItems {
  readonly kind: "settled";
  readonly outcomes: readonly DeliveryOutcome[];
}

/** What `plan` gives. The requests of one plan are performed one after another, in order. */
export type PlannedRequest = HttpRequest | FileRequest | SettledItems;

/** What is written to logs about a request: where it goes and how much it carries, no person and no secret. */
export function describeRequest(request: PlannedRequest): string {
  switch (request.kind) {
    case "http":
      return `${request.method} ${originOf(request.url)} (${request.items.length} items, ${request.body?.length ?? 0} characters)`;
    case "file":
      return `file to ${request.target.kind} (${request.items.length} items)`;
    case "settled":
      return `settled without a request (${request.outcomes.length} items)`;
  }
}

/** Scheme and host alone: paths and queries may carry ids. */
function originOf(url: string): string {
  const end = url.indexOf("/", url.indexOf("://") + 3);
  const origin = end < 0 ? url : url.slice(0, end);
  return origin.slice(0, origin.search(/[?#]|$/)).replace(/\/\/[^@]*@/, "//");
}

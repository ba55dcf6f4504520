import { type HttpResponse, type RawResponse, retryAfterMs } from "./raw-response.ts";

/**
 * What became of one item. Whether it is tried again follows from the kind, never from a number or a text.
 * - `delivered`: the destination has it.
 * - `rejected`: it will never be taken as it is; goes to the dead letters with `code`.
 * - `retryable`: not taken now; tried again, not before `retryAfterMs`.
 * - `accepted`: taken into a job whose result is asked for later (`poll`).
 *
 * `code` is stable, dotted, and carries no personal data; `detail` is for the operator, none either.
 */
export type DeliveryOutcome =
  | {
      readonly kind: "delivered";
      readonly item: string;
      /** Of an audience's definition: what the destination calls it from now on. */
      readonly reference?: string;
    }
  | {
      readonly kind: "rejected";
      readonly item: string;
      readonly code: string;
      readonly detail?: string;
      /** The request was refused as a whole: its items are tried apart, so that only the bad ones are set aside. */
      readonly whole?: boolean;
    }
  | {
      readonly kind: "retryable";
      readonly item: string;
      readonly code: string;
      readonly retryAfterMs?: number;
      readonly detail?: string;
    }
  | { readonly kind: "accepted"; readonly item: string; readonly job: string };

/** An outcome before it is said of an item. */
export type ItemVerdict = DeliveryOutcome extends infer O
  ? O extends DeliveryOutcome
    ? Omit<O, "item">
    : never
  : never;

/** The same verdict for every item. */
export function forEveryItem(items: readonly string[], verdict: ItemVerdict): readonly DeliveryOutcome[] {
  return items.map((item) => ({ ...verdict, item }) as DeliveryOutcome);
}

/**
 * What an HTTP status means where the destination says nothing finer:
 * - 2xx: delivered.
 * - 408, 420, 425, 429 and 5xx (not 501, 505): retryable, with the server's `Retry-After`.
 * - 401, 403, 407: retryable, because credentials are to be mended and no record is at fault.
 * - 400, 413, 422: rejected as a whole request.
 * - all else: rejected.
 *
 * Codes are `http.<status>`.
 */
export function verdictOfStatus(response: HttpResponse): ItemVerdict {
  const { status } = response;
  if (status >= 200 && status < 300) return { kind: "delivered" };
  const code = `http.${status}`;
  if (!RETRIED.has(status) && !(status >= 500 && status !== 501 && status !== 505 && status < 600)) {
    return WHOLE.has(status) ? { kind: "rejected", code, whole: true } : { kind: "rejected", code };
  }
  const wait = retryAfterMs(response);
  return wait === undefined ? { kind: "retryable", code } : { kind: "retryable", code, retryAfterMs: wait };
}

const RETRIED = new Set([401, 403, 407, 408, 420, 425, 429]);
const WHOLE = new Set([400, 413, 422]);

/** The verdict on an answer of the wrong kind (a file's for a call, or the reverse): a broken transport, tried again. */
export function unexpectedResponse(response: RawResponse): ItemVerdict {
  return { kind: "retryable", code: "response.unexpected", detail: `a response of kind ${response.kind}` };
}

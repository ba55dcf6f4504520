/**
 * What an error does: `fatal` ends what it is about, the request (problem+json) or one of its events (`errors[]`, 207);
 * `warning` stands in `warnings[]` and ends nothing.
 */
type ErrorEffect = "fatal" | "warning";

/** One documented error of the edge: its HTTP status, a title that never changes, and what it does to the request. */
export interface ErrorDefinition {
  readonly status: number;
  readonly title: string;
  readonly effect: ErrorEffect;
}

/** Every error the edge can answer. The code and its status make the type `…/EXEG-0003-400`. */
export const EDGE_ERRORS = {
  "EXEG-0000": { status: 503, title: "The service is unavailable", effect: "fatal" },
  "EXEG-0001": { status: 500, title: "Unexpected error", effect: "fatal" },
  "EXEG-0002": { status: 400, title: "Missing datastream ID", effect: "fatal" },
  "EXEG-0003": { status: 400, title: "Invalid datastream ID", effect: "fatal" },
  "EXEG-0004": { status: 422, title: "The datastream is disabled", effect: "fatal" },
  "EXEG-0101": { status: 400, title: "Malformed JSON", effect: "fatal" },
  "EXEG-0102": { status: 400, title: "Invalid type of a field", effect: "fatal" },
  "EXEG-0103": { status: 400, title: "Missing field", effect: "fatal" },
  "EXEG-0105": { status: 404, title: "Unknown path", effect: "fatal" },
  "EXEG-0106": { status: 400, title: "Invalid Content-Type header", effect: "fatal" },
  "EXEG-0107": { status: 400, title: "Invalid parameter", effect: "fatal" },
  "EXEG-0108": { status: 405, title: "Method not allowed", effect: "fatal" },
  "EXEG-0109": { status: 408, title: "Empty or unfinished request body", effect: "fatal" },
  "EXEG-0111": { status: 415, title: "Unsupported media type", effect: "fatal" },
  "EXEG-0112": { status: 413, title: "Request body too large", effect: "fatal" },
  "EXEG-0113": { status: 400, title: "Invalid configuration override", effect: "fatal" },
  "EXEG-0301": { status: 200, title: "No consent: the events were ignored", effect: "warning" },
  "EXEG-0303": { status: 200, title: "This namespace cannot be fetched", effect: "warning" },
  "EXEG-0304": { status: 400, title: "Unexpected identities", effect: "fatal" },
  "EXEG-0305": { status: 400, title: "Invalid identity", effect: "fatal" },
  "EXEG-0306": { status: 400, title: "No primary identity on the event", effect: "fatal" },
  "EXEG-0308": { status: 200, title: "The identity cookie was not accepted", effect: "warning" },
  "EXEG-0429": { status: 429, title: "Too many requests", effect: "fatal" },
  "EXEG-0500": { status: 401, title: "Missing authorization", effect: "fatal" },
  "EXEG-0501": { status: 401, title: "Invalid access token", effect: "fatal" },
  "EXEG-0503": { status: 401, title: "The organisation does not own this datastream", effect: "fatal" },
} as const satisfies Record<string, ErrorDefinition>;

/** A code of `EDGE_ERRORS`. */
type EdgeErrorCode = keyof typeof EDGE_ERRORS;

/** One error with the words for this request. `detail` names what was expected and what came, never personal data. */
export interface EdgeError {
  readonly code: EdgeErrorCode;
  readonly detail: string;
  /** The event of the request it concerns, from 0. */
  readonly eventIndex?: number;
  /** Seconds after which trying again makes sense; becomes `Retry-After`. */
  readonly retryAfterSeconds?: number;
}

/** An error as the protocol writes it, in problem+json and in `errors[]` and `warnings[]` alike. */
export interface ProblemBody {
  readonly type: string;
  readonly status: number;
  readonly title: string;
  readonly detail: string;
  readonly eventIndex?: number;
}

/** The protocol form of an error. */
export function problemBody(error: EdgeError): ProblemBody {
  const { status, title } = EDGE_ERRORS[error.code];
  const body = {
    type: `https://ns.adobe.com/aep/errors/${error.code}-${status}`,
    status,
    title,
    detail: error.detail,
  };
  return error.eventIndex === undefined ? body : { ...body, eventIndex: error.eventIndex };
}

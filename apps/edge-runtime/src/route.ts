/** What a path asks for. */
export type EdgeAction =
  | "v1/interact"
  | "v2/interact"
  | "v1/collect"
  | "v2/collect"
  | "acquire"
  | "set-consent"
  | "delivery"
  | "aam-event"
  | "aam-id"
  | "aam-opt-out"
  | "artifact"
  | "projections"
  | "health";

/** A path taken apart. `hint` is the location hint it carried, `query` the parameters. */
export interface Route {
  readonly action: EdgeAction;
  /** The client code an artifact is asked for. */
  readonly client?: string;
  /** The property an artifact is asked for; all without it. */
  readonly property?: string;
  readonly hint?: string;
  readonly query: URLSearchParams;
}

const FIXED: Readonly<Record<string, EdgeAction>> = {
  "/rest/v1/delivery": "delivery",
  "/event": "aam-event",
  "/id": "aam-id",
  "/demoptout.jpg": "aam-opt-out",
  "/internal/projections": "projections",
  "/healthz": "health",
};

const ACTIONS: Readonly<Record<string, EdgeAction>> = {
  "v1/interact": "v1/interact",
  "v2/interact": "v2/interact",
  "v1/collect": "v1/collect",
  "v2/collect": "v2/collect",
  "v1/identity/acquire": "acquire",
  "v2/identity/acquire": "acquire",
  "v1/privacy/set-consent": "set-consent",
  "v2/privacy/set-consent": "set-consent",
};

const ARTIFACT = /^\/([A-Za-z0-9_-]{1,64})\/[a-z0-9-]{1,32}\/v1\/(?:([A-Za-z0-9_-]{1,128})\/)?rules\.json$/;
const HINT = /^[a-z][a-z0-9]{1,7}$/;

/**
 * Reads `/{base}/[hint/][va/]{version}/{action}` and the fixed paths. A hint of another region is served like one's
 * own (the answer names the right one), so a client that moved is never refused.
 */
export function parseRoute(target: string, basePath: string): Route | undefined {
  const mark = target.indexOf("?");
  const path = mark < 0 ? target : target.slice(0, mark);
  const query = new URLSearchParams(mark < 0 ? "" : target.slice(mark + 1));
  const fixed = Object.hasOwn(FIXED, path) ? FIXED[path] : undefined;
  if (fixed !== undefined) return { action: fixed, query };
  const prefix = `/${basePath}/`;
  if (!path.startsWith(prefix)) {
    const [, client, property] = ARTIFACT.exec(path) ?? [];
    if (client === undefined) return undefined;
    return { action: "artifact", client, query, ...(property !== undefined && { property }) };
  }
  let rest = path.slice(prefix.length);
  let hint: string | undefined;
  const first = rest.slice(0, Math.max(0, rest.indexOf("/")));
  if (first !== "v1" && first !== "v2" && HINT.test(first)) {
    hint = first;
    rest = rest.slice(first.length + 1);
    if (rest.startsWith("va/")) rest = rest.slice(3);
  }
  const action = Object.hasOwn(ACTIONS, rest) ? ACTIONS[rest] : undefined;
  if (action === undefined) return undefined;
  return hint === undefined ? { action, query } : { action, hint, query };
}

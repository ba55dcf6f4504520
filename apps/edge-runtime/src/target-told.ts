import { formatInstant, type IdentityKey, identityOfKey, type JsonObject } from "@tessera/xdm";
import type { Edge } from "./edge.ts";
import type { ForwardEntry } from "./hub-link.ts";

/** What one Target destination was told of a person. */
export interface TargetTold {
  readonly destinationId: string;
  readonly audienceIds: readonly string[];
  /** By target name. */
  readonly attributes: JsonObject;
}

/** Visitors whose last word is remembered; who is forgotten is told of once more. */
const REMEMBERED = 10_000;
const memories = new WeakMap<Edge, Map<string, string>>();

/**
 * Has the hub log what Target just learnt of a visitor: audiences, and names of attributes without their values. Told
 * again only when it differs from the last time, so that a visit of many pages is one line.
 */
export async function logTold(
  edge: Edge,
  visitor: { readonly key: IdentityKey; readonly orderKey?: string | undefined; readonly now: number },
  told: readonly TargetTold[],
): Promise<void> {
  const { key, orderKey = key, now } = visitor;
  const entries = told
    .filter((one) => isNews(edge, key, one))
    .map(({ destinationId, audienceIds, attributes }): ForwardEntry => {
      const body = {
        identity: { ...identityOfKey(key) },
        at: formatInstant(now),
        audienceIds,
        attributes: Object.keys(attributes),
      };
      return { kind: "told", datasetId: destinationId, orderKey, body };
    });
  if (entries.length === 0) return;
  await edge.hub.forward(entries).catch(() => {
    const detail = "What Target was told could not be kept for the hub's log.";
    edge.notice({ level: "error", event: "target.told", detail });
  });
}

function isNews(edge: Edge, key: IdentityKey, { destinationId, ...told }: TargetTold): boolean {
  let memory = memories.get(edge);
  if (memory === undefined) memories.set(edge, (memory = new Map()));
  const place = `${key}\n${destinationId}`;
  const before = memory.get(place);
  const isNothing = told.audienceIds.length === 0 && Object.keys(told.attributes).length === 0;
  if (before === undefined && isNothing) return false;
  const now = JSON.stringify(told);
  if (before === now) return false;
  memory.delete(place);
  memory.set(place, now);
  const [oldest] = memory.keys();
  if (memory.size > REMEMBERED && oldest !== undefined) memory.delete(oldest);
  return true;
}

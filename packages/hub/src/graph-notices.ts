import { type Graph, graphSize, type LinkingRules } from "@tessera/identity-graph";
import { identityOfKey } from "@tessera/xdm";
import type { EventItem, ItemNotice, RecordItem } from "./ingest-batch.ts";
import type { Resolution } from "./resolve-persons.ts";

/** What the one who sent an item has to know of the graph it grew, by item. */
export type GraphNotices = ReadonlyMap<EventItem | RecordItem, readonly ItemNotice[]>;

/**
 * Warns of graphs that came near their cap, and tells which kinds of identities left a full one: too many identities of one
 * person mostly mean a value that many share. Names namespaces, never values.
 */
export function graphNotices(resolutions: readonly Resolution[], rules: LinkingRules): GraphNotices {
  const notices = new Map<EventItem | RecordItem, ItemNotice[]>();
  const say = (item: EventItem | RecordItem, code: string, message: string): void => {
    notices.set(item, [...(notices.get(item) ?? []), { index: item.index, code, message }]);
  };
  for (const { graph, sources, events, records } of resolutions) {
    const last = records.at(-1) ?? events.at(-1);
    if (last === undefined) continue;
    const { size, cap, isNearCap } = graphSize(graph, rules);
    if (isNearCap && sources.every((source) => source.identities.length < size)) {
      const message = `The identity graph of this person has ${size} of at most ${cap} identities; beyond that the oldest leave, cookies first. Look for a value that many people share, and block it.`;
      say(last, "identity.nearCap", message);
    }
    if (graph.removed.length === 0) continue;
    for (const item of [...events, ...records]) {
      const namespaces = whoLeft(graph, item);
      if (namespaces.length === 0) continue;
      const message = `The identity graph of this person was full (${cap}); to make room an identity left it, of: ${namespaces.join(", ")}. Its links stand among the removed ones, with the reason.`;
      say(item, "identity.left", message);
    }
  }
  return notices;
}

/** The namespaces of the identities that had to leave a graph because of an item. */
function whoLeft({ removed }: Graph, { id }: EventItem | RecordItem): readonly string[] {
  const left = new Set<string>();
  for (const { reason } of removed) {
    if (reason.rule === "cap" && reason.at.key === id) left.add(identityOfKey(reason.identity).namespace);
  }
  return [...left].sort();
}

import type { OutboxItem, OutboxSource } from "@tessera/destinations";
import { emptyCommit, type HubStore } from "@tessera/profile-store";
import { parseInstant } from "@tessera/xdm";
import { jsonObjectOf } from "../documents.ts";

/** The outbox of a hub's store as delivery reads it; `note` is told of every item that is read. */
export function outboxSource(
  store: HubStore,
  note: (item: OutboxItem) => void = () => undefined,
): OutboxSource {
  return {
    read: async (destinationId, after, limit) =>
      (await store.outbox(destinationId, after, limit)).map(({ sequence, body }) => {
        const item = body as unknown as OutboxItem;
        note(item);
        return { sequence, item };
      }),
    append: async (items) => {
      const outbox = items.map((item) => {
        const at = parseInstant(item.enqueuedAt);
        const { id, destinationId, lanes } = item;
        return {
          id,
          destinationId,
          personId: lanes[0] ?? "",
          at: at.ok ? at.value : 0,
          body: jsonObjectOf(item),
        };
      });
      await store.commit({ ...emptyCommit, outbox });
    },
    acknowledge: (ids) => store.acknowledge(ids),
  };
}

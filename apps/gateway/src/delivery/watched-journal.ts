import type { DeliveryJournal } from "@tessera/destinations";
import { parseInstant } from "@tessera/xdm";

/** A journal that tells of each delivered item how many seconds passed from its outbox entry to the destination's answer. */
export function watchedJournal(
  journal: DeliveryJournal,
  onDelivered: (destinationId: string, seconds: number) => void,
): DeliveryJournal {
  return {
    ...journal,
    record: async (finished) => {
      await journal.record(finished);
      for (const { item, at, outcome } of finished) {
        const [from, to] = [parseInstant(item.enqueuedAt), parseInstant(at)];
        if (outcome.kind === "delivered" && from.ok && to.ok)
          onDelivered(item.destinationId, Math.max(0, to.value - from.value) / 1_000);
      }
    },
  };
}

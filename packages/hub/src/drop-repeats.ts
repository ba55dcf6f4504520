import { fragmentKey, isRepeat, type Neighbourhood, type StoredRecord } from "@tessera/profile-store";
import { canonicalJson } from "@tessera/xdm";
import type { EventItem, RecordItem } from "./ingest-batch.ts";

/**
 * The items of a batch that say something new: events not stored yet, records that change their fragment or name an
 * identity that is not with the others yet. The same batch twice therefore changes nothing the second time.
 */
export function dropRepeats(
  items: readonly (EventItem | RecordItem)[],
  neighbourhood: Neighbourhood,
): readonly (EventItem | RecordItem)[] {
  const events = new Set(neighbourhood.knownEvents);
  const records = new Map<string, string>();
  return items.filter((item) => {
    if (item.kind === "event") {
      if (events.has(item.id)) return false;
      events.add(item.id);
      return true;
    }
    const key = fragmentKey(item.datasetId, item.owner);
    const said = `${item.operation}\n${item.keys.join("\n")}\n${canonicalJson(item.body)}`;
    const before = records.get(key);
    records.set(key, said);
    return before === undefined ? !isKnown(item, neighbourhood) : before !== said;
  });
}

function isKnown(item: RecordItem, { personOf, persons }: Neighbourhood): boolean {
  const personId = personOf.get(item.owner);
  const person = personId === undefined ? undefined : persons.get(personId);
  if (person === undefined || !item.keys.every((key) => personOf.get(key) === personId)) return false;
  const fragment = person.fragments.find(
    ({ datasetId, owner }) => datasetId === item.datasetId && owner === item.owner,
  );
  const record: Pick<StoredRecord, "operation" | "body"> = item;
  return isRepeat(fragment, record);
}

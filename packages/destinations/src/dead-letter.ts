import { digest } from "@tessera/xdm";
import type { ActivationItem } from "./activation-batch.ts";
import type { DeadLetter, DeadLetterQuery, DeadLetters, DeliveryLog, OutboxItem } from "./outbox.ts";

/** What to replay, and how to mend it. */
export interface ReplayRequest {
  readonly query: DeadLetterQuery;
  /** Mends one item; `undefined` leaves it where it is. Without it, items go again as they are. */
  readonly fix?: (item: ActivationItem, letter: DeadLetter) => ActivationItem | undefined;
  /** ISO 8601. */
  readonly now: string;
}

/** What became of the dead letters asked for, by item id. */
export interface ReplayReport {
  readonly replayed: readonly string[];
  /** Nothing left to say: the destination was told something newer since. They leave the dead letters. */
  readonly superseded: readonly string[];
  /** `fix` left them. */
  readonly left: readonly string[];
}

/** Letters made ready to be told again: what to tell, and what became of each. */
export interface MendedLetters {
  readonly report: ReplayReport;
  readonly items: readonly OutboxItem[];
}

/**
 * Makes dead letters ready to be told again, under new ids; nothing is changed yet. An entry or exit about which the
 * destination was told something later is left out, so that a replay never turns back what happened since.
 */
export async function mendDeadLetters(
  store: DeadLetters & DeliveryLog,
  request: ReplayRequest,
): Promise<MendedLetters> {
  const letters = await store.deadLetters(request.query);
  const report = { replayed: [] as string[], superseded: [] as string[], left: [] as string[] };
  const items: OutboxItem[] = [];
  for (const letter of letters) {
    const { id } = letter.item;
    const fixed = fixedItem(letter, request.fix);
    const current = fixed && (await withoutSuperseded(fixed, letter, store));
    if (!fixed) report.left.push(id);
    else if (!current) report.superseded.push(id);
    else {
      report.replayed.push(id);
      items.push(again(current, letter, request.now));
    }
  }
  return { report, items };
}

/** Sends dead letters to their destination again, and to no other, by its outbox; see `mendDeadLetters`. */
export async function replayDeadLetters(
  store: DeadLetters & DeliveryLog,
  request: ReplayRequest,
): Promise<ReplayReport> {
  const { report, items } = await mendDeadLetters(store, request);
  const gone = [...report.replayed, ...report.superseded];
  if (gone.length > 0) await store.replaceDeadLetters(request.query.destinationId, gone, items);
  return report;
}

function fixedItem({ item, ...letter }: DeadLetter, fix: ReplayRequest["fix"]): OutboxItem | undefined {
  if (item.payload.kind !== "profile" || !fix) return item;
  const mended = fix(item.payload.item, { item, ...letter });
  return mended && { ...item, payload: { kind: "profile", item: mended } };
}

async function withoutSuperseded(
  item: OutboxItem,
  letter: DeadLetter,
  log: DeliveryLog,
): Promise<OutboxItem | undefined> {
  if (item.payload.kind !== "profile" || item.payload.item.changes.length === 0) return item;
  const told = await log.deliveries({
    personIds: item.lanes,
    destinationId: item.destinationId,
    limit: 1000,
  });
  const newer = new Set(
    told
      .filter(
        ({ outcome, at, dataflowId }) =>
          outcome !== "rejected" && at >= letter.at && dataflowId === item.dataflowId,
      )
      .flatMap(({ changes }) => changes.map(({ namespace, audienceId }) => `${namespace}\n${audienceId}`)),
  );
  const changes = item.payload.item.changes.filter((c) => !newer.has(`${c.namespace}\n${c.audienceId}`));
  if (changes.length === 0) return undefined;
  return { ...item, payload: { kind: "profile", item: { ...item.payload.item, changes } } };
}

/** A new item with a new id, at the end of its lanes: the old id is done with. */
function again(item: OutboxItem, letter: DeadLetter, now: string): OutboxItem {
  const id = digest(`${letter.item.id}\nreplay\n${letter.at}`);
  const payload: OutboxItem["payload"] =
    item.payload.kind === "profile"
      ? { kind: "profile", item: { ...item.payload.item, id } }
      : { kind: "audience", item: { ...item.payload.item, id } };
  return { ...item, id, enqueuedAt: now, payload };
}

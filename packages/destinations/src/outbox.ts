import { digest } from "@tessera/xdm";
import type { ActivationItem, AudienceChange, AudienceDefinitionChange } from "./activation-batch.ts";
import type { AcceptedJob } from "./definition.ts";

/** What one outbox item tells: something about a person, or about an audience's definition. */
export type OutboxPayload =
  | { readonly kind: "profile"; readonly item: ActivationItem }
  | { readonly kind: "audience"; readonly item: AudienceDefinitionChange };

/** One thing to tell one destination. Written in the same transaction as the change that causes it. */
export interface OutboxItem {
  /** Deterministic idempotency key; the same as `payload.item.id`. */
  readonly id: string;
  readonly destinationId: string;
  readonly dataflowId: string;
  /**
   * What it must keep its order with: an item waits for every earlier item of its destination that shares a lane.
   * The person's id; after a merge or a split the ids of all persons involved; `audience:<id>` for definitions.
   */
  readonly lanes: readonly string[];
  /** ISO 8601. */
  readonly enqueuedAt: string;
  readonly payload: OutboxPayload;
}

/** An item lent to one worker until `leasedUntil`; afterwards anyone may take it. */
export interface LeasedItem extends OutboxItem {
  /** Tries already made. */
  readonly attempts: number;
}

/** Asks for items of one destination that nothing earlier holds up. Times are ISO 8601. */
export interface LeaseRequest {
  readonly destinationId: string;
  readonly worker: string;
  readonly max: number;
  readonly now: string;
  readonly leasedUntil: string;
}

/** What a worker says of an item it holds. */
export type Settlement =
  | {
      readonly kind: "delivered";
      readonly id: string;
      readonly at: string;
      /** What the destination calls the audience whose definition this was. */
      readonly reference?: string;
    }
  | {
      readonly kind: "retry";
      readonly id: string;
      readonly at: string;
      readonly code: string;
      readonly notBefore: string;
    }
  | {
      readonly kind: "dead";
      readonly id: string;
      readonly at: string;
      readonly code: string;
      readonly detail?: string;
    }
  | {
      readonly kind: "accepted";
      readonly id: string;
      readonly at: string;
      readonly job: string;
      readonly checkAt: string;
    }
  /** Given back: the next lease may take it, not before `notBefore`. Counts no attempt. */
  | { readonly kind: "released"; readonly id: string; readonly at: string; readonly notBefore: string };

/** How much waits at a destination. */
export interface Backlog {
  /** Not finished: waiting, held up, lent, or in an accepted job. */
  readonly waiting: number;
  /** Could be leased now. */
  readonly ready: number;
  /** When the oldest of the ready was enqueued. */
  readonly oldestReadyAt?: string;
  /** Size of the ready as JSON in bytes, roughly; where it was asked for. */
  readonly readyBytes?: number;
}

/**
 * PORT. Items to deliver, durable and ordered. Laws, shown by `outboxCases`:
 * - an id is taken once; appending it again, also after it was delivered, changes nothing;
 * - a lease gives only items with no earlier unfinished item in any of their lanes, oldest first;
 * - an item is lent to one worker at a time; when a lease runs out the item is ready again, with one attempt more, so
 *   that a record that kills its workers ends in the dead letters;
 * - a settlement by a worker that no longer holds the item changes nothing;
 * - a settlement, its log entry and its dead letter are one transaction.
 */
export interface Outbox {
  append(items: readonly OutboxItem[]): Promise<void>;
  lease(request: LeaseRequest): Promise<readonly LeasedItem[]>;
  /** The ids that the worker still held and that were settled. */
  settle(
    destinationId: string,
    worker: string,
    settlements: readonly Settlement[],
  ): Promise<readonly string[]>;
  /** `measured` asks for the size too. */
  backlog(destinationId: string, now: string, measured?: boolean): Promise<Backlog>;
  /** Jobs of the destination whose `checkAt` has come, lent to the worker until `leasedUntil`, which then owns their items. */
  dueJobs(request: Omit<LeaseRequest, "max">): Promise<readonly AcceptedJob[]>;
  /** While paused, leases and due jobs are empty. `undefined` resumes. */
  setPause(destinationId: string, pause: Pause | undefined): Promise<void>;
  pauseOf(destinationId: string): Promise<Pause | undefined>;
  /** What a destination calls the audiences that it keeps definitions of, by `audienceKey`; gone with their removal. */
  references(destinationId: string): Promise<ReadonlyMap<string, string>>;
}

/** Why and since when (ISO 8601) a destination is told nothing. */
export interface Pause {
  readonly at: string;
  readonly reason: string;
}

/** One record that a destination will not get as it is, with its reason. */
export interface DeadLetter {
  readonly item: OutboxItem;
  readonly at: string;
  readonly code: string;
  readonly detail?: string;
  readonly attempts: number;
}

/** Which dead letters; all conditions given must hold. Oldest first, at most `limit`, after the item `after`. */
export interface DeadLetterQuery {
  readonly destinationId: string;
  readonly ids?: readonly string[];
  readonly codes?: readonly string[];
  readonly dataflowId?: string;
  /** About a person under any of these ids. */
  readonly personIds?: readonly string[];
  readonly since?: string;
  readonly after?: string;
  readonly limit: number;
}

/** PORT. Records set aside. */
export interface DeadLetters {
  deadLetters(query: DeadLetterQuery): Promise<readonly DeadLetter[]>;
  /** Removes letters and appends what replaces them, in one transaction. Unknown ids are passed over. */
  replaceDeadLetters(destinationId: string, ids: readonly string[], by: readonly OutboxItem[]): Promise<void>;
}

/** One line of the delivery log: who was told what, and when. Field names, no attribute values. */
export interface DeliveryLogEntry {
  readonly itemId: string;
  readonly destinationId: string;
  readonly dataflowId: string;
  readonly personId: string;
  /** ISO 8601. */
  readonly at: string;
  readonly outcome: "delivered" | "accepted" | "rejected";
  readonly code?: string;
  readonly changes: readonly AudienceChange[];
  /** Target fields whose values were sent. */
  readonly attributes: readonly string[];
  /** Namespaces of the identities that were sent. */
  readonly namespaces: readonly string[];
}

/** Whose log: a person under all the ids it has had. Newest first, at most `limit`. */
export interface DeliveryLogQuery {
  readonly personIds: readonly string[];
  readonly destinationId?: string;
  /** ISO 8601; entries before it. */
  readonly before?: string;
  readonly limit: number;
}

/** PORT. What each destination was told of a person. */
export interface DeliveryLog {
  deliveries(query: DeliveryLogQuery): Promise<readonly DeliveryLogEntry[]>;
}

/** One item that was told without passing the outbox: a row of a file. */
export interface FinishedItem {
  readonly item: OutboxItem;
  readonly at: string;
  readonly outcome:
    | { readonly kind: "delivered"; readonly reference?: string }
    | { readonly kind: "rejected"; readonly code: string; readonly detail?: string };
}

/** All that a store keeps for delivery. */
export interface DeliveryStore extends Outbox, DeadLetters, DeliveryLog {
  /**
   * Writes log lines, and dead letters for what was rejected, of items that did not pass the outbox. Of a row that comes
   * again with every export (`rowKey`) only the last word counts: one letter, and none once it was written.
   */
  record(finished: readonly FinishedItem[]): Promise<void>;
}

/** What the rows that exports write of one person and audience have in common; `undefined` for items of other kinds. */
export function rowKey({ dataflowId, payload }: OutboxItem): string | undefined {
  if (payload.kind !== "profile" || payload.item.trigger !== "schedule") return undefined;
  const { personId, changes } = payload.item;
  const [change] = changes;
  return change && digest([dataflowId, change.namespace, change.audienceId, personId].join("\n"));
}

/** The person an item tells about; `undefined` for audience definitions. */
export function personOf(item: OutboxItem): string | undefined {
  return item.payload.kind === "profile" ? item.payload.item.personId : undefined;
}

/** The log line of a finished profile item; `undefined` for audience definitions. */
export function logEntry(
  item: OutboxItem,
  at: string,
  outcome: { readonly kind: DeliveryLogEntry["outcome"]; readonly code?: string },
): DeliveryLogEntry | undefined {
  if (item.payload.kind !== "profile") return undefined;
  const { personId, changes, attributes, identities } = item.payload.item;
  return {
    itemId: item.id,
    destinationId: item.destinationId,
    dataflowId: item.dataflowId,
    personId,
    at,
    outcome: outcome.kind,
    ...(outcome.code !== undefined && { code: outcome.code }),
    changes,
    attributes: Object.keys(attributes).filter((name) => attributes[name] !== undefined),
    namespaces: namespacesOf(identities),
  };
}

function namespacesOf(identities: ActivationItem["identities"]): readonly string[] {
  const [only] = identities;
  if (identities.length === 1 && only) return [only.namespace];
  return [...new Set(identities.map(({ namespace }) => namespace))];
}

import { checkEvent, checkRecord, isRefused, type LimitCheck, type Limits } from "@tessera/guardrails";
import {
  eventPrimary,
  type GraphDecision,
  graphIdentities,
  type LinkingRules,
  type NamespaceRegistry,
  normalIdentity,
  validateIdentities,
} from "@tessera/identity-graph";
import {
  COMPUTED_DATASET,
  type Dataset,
  type QuarantinedItem,
  type RecordOperation,
  type SchemaCheck,
} from "@tessera/profile-store";
import {
  compareKeys,
  contentId,
  type ExperienceEvent,
  type Identity,
  type IdentityItem,
  identityKey,
  type IdentityKey,
  type Issue,
  isObject,
  type JsonObject,
  parseEvent,
  parseIdentityMap,
  parseInstant,
  parseRecord,
} from "@tessera/xdm";
import { freePrimary } from "./event-owner.ts";
import { keptOperation, NOT_KEPT, quarantinedItem } from "./quarantine-item.ts";

/** An event that passed the door. */
export interface EventItem {
  readonly kind: "event";
  readonly index: number;
  readonly id: string;
  readonly datasetId: string;
  readonly at: number;
  readonly identities: readonly Identity[];
  readonly keys: readonly IdentityKey[];
  readonly owner: IdentityKey;
  readonly body: ExperienceEvent;
}

/** A record that passed the door. */
export interface RecordItem {
  readonly kind: "record";
  readonly index: number;
  /** Names the observation of its identities: equal content, equal id. */
  readonly id: string;
  readonly datasetId: string;
  readonly identities: readonly Identity[];
  readonly keys: readonly IdentityKey[];
  readonly owner: IdentityKey;
  readonly operation: RecordOperation;
  readonly body: JsonObject;
}

/** One thing said about one item of a batch: why it was refused, or what was left out of it. */
export interface ItemNotice {
  readonly index: number;
  readonly code: string;
  readonly message: string;
}

/** A batch after the door: what goes on, what was refused and why, what was left out of items that live. */
export interface ParsedBatch {
  readonly items: readonly (EventItem | RecordItem)[];
  readonly rejected: readonly ItemNotice[];
  readonly warnings: readonly ItemNotice[];
  readonly quarantine: readonly QuarantinedItem[];
}

/** What the door is guarded by. */
export interface Door {
  readonly dataset: Dataset;
  /** The schema of the dataset, when it has one. */
  readonly check: SchemaCheck | undefined;
  readonly rules: LinkingRules;
  readonly decisions: readonly GraphDecision[];
  readonly registry: NamespaceRegistry;
  readonly limits: Limits;
  readonly now: number;
  /** Counts equal events without an id over one import, so that each becomes an event of its own. */
  readonly occurrences: Map<string, number>;
  /** Whether data of this time (ms) about these identities stays out: they were deleted. */
  readonly isSuppressed: (identities: readonly Identity[], time: number) => boolean;
  /** The row of a file that an item was mapped from; a refused item lies in quarantine as that. */
  readonly rowAt?: ((index: number) => unknown) | undefined;
}

/** Reads a batch of events: parsed, identified, sized. Nothing valid beside a bad item is lost. */
export function parseEvents(inputs: readonly unknown[], door: Door): ParsedBatch {
  return parseBatch(inputs, door, {
    kind: "event",
    parse: (input, index, warnings) => parseEventItem(input, index, { door, warnings }),
  });
}

/** Reads a batch of records; `operation` says what they do to the fragments they name. */
export function parseRecords(
  inputs: readonly unknown[],
  door: Door,
  operation: RecordOperation,
): ParsedBatch {
  return parseBatch(inputs, door, {
    kind: "record",
    operation,
    parse: (input, index, warnings) => parseRecordItem(input, index, { door, operation, warnings }),
  });
}

const SUPPRESSED: Issue = {
  code: "privacy.suppressed",
  message: "This is about someone who was deleted, from before the deletion. It is not kept.",
};
const COMPUTED_FIELD: Issue = {
  code: "record.computed",
  path: [COMPUTED_DATASET],
  expected: "neither a field nor a dataset of this name",
  came: "a record of one",
  message: `${COMPUTED_DATASET}: expected neither a field nor a dataset of this name, got a record of one. It is worked out of events: leave it out.`,
};
const EXPIRED = "event.expired";
const DAY = 86_400_000;

/** Whether a refused item names someone who was deleted: it may be from before that. */
function isOfSuppressed(input: unknown, door: Door): boolean {
  if (!isObject(input)) return false;
  const { identities } = parseIdentityMap(input["identityMap"]);
  const all = [...identities, ...declared(input as JsonObject, door.dataset, identities)];
  const named = all.map((identity) => normalIdentity(identity, door.registry));
  return door.isSuppressed(named, -Infinity);
}

/** What the items of a batch are, and how one of them is read. */
interface BatchKind {
  readonly kind: "event" | "record";
  readonly operation?: RecordOperation;
  readonly parse: (
    input: unknown,
    index: number,
    warnings: ItemNotice[],
  ) => { readonly item: EventItem | RecordItem } | { readonly issue: Issue };
}

function parseBatch(inputs: readonly unknown[], door: Door, batch: BatchKind): ParsedBatch {
  const { kind, operation, parse } = batch;
  const { id: datasetId, kind: holds } = door.dataset;
  const misplaced = (kind === "event") === (holds === "event") ? undefined : wrongKind(door.dataset);
  const items: (EventItem | RecordItem)[] = [];
  const rejected: ItemNotice[] = [];
  const warnings: ItemNotice[] = [];
  const quarantine: QuarantinedItem[] = [];
  inputs.forEach((input, index) => {
    const parsed = misplaced === undefined ? parse(input, index, warnings) : { issue: misplaced };
    if ("item" in parsed) {
      items.push(parsed.item);
      return;
    }
    const { code, message } = parsed.issue;
    rejected.push({ index, code, message });
    // What may not be kept is not kept in quarantine either.
    if (NOT_KEPT.has(code) || isOfSuppressed(input, door)) return;
    const about = { datasetId, kind, code, message, at: door.now, ...keptOperation(operation) };
    const row = door.rowAt?.(index);
    quarantine.push(
      row === undefined ? quarantinedItem(input, about) : quarantinedItem(row, { ...about, isRow: true }),
    );
  });
  return { items, rejected, warnings, quarantine };
}

function parseEventItem(
  input: unknown,
  index: number,
  { door, warnings }: { readonly door: Door; readonly warnings: ItemNotice[] },
): { readonly item: EventItem } | { readonly issue: Issue } {
  const event = parseEvent(input);
  if (!event.ok) return { issue: event.error };
  const beyond = weigh(checkEvent(event.value, door.limits), index, warnings);
  if (beyond !== undefined) return { issue: beyond };
  const [violation] = door.check?.(event.value) ?? [];
  if (violation !== undefined) return { issue: violation };
  const identities = identify(event.value, index, { door, warnings });
  if ("issue" in identities) return identities;
  const { dataset, occurrences } = door;
  const instant = parseInstant(event.value.timestamp);
  const at = instant.ok ? instant.value : door.now;
  if (door.isSuppressed(identities.items, at)) return { issue: SUPPRESSED };
  const days = dataset.eventExpirationDays;
  if (days !== undefined && at < door.now - days * DAY) {
    const message = `Events of ${dataset.id} expire after ${days} days; this one is older. It is not kept.`;
    return { issue: { code: EXPIRED, path: ["timestamp"], message } };
  }
  const primary = freePrimary(identities.items, door) ?? identities.items[0];
  if (primary === undefined) return { issue: noIdentity(dataset) };
  let id = event.value._id;
  if (id === undefined) {
    const first = contentId(dataset.id, event.value, 0);
    const occurrence = occurrences.get(first) ?? 0;
    occurrences.set(first, occurrence + 1);
    id = occurrence === 0 ? first : contentId(dataset.id, event.value, occurrence);
  }
  const body = (event.value._id === id ? event.value : { ...event.value, _id: id }) as ExperienceEvent;
  const { identities: own, keys, owner } = named(identities.items, primary);
  return {
    item: { kind: "event", index, id, datasetId: dataset.id, at, identities: own, keys, owner, body },
  };
}

/** The edge region that an event came through. */
export function regionOf(body: JsonObject): string | undefined {
  const context = body["_tessera"];
  return isObject(context) && typeof context["region"] === "string" ? context["region"] : undefined;
}

function parseRecordItem(
  input: unknown,
  index: number,
  context: { readonly door: Door; readonly operation: RecordOperation; readonly warnings: ItemNotice[] },
): { readonly item: RecordItem } | { readonly issue: Issue } {
  const { door, operation } = context;
  const record = parseRecord(input);
  if (!record.ok) return { issue: record.error };
  if (record.value[COMPUTED_DATASET] !== undefined || door.dataset.id === COMPUTED_DATASET)
    return { issue: COMPUTED_FIELD };
  const beyond = weigh(checkRecord(record.value, door.limits), index, context.warnings);
  if (beyond !== undefined) return { issue: beyond };
  const [violation] = operation === "delete" ? [] : (door.check?.(record.value) ?? []);
  if (violation !== undefined) return { issue: violation };
  const identities = identify(record.value, index, context);
  if ("issue" in identities) return identities;
  if (door.isSuppressed(identities.items, door.now)) return { issue: SUPPRESSED };
  const marked = identities.items.find((item) => item.primary);
  const primary = marked ?? eventPrimary(identities.items, door.rules) ?? identities.items[0];
  if (primary === undefined) return { issue: noIdentity(door.dataset) };
  const { _id, identityMap: _identityMap, ...body } = record.value;
  const id = _id ?? contentId(door.dataset.id, record.value, 0);
  return {
    item: {
      kind: "record",
      index,
      id,
      datasetId: door.dataset.id,
      operation,
      ...named(identities.items, primary),
      body,
    },
  };
}

/** Soft violations become warnings; a hard one refuses the item. Identities beyond their limit are left out one by one. */
function weigh(checks: readonly LimitCheck[], index: number, warnings: ItemNotice[]): Issue | undefined {
  for (const check of checks) {
    if (check.limit.id === "identity.record-identities") continue;
    const issue = issueOf(check);
    if (isRefused(check)) return issue;
    warnings.push({ index, ...issue });
  }
  return undefined;
}

/** What a limit says of an item. */
export function issueOf({ limit, message, whatToDo }: LimitCheck): Pick<Issue, "code" | "message"> {
  return { code: limit.id, message: `${message} ${whatToDo}` };
}

function named(
  items: readonly IdentityItem[],
  primary: Identity,
): {
  readonly identities: readonly Identity[];
  readonly keys: readonly IdentityKey[];
  readonly owner: IdentityKey;
} {
  const owner = identityKey(primary);
  const keys: IdentityKey[] = items.map(identityKey);
  const identities: Identity[] = items.map(({ namespace, id }) => ({ namespace, id }));
  // They are few, and each is there once.
  for (let end = 1; end < keys.length; end += 1) {
    for (let at = end; at > 0 && compareKeys(keys[at - 1] ?? "", keys[at] ?? "") > 0; at -= 1) {
      [keys[at - 1], keys[at]] = [keys[at] ?? "", keys[at - 1] ?? ""];
      [identities[at - 1], identities[at]] = [identities[at] ?? primary, identities[at - 1] ?? primary];
    }
  }
  return { identities, keys, owner };
}

function identify(
  body: JsonObject,
  index: number,
  { door, warnings }: { readonly door: Door; readonly warnings: ItemNotice[] },
): { readonly items: readonly IdentityItem[] } | { readonly issue: Issue } {
  const parsed = parseIdentityMap(body["identityMap"]);
  const found =
    door.dataset.primaryIdentity === undefined
      ? parsed.identities
      : [...parsed.identities, ...declared(body, door.dataset, parsed.identities)];
  const validated = validateIdentities(found, door.registry);
  const items = graphIdentities(validated.identities, door.registry);
  if (items.length === 0)
    return { issue: parsed.issues[0] ?? validated.issues[0] ?? noIdentity(door.dataset) };
  for (const issues of [parsed.issues, validated.issues])
    for (const { code, message } of issues) warnings.push({ index, code, message });
  return { items };
}

/** The identity that the dataset's primary identity field names, when the item has no primary in its map. */
function declared(
  body: JsonObject,
  dataset: Dataset,
  items: readonly IdentityItem[],
): readonly IdentityItem[] {
  const field = dataset.primaryIdentity;
  if (field === undefined) return [];
  let value: unknown = body;
  for (const name of field.path.split(".")) value = isObject(value) ? value[name] : undefined;
  if (typeof value === "number") value = String(value);
  if (typeof value !== "string" || value === "") return [];
  const { namespace } = field;
  if (items.some((item) => item.namespace === namespace && item.id === value)) return [];
  return [
    { namespace, id: value, authenticatedState: "ambiguous", primary: !items.some((item) => item.primary) },
  ];
}

function wrongKind({ id, kind }: Dataset): Issue {
  const [holds, other] = kind === "event" ? ["events", "records"] : ["records", "events"];
  return {
    code: "dataset.kind",
    expected: holds,
    came: other,
    message: `The dataset ${id} holds ${holds}, got ${other}. Send them to a dataset of their kind.`,
  };
}

function noIdentity(dataset: Dataset): Issue {
  const field = dataset.primaryIdentity;
  const where = field === undefined ? "identityMap" : `identityMap or the field ${field.path}`;
  return {
    code: "identity.missing",
    path: ["identityMap"],
    expected: "at least one valid identity",
    came: "none",
    message: `Expected at least one valid identity in ${where}, got none. Send { "identityMap": { "<namespace>": [{ "id": "…" }] } }.`,
  };
}

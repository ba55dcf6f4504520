import type { HubCommit, HubStore, PersonState, StoredEvent, StoredRecord } from "@tessera/profile-store";
import { hasData, withoutBody, emptyCommit } from "@tessera/profile-store";
import {
  describe,
  err,
  identityOfKey,
  isObject,
  type Issue,
  type JsonObject,
  type MembershipChange,
  ok,
  type Result,
} from "@tessera/xdm";
import { decide, type History } from "./decide.ts";
import { saveDocument } from "./destination-lifecycle.ts";
import type { Ingestion } from "./ingest.ts";
import { anew } from "./reevaluate.ts";
import type { Resolution } from "./resolve-persons.ts";

/**
 * Persons who are known by nothing but these namespaces lose their events and attributes after so many days without
 * anything new; their place in the graph stays (domain facts of pseudonymous expiration).
 */
export interface PseudonymousExpiry {
  readonly namespaces: readonly string[];
  readonly days: number;
}

/** What a step of expiry did. `done`: the walk that the step belongs to is at its end; the next step begins another. */
export interface ExpiryStep {
  readonly events: number;
  readonly persons: number;
  readonly done: boolean;
}

/** Expiry of a sandbox: in short steps, each durable, so that nothing waits for it and a restart goes on. */
export interface Expiry {
  readonly pseudonymousExpiry: () => Promise<PseudonymousExpiry | undefined>;
  /** Sets it; undefined turns it off. */
  readonly setPseudonymousExpiry: (input: unknown) => Promise<Result<PseudonymousExpiry | undefined, Issue>>;
  /** One step over about `limit` events or persons: call it from a timer until `done`, and again the next day. */
  readonly runExpiry: (limit?: number) => Promise<ExpiryStep>;
}

/** What expiry is made of. */
export interface ExpiryOptions {
  readonly store: HubStore;
  readonly begin: () => Ingestion;
  readonly told: (changes: readonly MembershipChange[]) => void;
}

const KIND = "expiry";
const DAY = 86_400_000;
const STEP = 1000;
const ATTEMPTS = 20;

/** Where a walk is: first over events, then over persons. */
type Walk = { readonly part: "events" | "persons"; readonly after?: string };

/** The expiry side of a hub. */
export function createExpiry({ store, begin, told }: ExpiryOptions): Expiry {
  const settings = async (): Promise<PseudonymousExpiry | undefined> =>
    (await store.document(KIND, "pseudonymous"))?.body as PseudonymousExpiry | undefined;

  /** Takes the bodies of what has expired, and derives its persons anew. */
  const expire = async (
    personIds: readonly string[],
    expired: (truth: Truth, person: PersonState) => Expired,
  ): Promise<ExpiredPersons> => {
    for (let attempt = 0; attempt < ATTEMPTS; attempt += 1) {
      const ingestion = begin();
      const persons = await store.persons(personIds);
      const owners = persons.flatMap((person) => person.identities);
      const [events, records] = await Promise.all([store.events(owners), store.records(owners)]);
      const planned = planExpiry({ persons, events, records, expired }, ingestion);
      if (planned.commit.persons.length === 0) return { events: 0, persons: 0 };
      if (!(await store.commit(planned.commit)).ok) continue;
      told(planned.commit.memberships);
      return planned.counts;
    }
    throw new Error("Persons kept changing while their data expired; the next step tries again.");
  };

  const stepOverEvents = async (
    after: string | undefined,
    limit: number,
  ): Promise<readonly [ExpiredPersons, Walk | undefined]> => {
    const { configuration, now } = begin();
    const before = Object.fromEntries(
      [...configuration.datasets.values()].flatMap(({ id, eventExpirationDays: days }) =>
        days === undefined ? [] : [[id, now - days * DAY]],
      ),
    );
    if (Object.keys(before).length === 0) return [{ events: 0, persons: 0 }, undefined];
    const page = await store.expiring(before, { limit, ...(after === undefined ? {} : { after }) });
    const ids = new Set(page.events.map(({ id }) => id));
    const next: Walk | undefined = page.next === undefined ? undefined : { part: "events", after: page.next };
    if (ids.size === 0) return [{ events: 0, persons: 0 }, next];
    const { persons } = await store.load([...new Set(page.events.map(({ owner }) => owner))], []);
    const done = await expire([...persons.keys()], ({ events }) => ({
      events: events.filter(({ id, body }) => ids.has(id) && body !== undefined),
      records: [],
    }));
    return [done, next];
  };

  const stepOverPersons = async (
    after = "",
    limit: number,
  ): Promise<readonly [ExpiredPersons, Walk | undefined]> => {
    const rule = await settings();
    if (rule === undefined) return [{ events: 0, persons: 0 }, undefined];
    const page = await store.scan(after, limit);
    const last = page.at(-1);
    const pseudonyms = new Set(rule.namespaces);
    const candidates = page.filter(
      (person) =>
        hasData(person) && person.identities.every((key) => pseudonyms.has(identityOfKey(key).namespace)),
    );
    const until = begin().now - rule.days * DAY;
    const done =
      candidates.length === 0
        ? { events: 0, persons: 0 }
        : await expire(
            candidates.map(({ personId }) => personId),
            ({ events, records }) =>
              [...events.map(({ ingestedAt }) => ingestedAt), ...records.map(({ at }) => at)].every(
                (at) => at < until,
              )
                ? { events: events.filter(({ body }) => body !== undefined), records }
                : { events: [], records: [] },
          );
    return last === undefined || page.length < limit
      ? [done, undefined]
      : [done, { part: "persons", after: last.personId }];
  };

  return {
    pseudonymousExpiry: settings,
    setPseudonymousExpiry: async (input) => {
      const rule = parseRule(input);
      if (!rule.ok) return rule;
      const saved =
        rule.value === undefined
          ? await deleteDocument(store, "pseudonymous")
          : await saveDocument(store, KIND, "pseudonymous", rule.value);
      return saved
        ? rule
        : err({
            code: "conflict",
            message: "Someone else changed this meanwhile. Read it again and repeat.",
          });
    },
    runExpiry: async (limit = STEP) => {
      const stored = (await store.document(KIND, "walk"))?.body as Walk | undefined;
      const walk: Walk = stored ?? { part: "events" };
      const [counts, next] =
        walk.part === "events"
          ? await stepOverEvents(walk.after, limit)
          : await stepOverPersons(walk.after, limit);
      const going = next ?? (walk.part === "events" ? { part: "persons" as const } : undefined);
      if (going === undefined) await deleteDocument(store, "walk");
      else await saveDocument(store, KIND, "walk", going);
      return { ...counts, done: going === undefined };
    },
  };
}

interface Truth {
  readonly events: readonly StoredEvent[];
  readonly records: readonly StoredRecord[];
}

/** What of someone's truth has expired. */
interface Expired {
  readonly events: readonly StoredEvent[];
  readonly records: readonly StoredRecord[];
}

interface ExpiredPersons {
  readonly events: number;
  readonly persons: number;
}

/** The commit that takes what has expired of some persons: the links stay, so the persons keep their graphs. Pure. */
function planExpiry(
  known: Truth & {
    readonly persons: readonly PersonState[];
    readonly expired: (truth: Truth, person: PersonState) => Expired;
  },
  ingestion: Ingestion,
): { readonly commit: HubCommit; readonly counts: ExpiredPersons } {
  const personOf = new Map(
    known.persons.flatMap(({ identities, personId }) => identities.map((key) => [key, personId] as const)),
  );
  const eventsOf = Map.groupBy(known.events, ({ owner }) => personOf.get(owner));
  const recordsOf = Map.groupBy(known.records, ({ owner }) => personOf.get(owner));
  const history = new Map<string, History>();
  const persons: Resolution[] = [];
  const eventBodies: string[] = [];
  const recordBodies = new Set<string>();
  for (const person of known.persons) {
    const { personId } = person;
    const truth = { events: eventsOf.get(personId) ?? [], records: recordsOf.get(personId) ?? [] };
    const { events, records } = known.expired(truth, person);
    if (events.length + records.length === 0) continue;
    const gone = new Set(events.map(({ id }) => id));
    const owners = new Set(records.map(({ owner }) => owner));
    history.set(personId, {
      events: truth.events.map((event) => (gone.has(event.id) ? linksOf(event) : event)),
      records: truth.records.map((record) => (owners.has(record.owner) ? withoutBody(record) : record)),
    });
    eventBodies.push(...gone);
    for (const owner of owners) recordBodies.add(owner);
    persons.push(anew(person));
  }
  const commit = decide({ persons, removed: [] }, { ...ingestion, history });
  return {
    commit: { ...commit, erase: { eventBodies, recordBodies: [...recordBodies] } },
    counts: { events: eventBodies.length, persons: persons.length },
  };
}

function linksOf({ body: _body, ...links }: StoredEvent): StoredEvent {
  return links;
}

async function deleteDocument(store: HubStore, id: string): Promise<boolean> {
  const before = await store.document(KIND, id);
  if (before === undefined) return true;
  const documents = [{ kind: KIND, id, expectedVersion: before.version }];
  return (await store.commit({ ...emptyCommit, documents })).ok;
}

function parseRule(input: unknown): Result<PseudonymousExpiry | undefined, Issue> {
  if (input === undefined || input === null) return ok(undefined);
  const { namespaces, days } = isObject(input) ? input : ({} as JsonObject);
  const named =
    Array.isArray(namespaces) &&
    namespaces.length > 0 &&
    namespaces.every((name): name is string => typeof name === "string" && name !== "");
  if (named && Number.isInteger(days) && Number(days) >= 1) return ok({ namespaces, days: Number(days) });
  const expected = "{ namespaces: a list of namespaces, days: a whole number, at least 1 }";
  return err({
    code: "expiry.invalid",
    expected,
    came: describe(input),
    message: `Expected ${expected}, got ${describe(input)}.`,
  });
}

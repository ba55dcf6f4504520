import { suppressionEntry, SuppressionList, type SuppressionEntry } from "@tessera/governance";
import { type Graph, type NamespaceRegistry, normalIdentity } from "@tessera/identity-graph";
import {
  type Dataset,
  type DocumentWrite,
  type Fragment,
  type HubStore,
  membershipMap,
  type PersonState,
  type QuarantinedItem,
  type QueuedEntry,
  type StoredDocument,
  type StoredEvent,
  type StoredRecord,
} from "@tessera/profile-store";
import {
  err,
  formatInstant,
  type Identity,
  identityKey,
  type IdentityKey,
  identityOfKey,
  isObject,
  type Issue,
  type JsonObject,
  type JsonValue,
  type MembershipChange,
  ok,
  type Result,
  type SegmentMembershipMap,
} from "@tessera/xdm";
import { withoutWaiting } from "./waiting-version.ts";
import type { Ingestion } from "./ingest.ts";
import { loadCluster } from "./load-cluster.ts";
import { planErasure } from "./plan-erasure.ts";

/** Everything that is kept about someone, nothing merged. */
export interface PersonAccess {
  readonly identities: readonly Identity[];
  readonly persons: readonly {
    readonly personId: string;
    readonly identities: readonly Identity[];
    readonly graph: JsonObject;
    readonly fragments: readonly Fragment[];
    readonly segmentMembership: SegmentMembershipMap;
    readonly membershipLog: readonly MembershipChange[];
    readonly regions: PersonState["regions"];
  }[];
  readonly events: readonly StoredEvent[];
  readonly records: readonly StoredRecord[];
  /** What waits to be told to destinations. */
  readonly waiting: readonly QueuedEntry[];
  readonly quarantined: readonly QuarantinedItem[];
  readonly decisions: readonly JsonObject[];
}

/** How many of each were erased. */
export interface ErasureReceipt {
  readonly identities: number;
  readonly persons: number;
  readonly events: number;
  readonly records: number;
  readonly decisions: number;
  readonly quarantined: number;
  /** Events and records of others that named an erased identity, and do so no more. */
  readonly redacted: number;
}

/** Whom a privacy question is about. */
export interface PrivacyScope {
  /** Also the identities that the graph links to the given ones (true). */
  readonly expandIds?: boolean;
}

/**
 * Access and deletion for persons, and the list that keeps deleted ones out. Identities may be given in any form in which records
 * may have them.
 */
export interface Privacy {
  readonly accessPerson: (identities: readonly Identity[], scope?: PrivacyScope) => Promise<PersonAccess>;
  /**
   * Erases persons: truth, graph decisions, all that is derived, what waits for destinations, what lies in quarantine.
   * A salted hash of each identity stays behind: data from before now is refused from here on, with `keepOut`
   * all data.
   */
  readonly erasePerson: (
    identities: readonly Identity[],
    scope?: PrivacyScope & { readonly keepOut?: boolean },
  ) => Promise<Result<ErasureReceipt, readonly Issue[]>>;
}

/** What privacy is made of. */
export interface PrivacyOptions {
  readonly store: HubStore;
  readonly begin: () => Ingestion;
  /** Salt of the hashes on the suppression list; without it nothing can be erased. */
  readonly salt: string | undefined;
  readonly destinationIds: () => Iterable<string>;
  readonly reload: () => Promise<void>;
  readonly told: (changes: readonly MembershipChange[]) => void;
}

/** The kind of documents that hold the suppression list. */
const SUPPRESSION = "suppression";
const DECISION = "graphDecision";
const ATTEMPTS = 20;
const PAGE = 1000;
const SALT_MIN = 16;

/** The list of deleted identities of a store; empty without a salt. */
export async function readSuppressions(store: HubStore, salt: string | undefined): Promise<SuppressionList> {
  const documents = salt === undefined ? [] : await store.documents(SUPPRESSION);
  return new SuppressionList(
    documents.map(({ body }) => body as unknown as SuppressionEntry),
    salt ?? "",
  );
}

/** The privacy side of a hub. */
export function createPrivacy(options: PrivacyOptions): Privacy {
  const { store, begin, salt, reload, told } = options;

  const expand = async (
    identities: readonly Identity[],
    expandIds: boolean,
  ): Promise<{ readonly keys: ReadonlySet<IdentityKey>; readonly persons: readonly PersonState[] }> => {
    const { registry } = begin().configuration;
    const asked = identities.map((identity) => identityKey(normalIdentity(identity, registry)));
    const { persons } = await store.load(asked, []);
    const found = [...persons.values()];
    const keys = new Set([...asked, ...(expandIds ? found.flatMap((person) => person.identities) : [])]);
    return { keys, persons: found };
  };

  const quarantineOf = async (keys: ReadonlySet<IdentityKey>): Promise<readonly QuarantinedItem[]> => {
    const found: QuarantinedItem[] = [];
    for (let after = ""; ;) {
      const page = await store.quarantined(PAGE, after);
      const last = page.at(-1);
      if (last === undefined) return found;
      after = last.id;
      const { datasets, registry } = begin().configuration;
      const about = { keys, registry };
      found.push(...page.filter((item) => isAbout(item, about, datasets.get(item.datasetId))));
    }
  };

  const waitingFor = async (personIds: ReadonlySet<string>): Promise<readonly QueuedEntry[]> => {
    const found: QueuedEntry[] = [];
    for (const destinationId of options.destinationIds()) {
      for (let after = 0; ;) {
        const page = await store.outbox(destinationId, after, PAGE);
        const last = page.at(-1);
        if (last === undefined) break;
        after = last.sequence;
        found.push(...page.filter(({ personId }) => personIds.has(personId)));
      }
    }
    return found;
  };

  return {
    accessPerson: async (identities, { expandIds = true } = {}) => {
      const { keys, persons } = await expand(identities, expandIds);
      const owners = [...keys];
      const decisions = (await store.documents(DECISION)).filter((document) => decides(document, keys));
      return {
        identities: owners.map(identityOfKey),
        persons: await Promise.all(
          persons.map(async (person) => ({
            personId: person.personId,
            identities: person.identities.map(identityOfKey),
            graph: ownGraph(person.graph as Graph, keys),
            fragments: person.fragments.filter(({ owner }) => keys.has(owner)),
            segmentMembership: membershipMap(withoutWaiting(person.memberships)),
            membershipLog: await store.membershipLog(person.personId),
            regions: person.regions,
          })),
        ),
        events: await store.events(owners),
        records: await store.records(owners),
        waiting: await waitingFor(new Set(persons.map(({ personId }) => personId))),
        quarantined: await quarantineOf(keys),
        decisions: decisions.map(({ body }) => body),
      };
    },
    erasePerson: async (identities, { expandIds = true, keepOut = false } = {}) => {
      if (salt === undefined || salt.length < SALT_MIN) {
        const message = `Expected a salt of at least ${SALT_MIN} characters for the suppression list. Configure one, keep it, and never change it.`;
        return err([{ code: "privacy.salt", message }]);
      }
      for (let attempt = 0; attempt < ATTEMPTS; attempt += 1) {
        const ingestion = begin();
        const { keys } = await expand(identities, expandIds);
        const cluster = await loadCluster({ store, keys, decisions: ingestion.configuration.decisions });
        const decisions = (await store.documents(DECISION)).filter((document) => decides(document, keys));
        const entries = [...keys].map((key) =>
          suppressionEntry(identityOfKey(key), {
            salt,
            at: formatInstant(ingestion.now),
            scope: keepOut ? "always" : "past",
          }),
        );
        const erasure = planErasure({ keys, cluster, decisions }, ingestion);
        const documents = [
          ...decisions.map(({ kind, id, version }) => ({ kind, id, expectedVersion: version })),
          ...(await Promise.all(entries.map((entry) => suppressionWrite(store, entry)))),
        ];
        const committed = await store.commit({ ...erasure.commit, documents });
        if (!committed.ok) continue;
        const quarantined = await quarantineOf(new Set([...keys, ...identities.map(identityKey)]));
        await store.releaseQuarantined(quarantined.map(({ id }) => id));
        await reload();
        told(erasure.commit.memberships);
        return ok({
          identities: keys.size,
          decisions: decisions.length,
          quarantined: quarantined.length,
          ...erasure.counts,
        });
      }
      return err([
        { code: "conflict", message: "The person kept changing while being erased. Repeat the request." },
      ]);
    },
  };
}

async function suppressionWrite(store: HubStore, entry: SuppressionEntry): Promise<DocumentWrite> {
  const before = await store.document(SUPPRESSION, entry.hash);
  const held = before?.body as SuppressionEntry | undefined;
  const body: JsonObject = { ...entry, ...(held?.scope === "always" ? { scope: "always" } : {}) };
  return { kind: SUPPRESSION, id: entry.hash, expectedVersion: before?.version ?? 0, body };
}

/** What a graph says about these identities alone: links to others name other people. */
function ownGraph({ identities, links, removed }: Graph, keys: ReadonlySet<IdentityKey>): JsonObject {
  const mine = ({ a, b }: { readonly a: IdentityKey; readonly b: IdentityKey }): boolean =>
    keys.has(a) && keys.has(b);
  return {
    identities: identities.filter(({ key }) => keys.has(key)),
    links: links.filter(mine),
    removed: removed.filter(mine).map(({ a, b }) => ({ a, b })),
  } as unknown as JsonObject;
}

/** Whose quarantined items are looked for, and how raw values are read. */
interface About {
  readonly keys: ReadonlySet<IdentityKey>;
  readonly registry: NamespaceRegistry;
}

/**
 * Whether a quarantined item is about one of these identities. What was not read yet says so by any cell, or any word of
 * its text, that is the id: rather one broken row too many goes than one too few.
 */
function isAbout({ body, isRow }: QuarantinedItem, about: About, dataset: Dataset | undefined): boolean {
  const { keys } = about;
  if (typeof body !== "string" && isRow !== true) return names(body, about, dataset);
  const ids = new Set([...keys].map((key) => identityOfKey(key).id.toLowerCase()));
  if (typeof body === "string") {
    const text = body.toLowerCase();
    return [...ids].some((id) => hasWord(text, id));
  }
  return isObject(body) && Object.values(body).some((cell) => ids.has(String(cell).trim().toLowerCase()));
}

const INSIDE_WORD = /[\p{L}\p{N}]/u;

function hasWord(text: string, word: string): boolean {
  for (let at = text.indexOf(word); at >= 0; at = text.indexOf(word, at + 1)) {
    const [before = "", after = ""] = [text[at - 1], text[at + word.length]];
    if (!INSIDE_WORD.test(before) && !INSIDE_WORD.test(after)) return true;
  }
  return false;
}

/** Whether an item, well formed or not, carries one of these identities where its dataset looks for them. */
function names(body: JsonValue, { keys, registry }: About, dataset: Dataset | undefined): boolean {
  if (!isObject(body)) return false;
  const isOne = (namespace: string, id: unknown): boolean =>
    keys.has(identityKey(normalIdentity({ namespace, id: String(id) }, registry)));
  const field = dataset?.primaryIdentity;
  if (field !== undefined) {
    let value: unknown = body;
    for (const name of field.path.split(".")) value = isObject(value) ? value[name] : undefined;
    if (isOne(field.namespace, value)) return true;
  }
  if (!isObject(body["identityMap"])) return false;
  return Object.entries(body["identityMap"]).some(
    ([namespace, items]) =>
      Array.isArray(items) && items.some((item: unknown) => isObject(item) && isOne(namespace, item["id"])),
  );
}

/** Whether a decision is about one of these identities. */
function decides({ body }: StoredDocument, keys: ReadonlySet<IdentityKey>): boolean {
  return [body["a"], body["b"], body["identity"]].some((value) => {
    if (!isObject(value)) return false;
    const { namespace, id } = value;
    return (
      typeof namespace === "string" && typeof id === "string" && keys.has(identityKey({ namespace, id }))
    );
  });
}

import { emptyCommit, type HubStore, type PersonFinder, type PersonState } from "@tessera/profile-store";
import { compileAudiences, necessaryCondition, parsePql, pathsOfCondition } from "@tessera/segment-engine";
import {
  type AttributeCondition,
  err,
  identityOfKey,
  type Issue,
  type JsonObject,
  ok,
  type Result,
} from "@tessera/xdm";
import type { Configuration } from "./configuration.ts";
import { saveDocument } from "./destination-lifecycle.ts";
import { isStitched } from "./evaluation-view.ts";
import { type ProfileView, viewOf } from "./profile-view.ts";

/** An attribute by which persons are found without looking at everyone. `createdAt` in milliseconds. */
export interface SearchIndex {
  readonly path: string;
  readonly createdAt: number;
  /** Whether searches go by it; not yet while it is made. */
  readonly isReady: boolean;
}

/** How a search was answered. */
export interface SearchPlan {
  /** By indexes, or by looking at everyone in turn. */
  readonly method: "index" | "scan";
  /** The attributes whose indexes it went by. */
  readonly indexes: readonly string[];
  /** Attributes of the query an index of which is missing: with it fewer persons would be looked at. */
  readonly missing: readonly string[];
  /** Whether there were indexes to go by, and they were busy with an evaluation of everyone. */
  readonly isBusy: boolean;
}

/** Persons who were found, in the order of their ids. */
export interface FoundPage {
  readonly views: readonly ProfileView[];
  /** Persons who were read and looked at. */
  readonly examined: number;
  /** The id that the search got to: the next page begins behind it. */
  readonly last: string;
  /** Whether there can be more. */
  readonly hasMore: boolean;
  readonly plan: SearchPlan;
}

/** Finding persons by their attributes. */
export interface PersonSearch {
  /**
   * Persons who meet a query over attributes. Goes by the indexes that are ready and can tell; without them it looks at
   * everyone in turn. Either way it ends after 50,000 persons, to go on with the next page.
   */
  readonly searchPersons: (asked: {
    readonly where: string;
    readonly after: string;
    readonly limit: number;
  }) => Promise<Result<FoundPage, readonly Issue[]>>;
  readonly searchIndexes: () => Promise<readonly SearchIndex[]>;
  /** Checks whether an attribute can be indexed, as `saveSearchIndex` does first. */
  readonly checkSearchIndex: (path: string) => Promise<Result<string, readonly Issue[]>>;
  /** Indexes an attribute such as `person.name.lastName`; resolves when searches go by it. */
  readonly saveSearchIndex: (
    path: string,
    progress?: (done: number, total: number) => void,
  ) => Promise<Result<SearchIndex, readonly Issue[]>>;
  /** Gives up an index; false when there is none. */
  readonly deleteSearchIndex: (path: string) => Promise<boolean>;
}

const INDEX = "searchIndex";
const INDEXES_MAX = 20;
/** Persons that one page looks at. */
const LOOKED_AT_MAX = 50_000;
const PAGE = 500;
/** An id that no audience has. */
const SOUGHT = "persons that are looked for";

/** The searching side of a hub. */
export function createPersonSearch(options: {
  readonly store: HubStore;
  readonly finder?: PersonFinder | undefined;
  readonly configuration: () => Configuration;
  readonly clock: () => number;
}): PersonSearch {
  const { store, finder, configuration, clock } = options;
  const searchIndexes: PersonSearch["searchIndexes"] = async () =>
    (await store.documents(INDEX)).map(({ id, body }) => ({
      path: id,
      createdAt: Number(body["createdAt"]),
      isReady: body["isReady"] === true,
    }));
  const checkSearchIndex: PersonSearch["checkSearchIndex"] = async (path) => {
    if (finder === undefined)
      return err([issue("search.store", "This store keeps no indexes of attributes.")]);
    // the words of a query decide what an attribute is
    const parsed = parsePql(`${path} = ""`);
    const condition = parsed.ok ? necessaryCondition(parsed.value) : undefined;
    if (condition === undefined || pathsOfCondition(condition)[0] !== path)
      return err([
        issue("search.path", "path: expected the dotted path of an attribute, such as person.name.lastName."),
      ]);
    const others = (await searchIndexes()).filter((index) => index.path !== path);
    if (others.length >= INDEXES_MAX)
      return err([
        issue("search.indexes", `There are at most ${INDEXES_MAX} indexes. Delete one that is not needed.`),
      ]);
    return ok(path);
  };

  const planOf = async (
    where: string,
  ): Promise<{ readonly condition?: AttributeCondition; readonly plan: SearchPlan }> => {
    const parsed = parsePql(where);
    const whole = parsed.ok ? necessaryCondition(parsed.value) : undefined;
    // Indexes hold what is said of whole persons; without a graph each identity stands for itself.
    const isHeld = isStitched(configuration().policy);
    const ready = new Set(
      whole === undefined || finder === undefined || !isHeld
        ? []
        : (await searchIndexes()).flatMap(({ path, isReady }) => (isReady ? [path] : [])),
    );
    const condition = parsed.ok ? necessaryCondition(parsed.value, (path) => ready.has(path)) : undefined;
    const indexes = condition === undefined ? [] : pathsOfCondition(condition);
    const missing = (whole === undefined || !isHeld ? [] : pathsOfCondition(whole)).filter(
      (path) => !ready.has(path),
    );
    const plan = {
      method: condition === undefined ? "scan" : "index",
      indexes,
      missing,
      isBusy: false,
    } as const;
    return condition === undefined ? { plan } : { condition, plan };
  };

  /** The next persons to look at, and where they end; `hasMore` is false when nobody is left. */
  const next = async (
    condition: AttributeCondition | undefined,
    { after, limit }: { readonly after: string; readonly limit: number },
  ): Promise<Looked | undefined> => {
    if (condition === undefined || finder === undefined) {
      const persons = await store.scan(after, limit);
      return { persons, last: persons.at(-1)?.personId ?? after, hasMore: persons.length === limit };
    }
    const ids = await finder.find({ condition, policy: configuration().policy, after, limit });
    if (ids === undefined) return undefined;
    // an id that went into another person is found under that one's
    const found = new Set(ids);
    const persons = (await store.persons(ids)).filter(({ personId }) => found.has(personId));
    return {
      persons: persons.sort((a, b) => (a.personId < b.personId ? -1 : 1)),
      last: ids.at(-1) ?? after,
      hasMore: ids.length === limit,
    };
  };

  return {
    searchPersons: async ({ where, after, limit }) => {
      const matches = predicateOf(where, clock());
      if (!matches.ok) return matches;
      let { condition, plan } = await planOf(where);
      const views: ProfileView[] = [];
      let [last, examined, hasMore] = [after, 0, true];
      while (hasMore && views.length < limit && examined < LOOKED_AT_MAX) {
        const part = await next(condition, { after: last, limit: PAGE });
        if (part === undefined) {
          plan = { ...plan, method: "scan", indexes: [], isBusy: true };
          condition = undefined;
          continue;
        }
        const isLast = !part.hasMore;
        for (const [index, person] of part.persons.entries()) {
          examined += 1;
          const view = viewIn(person, configuration());
          if (view !== undefined && matches.value(view.attributes)) views.push(view);
          last = person.personId;
          hasMore = !isLast || index < part.persons.length - 1;
          if (views.length === limit) break;
        }
        if (views.length === limit) break;
        last = part.last;
        hasMore = part.hasMore;
      }
      return ok({ views, examined, last, hasMore, plan });
    },
    searchIndexes,
    checkSearchIndex,
    saveSearchIndex: async (path, progress) => {
      const checked = await checkSearchIndex(path);
      if (!checked.ok || finder === undefined) return checked.ok ? err([]) : checked;
      const known = (await searchIndexes()).find((index) => index.path === path);
      const createdAt = known?.createdAt ?? clock();
      await saveDocument(store, INDEX, path, { createdAt, isReady: known?.isReady === true });
      await finder.index([path], { policy: configuration().policy, onProgress: progress });
      if (!(await saveDocument(store, INDEX, path, { createdAt, isReady: true })))
        return err([issue("conflict", "Someone else changed this meanwhile. Read it again and repeat.")]);
      return ok({ path, createdAt, isReady: true });
    },
    deleteSearchIndex: async (path) => {
      const stored = await store.document(INDEX, path);
      if (stored === undefined) return false;
      const documents = [{ kind: INDEX, id: path, expectedVersion: stored.version }];
      if (!(await store.commit({ ...emptyCommit, documents })).ok) return false;
      await finder?.drop([path]);
      return true;
    },
  };
}

interface Looked {
  readonly persons: readonly PersonState[];
  readonly last: string;
  readonly hasMore: boolean;
}

/** The person as a search sees them; undefined for one of whom nothing is said. */
function viewIn(person: PersonState, configuration: Configuration): ProfileView | undefined {
  const [key] = person.identities;
  if (key === undefined || person.fragments.length === 0) return undefined;
  return viewOf(person, { policy: configuration.policy, identity: identityOfKey(key), configuration });
}

function predicateOf(
  where: string,
  now: number,
): Result<(attributes: JsonObject) => boolean, readonly Issue[]> {
  const plan = compileAudiences([
    {
      id: SOUGHT,
      name: SOUGHT,
      expression: { type: "PQL", format: "pql/text", value: where },
      evaluation: "batch",
      version: 1,
      excludeOptOut: false,
    },
  ]);
  if (!plan.ok) return plan;
  return ok((attributes) => plan.value.evaluate({ attributes, events: [] }, now).members.size > 0);
}

function issue(code: string, message: string): Issue {
  return { code, path: ["path"], message };
}

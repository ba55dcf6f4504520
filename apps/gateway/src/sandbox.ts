import type { CatalogEntry } from "@tessera/destinations";
import { type Afterwards, type CommittedPersons, createHub, type Hub } from "@tessera/hub";
import type { HubStore, PersonFinder, PersonProjection } from "@tessera/profile-store";
import type { MongoStore } from "@tessera/store-mongodb";
import { formatInstant, type MembershipChange } from "@tessera/xdm";
import { withTraces } from "./observe/tracing.ts";
import { createTurns, type Turns } from "./turns.ts";
import { takingTurns } from "./taking-turns.ts";
import { type LabelledFields, openLabelledFields } from "./access/field-labels.ts";

/** One sandbox at work: its store, its hub, and those who follow its membership changes. */
export interface Sandbox {
  readonly name: string;
  readonly store: HubStore;
  readonly hub: Hub;
  readonly projection: PersonProjection | undefined;
  readonly labels: LabelledFields;
  /** Calls back with the changes of every commit until the returned function is called. */
  readonly follow: (listener: MembershipListener) => () => void;
  /** The store as processes share it; undefined where this one has it for itself. */
  readonly shared: MongoStore | undefined;
  /** Lets a few searches look at persons at once; the others wait, and too many are turned away. */
  readonly searches: Turns;
  /** Calls back with the persons of every commit, once it is durable, until the returned function is called. */
  readonly followPersons: (listener: PersonsListener) => () => void;
  /** Does something while no other process that shares the store does it; waits for its turn. */
  readonly alone: <T>(name: string, work: () => Promise<T>) => Promise<T>;
  /** Reads the configuration anew, after someone else changed it in the store. */
  readonly reload: () => Promise<void>;
  readonly close: () => Promise<void>;
}

type MembershipListener = (changes: readonly MembershipChange[]) => void;
type PersonsListener = (committed: CommittedPersons) => void;

/** What a sandbox is opened with. */
export interface SandboxOptions {
  readonly name: string;
  readonly organisation: string;
  /** The name of the tenant, as `createHub` takes it. */
  readonly tenant?: string;
  readonly store: HubStore;
  /** What batch audiences are decided by; closed with the sandbox. */
  readonly projection?: PersonProjection | undefined;
  /** What finds persons by indexed attributes. */
  readonly finder?: PersonFinder | undefined;
  /** How work over all persons is done that a change brings about. */
  readonly afterwards?: Afterwards | undefined;
  readonly catalog: readonly CatalogEntry[];
  readonly clock: () => number;
  readonly newId: () => string;
  /** Whether this process follows persons whose windows lapse. */
  readonly timers: boolean;
  /** Salt of the hashes that stay of persons who were erased. */
  readonly privacySalt?: string | undefined;
  /** How something is done by one process at a time; nothing is needed for it where there is one only. */
  readonly alone?: Sandbox["alone"] | undefined;
  readonly shared?: MongoStore | undefined;
  readonly onError: (what: string, error: unknown) => void;
  /** Done before files are planned: lists that they depend on are read anew. */
  readonly beforeExport?: () => Promise<void>;
  /** Told how many seconds an evaluation of all persons took. */
  readonly onEvaluated?: (seconds: number) => void;
  /** Told of every commit that was tried, and whether it met no conflict. */
  readonly onCommit?: (ok: boolean) => void;
}

/** How often due persons are looked for, in milliseconds. */
const TIMER_PERIOD = 1_000;
const TIMER_PAGE = 500;
/** Searches at once, and those that may wait for them. */
const SEARCHES = { atOnce: 4, waiting: 50 };

/** Opens a sandbox and keeps its timers going: persons whose window lapsed are followed without a new event. */
export async function openSandbox(options: SandboxOptions): Promise<Sandbox> {
  const { name, organisation, tenant, projection, catalog, clock, newId, onError } = options;
  const store = takingTurns(options.store);
  const listeners = new Set<MembershipListener>();
  const personsListeners = new Set<PersonsListener>();
  const made = await createHub({
    store: withTraces(store, options.onCommit),
    projection,
    finder: options.finder,
    afterwards: options.afterwards,
    clock,
    newId,
    catalog,
    organisation,
    sandbox: name,
    ...(tenant === undefined ? {} : { tenant }),
    ...(options.privacySalt === undefined ? {} : { suppressionSalt: options.privacySalt }),
    onPersonsCommitted: (committed) => personsListeners.forEach((listener) => listener(committed)),
    onMemberships: (changes) => listeners.forEach((listener) => listener(changes)),
  });
  const hub: Hub = {
    ...made,
    planExports: async (...asked) => {
      await options.beforeExport?.();
      return made.planExports(...asked);
    },
    evaluateAudiences: async (ids, progress) => {
      const begin = performance.now();
      const evaluated = await made.evaluateAudiences(ids, progress);
      if (evaluated.ok) options.onEvaluated?.((performance.now() - begin) / 1_000);
      return evaluated;
    },
  };
  const labels = await openLabelledFields(store, name);
  let closed = false;
  /** The last day whose use of limits was noted. */
  let noted = "";
  let running: Promise<void> = Promise.resolve();
  const wake = async (): Promise<void> => {
    try {
      while (!closed && (await hub.runTimers(TIMER_PAGE)) === TIMER_PAGE);
      const today = formatInstant(clock()).slice(0, 10);
      if (!closed && today !== noted) {
        await hub.noteUsage();
        noted = today;
      }
    } catch (error) {
      onError("timers", error);
    }
    if (!closed) timer = setTimeout(turn, TIMER_PERIOD);
  };
  const turn = (): void => {
    running = wake();
  };
  let timer = options.timers ? setTimeout(turn, TIMER_PERIOD) : undefined;
  return {
    name,
    store,
    hub,
    projection,
    labels,
    shared: options.shared,
    searches: createTurns(SEARCHES),
    alone: options.alone ?? ((_name, work) => work()),
    follow: (listener) => {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    followPersons: (listener) => {
      personsListeners.add(listener);
      return () => personsListeners.delete(listener);
    },
    reload: async () => {
      await hub.reload();
      await labels.reload();
    },
    close: async () => {
      closed = true;
      clearTimeout(timer);
      await running;
      await hub.drain();
      await projection?.close();
      await store.close();
    },
  };
}

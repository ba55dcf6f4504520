/** The parts of the Workers runtime the edge uses, as the platform documents them. */

/** A stub of one Durable Object. */
interface DurableStub {
  fetch(url: string, init?: RequestInit): Promise<Response>;
}

/** A class of Durable Objects. */
export interface DurableNamespace {
  idFromName(name: string): object;
  get(id: object): DurableStub;
}

/** The storage of a Durable Object. */
interface DurableStorage {
  get<T>(key: string): Promise<T | undefined>;
  put(key: string, value: unknown): Promise<void>;
  put(entries: Record<string, unknown>): Promise<void>;
  delete(keys: string | string[]): Promise<unknown>;
  deleteAll(): Promise<void>;
  list<T>(options: {
    readonly prefix: string;
    readonly limit?: number;
    readonly reverse?: boolean;
    readonly startAfter?: string;
    readonly end?: string;
  }): Promise<Map<string, T>>;
  getAlarm(): Promise<number | null>;
  setAlarm(at: number): Promise<void>;
}

/** What a Durable Object is given. */
export interface DurableState {
  readonly storage: DurableStorage;
  blockConcurrencyWhile<T>(work: () => Promise<T>): Promise<T>;
  waitUntil(work: Promise<unknown>): void;
}

/** Workers KV. */
export interface KeyValueNamespace {
  get(key: string): Promise<string | null>;
  put(key: string, value: string): Promise<void>;
}

/** What a request is given beside its bindings. */
export interface WorkerContext {
  waitUntil(work: Promise<unknown>): void;
}

/** The bindings and settings of the worker. */
export interface WorkerEnv {
  readonly EDGE_PROFILES: DurableNamespace;
  readonly FORWARD_QUEUE: DurableNamespace;
  /** Keeps the last snapshot for isolates that start while the hub is away. */
  readonly EDGE_CACHE?: KeyValueNamespace;
  readonly TESSERA_HUB_URL: string;
  readonly TESSERA_EDGE_TOKEN: string;
  readonly TESSERA_EDGE_API_TOKENS?: string;
  readonly TESSERA_EDGE_COOKIE_SECRET?: string;
  readonly TESSERA_EDGE_LOOKUP_MS?: string;
  readonly TESSERA_EDGE_TCF_VENDOR?: string;
  readonly EDGE_REGION?: string;
  /** The sandboxes it serves, with commas between; the hub's default one without. */
  readonly TESSERA_EDGE_SANDBOXES?: string;
  /** How many forward queues share the visitors; 8 by default. */
  readonly FORWARD_SHARDS?: string;
}

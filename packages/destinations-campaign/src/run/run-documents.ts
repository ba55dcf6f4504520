import type { JsonObject } from "@tessera/xdm";

/** A document and the version it was read at; versions begin at 1. */
export interface VersionedDocument {
  readonly version: number;
  readonly body: JsonObject;
}

/**
 * What keeps the runs of exports over restarts: any store that can write one document over the version it read.
 * Every process that exports uses the same one.
 */
export interface RunDocuments {
  readonly read: (id: string) => Promise<VersionedDocument | undefined>;
  /** Writes when the stored version is still `expectedVersion` (0: there is none); false when someone else wrote. */
  readonly write: (id: string, body: JsonObject, expectedVersion: number) => Promise<boolean>;
}

/** Documents in memory: the specification of the port, for tests and for a single process that may forget. */
export function createMemoryRunDocuments(): RunDocuments {
  const documents = new Map<string, VersionedDocument>();
  return {
    read: (id) => Promise.resolve(documents.get(id)),
    write: (id, body, expectedVersion) => {
      const version = documents.get(id)?.version ?? 0;
      if (version !== expectedVersion) return Promise.resolve(false);
      documents.set(id, { version: version + 1, body });
      return Promise.resolve(true);
    },
  };
}

import { mkdir, readdir, rm } from "node:fs/promises";
import { basename, dirname, extname, join, resolve } from "node:path";
import {
  createMemoryStore,
  type HubStore,
  type PersonFinder,
  type PersonProjection,
} from "@tessera/profile-store";
import { dropMongoStore, type MongoStore, openMongoStore } from "@tessera/store-mongodb";
import { createProjectedFinder, openSqliteStore, type SqliteStore } from "@tessera/store-sqlite";
import type { StoreAddress } from "./config.ts";

/** Opens the store of one sandbox. The default sandbox has the address as it stands, others a place of their own beside it. */
export async function openStore(
  address: StoreAddress,
  sandbox: { readonly name: string; readonly isDefault: boolean },
): Promise<HubStore> {
  switch (address.kind) {
    case "memory":
      return createMemoryStore();
    case "sqlite": {
      const path = sandboxPath(address.path, sandbox);
      await mkdir(dirname(path), { recursive: true });
      return openSqliteStore({ path });
    }
    case "mongodb":
      return openMongoStore({
        uri: address.uri,
        database: databaseOf(address.uri),
        ...(sandbox.isDefault ? {} : { sandbox: sandbox.name }),
      });
  }
}

/** The projection that batch audiences of a store are decided by; undefined for a store that has none. */
export function projectionOf(store: HubStore, threads?: number): PersonProjection | undefined {
  if (!("openProjection" in store)) return undefined;
  return (store as SqliteStore).openProjection(threads === undefined ? {} : { threads });
}

/** What finds persons of a store by their attributes; undefined for a store that has nothing of the kind. */
export function finderOf(
  store: HubStore,
  projection: PersonProjection | undefined,
): PersonFinder | undefined {
  if (projection !== undefined) return createProjectedFinder(projection);
  return "personFinder" in store ? (store as MongoStore).personFinder() : undefined;
}

/** Removes all that the store of a sandbox holds; it must be closed. The store of the default sandbox always stays. */
export async function dropStore(
  address: StoreAddress,
  sandbox: { readonly name: string; readonly isDefault: boolean },
): Promise<void> {
  if (sandbox.isDefault) throw new Error("The store of the default sandbox always stays.");
  switch (address.kind) {
    case "memory":
      return;
    case "sqlite": {
      const path = sandboxPath(address.path, sandbox);
      const folder = dirname(path);
      const name = basename(path);
      const files = await readdir(folder).catch(() => []);
      // beside the database itself its journal, and whatever else it keeps under its name
      const own = files.filter(
        (file) => file === name || file.startsWith(`${name}-`) || file.startsWith(`${name}.`),
      );
      await Promise.all(own.map((file) => rm(join(folder, file), { force: true, recursive: true })));
      return;
    }
    case "mongodb":
      await dropMongoStore({
        uri: address.uri,
        database: databaseOf(address.uri),
        sandbox: sandbox.name,
      });
  }
}

/** Where the data of an address lives, in words for the operator; without credentials. */
export function describeStore(address: StoreAddress): string {
  switch (address.kind) {
    case "memory":
      return "in memory only (gone when the gateway stops)";
    case "sqlite":
      return resolve(address.path);
    case "mongodb":
      return address.uri.replace(/\/\/[^@/]*@/, "//").replace(/\?.*$/, "");
  }
}

/** What someone is told whose request met an outage of the store. */
export const STORE_AWAY = "The store cannot be reached right now. Send the request again in a moment.";

/** Whether a failure is one of the store that the same request can get over later. */
export function isRetryable(error: unknown): boolean {
  return error instanceof Error && "retryable" in error && error.retryable === true;
}

/** The database that a MongoDB URI names, `tessera` when it names none. */
function databaseOf(uri: string): string {
  const name = /^[^/]+\/\/[^/]+\/([^?]*)/.exec(uri)?.[1] ?? "";
  return name === "" ? "tessera" : decodeURIComponent(name);
}

function sandboxPath(
  path: string,
  { name, isDefault }: { readonly name: string; readonly isDefault: boolean },
): string {
  if (isDefault) return path;
  const extension = extname(path);
  return `${path.slice(0, path.length - extension.length)}.${name}${extension}`;
}

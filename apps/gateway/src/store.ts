import { mkdir } from "node:fs/promises";
import { dirname, extname, resolve } from "node:path";
import { createMemoryStore, type HubStore } from "@tessera/profile-store";
import { openMongoStore } from "@tessera/store-mongodb";
import { openSqliteStore } from "@tessera/store-sqlite";
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

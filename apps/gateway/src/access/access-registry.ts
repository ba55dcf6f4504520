import { randomBytes } from "node:crypto";
import {
  createSandbox,
  DEFAULT_ROLES,
  DEFAULT_SANDBOX,
  MOST_SANDBOXES,
  parseRole,
  type Role,
  type Sandbox,
} from "@tessera/governance";
import type { HubStore } from "@tessera/profile-store";
import { err, type Issue, ok, type Result } from "@tessera/xdm";
import { writeDocuments } from "../documents.ts";
import type { SecretReader } from "./authenticator.ts";
import { secretDigest } from "./principal.ts";

/** An API key as it is kept: its digest, never itself. */
export interface ApiKey {
  readonly id: string;
  readonly name: string;
  readonly roleIds: readonly string[];
  readonly digest: string;
  /** Milliseconds. */
  readonly createdAt: number;
}

/** Roles, API keys and sandboxes of the organisation, kept in the store of the default sandbox. */
export interface AccessRegistry {
  readonly roles: () => readonly Role[];
  readonly saveRole: (input: unknown) => Promise<Result<Role, readonly Issue[]>>;
  readonly apiKeys: () => readonly ApiKey[];
  /** Makes a key; `secret` is told once and kept nowhere. */
  readonly createApiKey: (
    name: string,
    roleIds: readonly string[],
  ) => Promise<Result<ApiKey & { readonly secret: string }, readonly Issue[]>>;
  readonly revokeApiKey: (id: string) => Promise<boolean>;
  readonly sandboxes: () => readonly Sandbox[];
  readonly createSandbox: (input: unknown) => Promise<Result<Sandbox, readonly Issue[]>>;
  /** Takes a sandbox off the list. */
  readonly removeSandbox: (name: string) => Promise<Result<true, readonly Issue[]>>;
  /** Reads all of it anew, after another process changed it in the store. */
  readonly reload: () => Promise<void>;
  /** Recognises API keys. */
  readonly readKey: SecretReader;
}

const PREFIX = "tsk_";

/** Reads the registry from the store and keeps it at hand. */
export async function openAccessRegistry(
  store: HubStore,
  made: { readonly clock: () => number; readonly newId: () => string; readonly defaultSandbox: string },
): Promise<AccessRegistry> {
  const read = async <T>(kind: string): Promise<readonly (readonly [string, T])[]> =>
    (await store.documents(kind)).map(({ id, body }) => [id, body as unknown as T] as const);
  const readAll = async () => {
    const [ownRoles, ownKeys, ownSandboxes] = await Promise.all([
      read<Role>("role"),
      read<ApiKey>("apiKey"),
      read<Sandbox>("sandbox"),
    ]);
    const first = { ...DEFAULT_SANDBOX, name: made.defaultSandbox };
    return {
      roles: new Map([...DEFAULT_ROLES.map((role) => [role.id, role] as const), ...ownRoles]),
      keys: new Map(ownKeys),
      byDigest: new Map(ownKeys.map(([, key]) => [key.digest, key])),
      sandboxes: new Map<string, Sandbox>([[made.defaultSandbox, first], ...ownSandboxes]),
    };
  };
  let { roles, keys, byDigest, sandboxes } = await readAll();
  const write = (kind: string, id: string, body: object | undefined): Promise<boolean> =>
    writeDocuments(store, [{ kind, id, ...(body !== undefined && { body }) }]);
  return {
    roles: () => [...roles.values()],
    saveRole: async (input) => {
      const role = parseRole(input);
      if (!role.ok) return role;
      if (!(await write("role", role.value.id, role.value))) return err([CONFLICT]);
      roles.set(role.value.id, role.value);
      return role;
    },
    apiKeys: () => [...keys.values()],
    createApiKey: async (name, roleIds) => {
      const unknown = roleIds.findIndex((id) => !roles.has(id));
      if (name.trim() === "" || roleIds.length === 0 || unknown >= 0) {
        const message = "Expected a name and the ids of roles that are there. Make the roles first.";
        return err([{ code: "access.key", path: unknown >= 0 ? ["roleIds", unknown] : ["name"], message }]);
      }
      const secret = PREFIX + randomBytes(32).toString("base64url");
      const key: ApiKey = {
        id: made.newId(),
        name,
        roleIds,
        digest: secretDigest(secret),
        createdAt: made.clock(),
      };
      if (!(await write("apiKey", key.id, key))) return err([CONFLICT]);
      keys.set(key.id, key);
      byDigest.set(key.digest, key);
      return ok({ ...key, secret });
    },
    revokeApiKey: async (id) => {
      const key = keys.get(id);
      if (key === undefined || !(await write("apiKey", id, undefined))) return false;
      keys.delete(id);
      byDigest.delete(key.digest);
      return true;
    },
    sandboxes: () => [...sandboxes.values()],
    createSandbox: async (input) => {
      const sandbox = createSandbox([...sandboxes.values()], input, MOST_SANDBOXES);
      if (!sandbox.ok) return sandbox;
      if (!(await write("sandbox", sandbox.value.name, sandbox.value))) return err([CONFLICT]);
      sandboxes.set(sandbox.value.name, sandbox.value);
      return sandbox;
    },
    removeSandbox: async (name) => {
      if (!(await write("sandbox", name, undefined))) return err([CONFLICT]);
      sandboxes.delete(name);
      return ok(true);
    },
    reload: async () => {
      ({ roles, keys, byDigest, sandboxes } = await readAll());
    },
    readKey: async (secret) => {
      if (!secret.startsWith(PREFIX)) return undefined;
      const key = byDigest.get(secretDigest(secret));
      if (key === undefined) return undefined;
      const held = key.roleIds.flatMap((id) => roles.get(id) ?? []);
      return { kind: "apiKey", id: key.id, name: key.name, roles: held };
    },
  };
}

const CONFLICT: Issue = {
  code: "conflict",
  message: "Someone else changed this meanwhile. Read it again and repeat.",
};

import type { IdentityKey } from "@tessera/xdm";
import { EDGE_PROFILE_TTL, type EdgeProfile, type EdgeProfileStore, isExpired } from "../edge-profile.ts";
import type { DurableNamespace, DurableState } from "./workers-types.ts";

const HERE = "https://edge-profile/";

/** The Durable Object of one edge profile. It forgets itself 14 days after the last activity. */
export class EdgeProfileObject {
  readonly #state: DurableState;
  #profile: EdgeProfile | undefined;
  #isLoaded = false;
  #hasAlarm = false;

  constructor(state: DurableState) {
    this.#state = state;
  }

  async #load(): Promise<EdgeProfile | undefined> {
    if (!this.#isLoaded) {
      this.#profile = await this.#state.storage.get<EdgeProfile>("profile");
      this.#isLoaded = true;
    }
    return this.#profile;
  }

  /**
   * GET: the profile, or 204. PUT `?expected=<version>`: writes, or 409. DELETE: forgets it, or 204. `now` comes with
   * the request.
   */
  async fetch(request: Request): Promise<Response> {
    const { searchParams } = new URL(request.url);
    const now = Number(searchParams.get("now"));
    if (request.method === "PUT")
      return this.#put(await request.json(), Number(searchParams.get("expected")), now);
    const loaded = await this.#load();
    const held = loaded !== undefined && isExpired(loaded, now) ? undefined : loaded;
    if (request.method === "GET") {
      return held === undefined ? new Response(null, { status: 204 }) : new Response(JSON.stringify(held));
    }
    this.#profile = undefined;
    await this.#state.storage.deleteAll();
    // Depending on the platform's settings the alarm is gone too.
    this.#hasAlarm = false;
    return new Response(null, { status: loaded === undefined ? 204 : 200 });
  }

  /** Nothing else happens between the look at the version and the write. */
  async #put(came: EdgeProfile, expected: number, now: number): Promise<Response> {
    const { storage } = this.#state;
    await this.#load();
    this.#hasAlarm ||= (await storage.getAlarm()) !== null;
    const held = this.#profile;
    const version = held === undefined || isExpired(held, now) ? 0 : held.version;
    if (version !== expected) return new Response(null, { status: 409 });
    const profile = { ...came, version: expected + 1 };
    this.#profile = profile;
    // Writes that follow each other without waiting are one.
    const writes = [storage.put("profile", profile)];
    if (!this.#hasAlarm) writes.push(storage.setAlarm(profile.lastActivityAt + EDGE_PROFILE_TTL));
    this.#hasAlarm = true;
    await Promise.all(writes);
    return new Response(null, { status: 200 });
  }

  /** Fires when the profile may have outlived its time; later activity puts it off. */
  async alarm(): Promise<void> {
    this.#hasAlarm = false;
    const held = await this.#load();
    if (held === undefined) return;
    const end = held.lastActivityAt + EDGE_PROFILE_TTL;
    if (end > Date.now()) {
      this.#hasAlarm = true;
      await this.#state.storage.setAlarm(end);
      return;
    }
    this.#profile = undefined;
    await this.#state.storage.deleteAll();
  }
}

/** Edge profiles in Durable Objects: one object an identity. `scope` keeps organisations and sandboxes apart. */
export function durableProfiles(
  namespace: DurableNamespace,
  scope: () => string,
  clock: () => number,
): EdgeProfileStore {
  const stub = (key: IdentityKey): ReturnType<DurableNamespace["get"]> =>
    namespace.get(namespace.idFromName(`${scope()}\n${key}`));
  return {
    get: async (key, now) => {
      const response = await stub(key).fetch(`${HERE}?now=${now}`);
      return response.status === 200 ? ((await response.json()) as EdgeProfile) : undefined;
    },
    put: async (profile, expectedVersion) => {
      const response = await stub(profile.key).fetch(`${HERE}?now=${clock()}&expected=${expectedVersion}`, {
        method: "PUT",
        body: JSON.stringify(profile),
      });
      return response.status === 200;
    },
    remove: async (key) => {
      const response = await stub(key).fetch(`${HERE}?now=${clock()}`, { method: "DELETE" });
      return response.status === 200;
    },
  };
}

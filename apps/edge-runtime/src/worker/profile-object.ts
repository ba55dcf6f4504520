import { identityKey, type IdentityKey } from "@tessera/xdm";
import type { Edge } from "../edge.ts";
import { EDGE_PROFILE_TTL, type EdgeProfile, type EdgeProfileStore, isExpired } from "../edge-profile.ts";
import { fromWebRequest, toWebResponse } from "../exchange.ts";
import { answerRequest } from "../handler.ts";
import { readIdentityCookie } from "../identity-cookie.ts";
import { MAX_BODY_BYTES } from "../request-units.ts";
import type { Edges } from "../sandboxes.ts";
import type { DurableNamespace, DurableState } from "./workers-types.ts";

const HERE = "https://edge-profile/";
/** On a visit handed to the object of its visitor: the key of the profile, and the sandbox. */
const KEY_HEADER = "x-tessera-profile-key";
const SANDBOX_HEADER = "x-tessera-sandbox";

/** What a profile object needs of the edges it belongs to; asked for with the first visit. */
export type VisitEdges = () => Edges;

/**
 * The Durable Object of one edge profile. It forgets itself 14 days after the last activity. A visit that names the
 * profile's identity is answered here, where the profile is at hand: it is neither fetched nor sent back for that.
 */
export class ProfileObject {
  readonly #state: DurableState;
  readonly #edges: VisitEdges | undefined;
  #profile: EdgeProfile | undefined;
  #isLoaded = false;
  #hasAlarm = false;
  /** The edges as they see this profile, by sandbox. */
  readonly #own = new Map<string, Edge>();

  constructor(state: DurableState, edges?: VisitEdges) {
    this.#state = state;
    this.#edges = edges;
  }

  async #load(): Promise<EdgeProfile | undefined> {
    if (!this.#isLoaded) {
      this.#profile = await this.#state.storage.get<EdgeProfile>("profile");
      this.#isLoaded = true;
    }
    return this.#profile;
  }

  /**
   * A visit, with its key in a header: answers it. GET: the profile, or 204. PUT `?expected=<version>`: writes, or 409. DELETE: forgets it, or 204. `now` comes with
   * the request.
   */
  async fetch(request: Request): Promise<Response> {
    const key = request.headers.get(KEY_HEADER);
    if (key !== null) return this.#visit(request, key);
    const { searchParams } = new URL(request.url);
    const now = Number(searchParams.get("now"));
    if (request.method === "PUT") {
      const profile: EdgeProfile = await request.json();
      const isKept = await this.#put(profile, { expected: Number(searchParams.get("expected")), now });
      return new Response(null, { status: isKept ? 200 : 409 });
    }
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

  async #visit(request: Request, key: string): Promise<Response> {
    const sandbox = request.headers.get(SANDBOX_HEADER) ?? "";
    const edges = this.#edges?.();
    const base = edges?.find((edge) => (edge.sandbox ?? "") === sandbox) ?? edges?.[0];
    if (base === undefined) throw new Error("This object answers no visits.");
    let edge = this.#own.get(sandbox);
    if (edge === undefined) this.#own.set(sandbox, (edge = { ...base, profiles: this.#beside(base, key) }));
    const waitUntil = (work: Promise<unknown>): void => this.#state.waitUntil(work);
    const ip = request.headers.get("cf-connecting-ip");
    const context = ip === null ? { waitUntil } : { waitUntil, ip };
    return toWebResponse(await answerRequest(edge, fromWebRequest(request), context));
  }

  /** The profiles as this object sees them: its own is at hand, the others are elsewhere. */
  #beside({ profiles, clock }: Edge, own: IdentityKey): EdgeProfileStore {
    return {
      get: async (key, now) => {
        if (key !== own) return profiles.get(key, now);
        const held = await this.#load();
        return held !== undefined && isExpired(held, now) ? undefined : held;
      },
      put: (profile, expected) =>
        profile.key === own
          ? this.#put(profile, { expected, now: clock() })
          : profiles.put(profile, expected),
      remove: (key) => profiles.remove(key),
    };
  }

  /** Nothing else happens between the look at the version and the write. */
  async #put(came: EdgeProfile, of: { readonly expected: number; readonly now: number }): Promise<boolean> {
    const { storage } = this.#state;
    await this.#load();
    this.#hasAlarm ||= (await storage.getAlarm()) !== null;
    const held = this.#profile;
    const version = held === undefined || isExpired(held, of.now) ? 0 : held.version;
    if (version !== of.expected) return false;
    const profile = { ...came, version: of.expected + 1 };
    this.#profile = profile;
    // Writes that follow each other without waiting are one.
    const writes = [storage.put("profile", profile)];
    if (!this.#hasAlarm) writes.push(storage.setAlarm(profile.lastActivityAt + EDGE_PROFILE_TTL));
    this.#hasAlarm = true;
    await Promise.all(writes);
    return true;
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

const IDENTITY_COOKIE = /(?:^|; ?)kndctr_[A-Za-z0-9_.-]{1,128}_identity=([A-Za-z0-9_=+/-]{1,1024})/;
const VISIT = /^\/ee\/(?:[a-z][a-z0-9]{1,7}\/)?(?:va\/)?v1\/(?:interact|collect)(?:\?|$)/;

/**
 * The object that a visit is best answered in: the one of the device its identity cookie names. Only a guess of where
 * the profile is (an event may name somebody else as primary): the answer is the same wherever it is given. `undefined`
 * for everything that names no device before its body is read.
 */
export function visitObject(
  namespace: DurableNamespace,
  request: Request,
  of: { readonly scope: string; readonly sandbox: string | undefined },
): (() => Promise<Response>) | undefined {
  const slash = request.url.indexOf("/", request.url.indexOf("//") + 2);
  const cookie = IDENTITY_COOKIE.exec(request.headers.get("cookie") ?? "")?.[1];
  if (request.method !== "POST" || cookie === undefined || !VISIT.test(request.url.slice(slash)))
    return undefined;
  const bytes = Number(request.headers.get("content-length") ?? Number.NaN);
  if (!(bytes <= MAX_BODY_BYTES)) return undefined;
  const read = readIdentityCookie(cookie);
  if (read instanceof Promise || read.kind !== "identity") return undefined;
  const key = identityKey({ namespace: "ECID", id: read.identity.ecid });
  const headers = new Headers(request.headers);
  headers.set(KEY_HEADER, key);
  headers.set(SANDBOX_HEADER, of.sandbox ?? "");
  const stub = namespace.get(namespace.idFromName(`${of.scope}\n${key}`));
  // Read here to its end: a body that is still passed on when the answer is there costs the client its connection.
  return async () => stub.fetch(request.url, { method: "POST", headers, body: await request.arrayBuffer() });
}

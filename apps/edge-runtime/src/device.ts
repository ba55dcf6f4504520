import { err, type IdentityItem, ok, type Result } from "@tessera/xdm";
import { deriveEcid, isEcid, mintEcid } from "./ecid.ts";
import type { Edge } from "./edge.ts";
import type { EdgeError } from "./errors.ts";
import { ecidOf } from "./identify.ts";
import {
  type CookieOutcome,
  type DeviceIdentity,
  readIdentityCookie,
  writeIdentityCookie,
} from "./identity-cookie.ts";
import type { Session } from "./session.ts";
import { cookieValue, identityEntry, type StateEntry } from "./state.ts";

/** The device of a request: its identity, what the client has to keep of it, and what was odd. */
export interface Device {
  readonly identity: DeviceIdentity;
  /** The cookie to write, when it is new or a day old. */
  readonly entries: readonly StateEntry[];
  /** The third-party device id, when the request came to the third-party domain and asked for it. */
  readonly core: { readonly id: string; readonly setCookie: string } | undefined;
  readonly warnings: readonly EdgeError[];
}

/** The device a request names. */
interface KnownDevice {
  readonly identity: DeviceIdentity | undefined;
  readonly warnings: readonly EdgeError[];
}

/** A cookie is written anew at most once a day. */
const REWRITE_AFTER = 24 * 3600 * 1000;
const CORE_COOKIE = "demdex";
const CORE_DOMAIN = "demdex.net";
const CORE_TTL_SECONDS = 15_552_000;

/** The device a request already names, by cookie; `undefined` when it names none that counts. */
export function knownDevice(edge: Edge, session: Session): KnownDevice | Promise<KnownDevice> {
  const value = session.state.identity;
  if (value === undefined) return { identity: undefined, warnings: [] };
  const signer = edge.signer?.(session.compiled.snapshot.organisation);
  const read = readIdentityCookie(value, signer);
  return read instanceof Promise ? read.then(deviceOf) : deviceOf(read);
}

function deviceOf(read: CookieOutcome): KnownDevice {
  if (read.kind === "identity") return { identity: read.identity, warnings: [] };
  const warning: EdgeError = {
    code: "EXEG-0308",
    detail: `The identity cookie is ${read.reason}; the visitor was given a new identity.`,
  };
  return { identity: undefined, warnings: [warning] };
}

/**
 * The device of a request: the identity cookie's; else the ECID the request names; else one that follows from the
 * site's own device id or the third-party id; else a new one. With signed cookies, only authenticated callers may
 * name an ECID their cookie does not hold.
 */
export async function resolveDevice(
  edge: Edge,
  session: Session,
  came: { readonly identities: readonly IdentityItem[]; readonly fetch: readonly string[] },
): Promise<Result<Device, EdgeError>> {
  const found = knownDevice(edge, session);
  const known = found instanceof Promise ? await found : found;
  const named = ecidOf(came.identities);
  if (
    named !== undefined &&
    edge.signer !== undefined &&
    session.access.kind !== "authenticated" &&
    named !== known.identity?.ecid
  ) {
    return err({
      code: "EXEG-0304",
      detail: "identityMap.ECID: expected the ECID of the signed identity cookie, or an authenticated call.",
    });
  }
  const core = coreIdentity(edge, session, came.fetch);
  const seeded = known.identity ?? seedIdentity(edge, session, { ...came, named, core: core?.id });
  const fresh = known.identity === undefined || session.now - seeded.writtenAt > REWRITE_AFTER;
  const identity = fresh ? { ...seeded, writtenAt: session.now } : seeded;
  const signer = edge.signer?.(session.compiled.snapshot.organisation);
  if (!fresh) return ok({ identity, entries: [], core, warnings: known.warnings });
  const value = writeIdentityCookie(identity, signer);
  const entry = identityEntry(session.prefix, value instanceof Promise ? await value : value);
  return ok({ identity, entries: [entry], core, warnings: known.warnings });
}

function seedIdentity(
  edge: Edge,
  session: Session,
  came: {
    readonly identities: readonly IdentityItem[];
    readonly named: string | undefined;
    readonly core: string | undefined;
  },
): DeviceIdentity {
  const { organisation } = session.compiled.snapshot;
  const base = { createdAt: session.now, region: edge.region.code, writtenAt: 0 };
  if (came.named !== undefined) return { ...base, ecid: came.named, source: "request" };
  const cookie = session.datastream.firstPartyIdCookie;
  const fpid =
    came.identities.find((item) => item.namespace === "FPID")?.id ??
    (cookie === undefined ? undefined : cookieValue(session.cookies, cookie));
  if (fpid !== undefined && fpid.length >= 16 && fpid.length <= 128)
    return { ...base, ecid: deriveEcid(organisation, "FPID", fpid), source: "fpid" };
  if (came.core !== undefined)
    return { ...base, ecid: deriveEcid(organisation, "CORE", came.core), source: "core" };
  return { ...base, ecid: mintEcid(edge.random(16)), source: "random" };
}

/** The id of the device across sites: only under the third-party domain, and only when asked for. */
function coreIdentity(edge: Edge, session: Session, fetch: readonly string[]): Device["core"] {
  const host = session.host?.split(":", 1)[0]?.toLowerCase() ?? "";
  if (!host.endsWith(`.${CORE_DOMAIN}`) || !fetch.includes("CORE")) return undefined;
  const held = cookieValue(session.cookies, CORE_COOKIE);
  const id = held !== undefined && isEcid(held) ? held : mintEcid(edge.random(16));
  const setCookie = `${CORE_COOKIE}=${id}; Domain=${CORE_DOMAIN}; Path=/; Max-Age=${CORE_TTL_SECONDS}; SameSite=None; Secure`;
  return { id, setCookie };
}

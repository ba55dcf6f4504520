import type { Credentials } from "../access/authenticator.ts";
import type { Gatekeeper } from "../access/failed-logins.ts";
import type { Principal } from "../access/principal.ts";

/** How often it is looked whether a credential is still good, in milliseconds. */
const PERIOD = 5_000;

/** Whose credential is watched, and what ends with it. */
export interface Watched {
  readonly authenticate: Gatekeeper;
  readonly credentials: Credentials;
  readonly address: string;
  /** Who it was when what stays open was opened. */
  readonly principal: Principal;
  readonly end: () => void;
}

/**
 * Ends what stays open (a socket, an event stream) a few seconds after its credential was revoked, has expired, or has got
 * other roles: whoever may go on opens it anew. Until the returned function is called.
 */
export function watchCredential({ authenticate, credentials, address, principal, end }: Watched): () => void {
  const before = JSON.stringify(principal.roles);
  const look = async (): Promise<void> => {
    const known = await authenticate(credentials, address);
    const isSame =
      known.ok && known.value.id === principal.id && JSON.stringify(known.value.roles) === before;
    // keys that cannot be read say nothing about the token
    const isUnknown = !known.ok && known.error.status === 503;
    if (isSame || isUnknown) return;
    clearInterval(timer);
    end();
  };
  const timer = setInterval(() => void look().catch(end), PERIOD).unref();
  return () => clearInterval(timer);
}

import { err, ok, type Result } from "@tessera/xdm";
import { ADMINISTRATOR, type Principal, sameSecret } from "./principal.ts";

/** Why a request was not let in. The words never say which part of a credential was wrong. */
interface Refusal {
  readonly status: 401 | 403 | 429 | 503;
  readonly code: string;
  readonly message: string;
  /** Seconds. */
  readonly retryAfter?: number;
}

/** The headers that a request is recognised by. */
export interface Credentials {
  readonly authorization: string | undefined;
  readonly apiKey: string | undefined;
}

/** Finds the principal of a request. */
export type Authenticator = (credentials: Credentials) => Promise<Result<Principal, Refusal>>;

/** A further way to recognise a secret; `undefined` when it is not one of its own. */
export type SecretReader = (secret: string) => Promise<Principal | undefined>;

/** What a reader throws when it cannot tell whether a secret is good: the keys to check it with cannot be had. */
export class KeysAway extends Error {
  override readonly name = "KeysAway";
}

const AWAY: Refusal = {
  status: 503,
  code: "UNAVAILABLE",
  message: "The keys that tokens are checked with cannot be read now. Try again in a few seconds.",
  retryAfter: 5,
};

const REFUSED: Refusal = {
  status: 401,
  code: "UNAUTHENTICATED",
  message: "Expected a valid credential. Send Authorization: Bearer <token>, or x-api-key: <key>.",
};

/** Recognises the admin token, then what `readers` know. A bearer token counts before an API key. */
export function createAuthenticator(
  adminToken: string,
  readers: readonly SecretReader[] = [],
): Authenticator {
  return async (credentials) => {
    const secret = secretOf(credentials);
    if (secret === undefined) return err(REFUSED);
    if (sameSecret(secret, adminToken)) return ok(ADMINISTRATOR);
    try {
      for (const read of readers) {
        const principal = await read(secret);
        if (principal !== undefined) return ok(principal);
      }
    } catch (error) {
      if (error instanceof KeysAway) return err(AWAY);
      throw error;
    }
    return err(REFUSED);
  };
}

/** The secret of a request: its bearer token, or its API key where there is no Authorization at all. */
export function secretOf({ authorization, apiKey }: Credentials): string | undefined {
  const secret = authorization === undefined ? apiKey : /^Bearer +(\S+)$/i.exec(authorization)?.[1];
  return secret === "" ? undefined : secret;
}

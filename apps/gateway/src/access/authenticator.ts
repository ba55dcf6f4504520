import { err, ok, type Result } from "@tessera/xdm";
import { ADMINISTRATOR, type Principal, sameSecret } from "./principal.ts";

/** Why a request was not let in. The words never say which part of a credential was wrong. */
interface Refusal {
  readonly status: 401 | 403;
  readonly code: string;
  readonly message: string;
}

/** The headers that a request is recognised by. */
interface Credentials {
  readonly authorization: string | undefined;
  readonly apiKey: string | undefined;
}

/** Finds the principal of a request. */
export type Authenticator = (credentials: Credentials) => Promise<Result<Principal, Refusal>>;

/** A further way to recognise a secret; `undefined` when it is not one of its own. */
export type SecretReader = (secret: string) => Promise<Principal | undefined>;

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
  return async ({ authorization, apiKey }) => {
    const bearer = authorization === undefined ? undefined : /^Bearer +(\S+)$/i.exec(authorization)?.[1];
    const secret = authorization === undefined ? apiKey : bearer;
    if (secret === undefined || secret === "") return err(REFUSED);
    if (sameSecret(secret, adminToken)) return ok(ADMINISTRATOR);
    for (const read of readers) {
      const principal = await read(secret);
      if (principal !== undefined) return ok(principal);
    }
    return err(REFUSED);
  };
}

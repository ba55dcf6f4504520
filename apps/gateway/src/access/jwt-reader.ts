import type { Role } from "@tessera/governance";
import { createRemoteJWKSet, errors, jwtVerify } from "jose";
import type { JwtConfig } from "../config.ts";
import { KeysAway, type SecretReader } from "./authenticator.ts";

/** Signatures by public key only: a shared secret or `none` in a token's header never counts. */
const ALGORITHMS = ["RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA"];

/**
 * Recognises JSON Web Tokens that the keys of the JWKS address signed, within their time and for this audience. `sub`
 * names the principal, the claim `roles` lists ids of roles. Throws `KeysAway` when the address does not answer.
 */
export function createJwtReader(config: JwtConfig, roles: () => readonly Role[]): SecretReader {
  const keys = createRemoteJWKSet(new URL(config.jwksUrl));
  return async (secret) => {
    if (secret.split(".").length !== 3) return undefined;
    try {
      const { payload } = await jwtVerify(secret, keys, {
        algorithms: ALGORITHMS,
        requiredClaims: ["sub", "exp"],
        ...(config.issuer !== undefined && { issuer: config.issuer }),
        ...(config.audience !== undefined && { audience: config.audience }),
      });
      const { sub = "", roles: claimed } = payload;
      const ids = new Set(Array.isArray(claimed) ? claimed : []);
      return { kind: "jwt", id: sub, name: sub, roles: roles().filter(({ id }) => ids.has(id)) };
    } catch (error) {
      if (isAway(error)) throw new KeysAway();
      return undefined;
    }
  };
}

/** Whether it was the keys that could not be had: then nothing is known of the token. */
function isAway(error: unknown): boolean {
  if (!(error instanceof errors.JOSEError))
    return error instanceof TypeError && error.message === "fetch failed";
  return (
    error.code === "ERR_JWKS_TIMEOUT" ||
    error.code === "ERR_JWKS_INVALID" ||
    error.code === "ERR_JOSE_GENERIC"
  );
}

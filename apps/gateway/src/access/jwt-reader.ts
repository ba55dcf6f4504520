import type { Role } from "@tessera/governance";
import { createRemoteJWKSet, jwtVerify } from "jose";
import type { JwtConfig } from "../config.ts";
import type { SecretReader } from "./authenticator.ts";

/** Signatures by public key only: a shared secret or `none` in a token's header never counts. */
const ALGORITHMS = ["RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA"];

/**
 * Recognises JSON Web Tokens that the keys of the JWKS address signed, within their time and for this audience. `sub`
 * names the principal, the claim `roles` lists ids of roles.
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
    } catch {
      return undefined;
    }
  };
}

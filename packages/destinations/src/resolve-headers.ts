import type { HttpRequest, SecretReference } from "./planned-request.ts";
import type { TransportFailure } from "./raw-response.ts";

/** PORT. Looks a secret up by its name; `undefined` when there is none. */
export type SecretLookup = (name: string) => Promise<string | undefined>;

/** Headers as they go over the wire. */
export interface ResolvedHeaders {
  readonly kind: "headers";
  readonly headers: { readonly [name: string]: string };
}

/**
 * Puts the secrets of a request in their place and signs its body: the last step before a transport sends it. A secret
 * that is not known, or that no header can carry, is a `credential` failure: tried again once it is mended.
 */
export async function resolveHeaders(
  request: HttpRequest,
  secret: SecretLookup,
): Promise<ResolvedHeaders | TransportFailure> {
  const headers: Record<string, string> = {};
  const known = async ({ secret: name }: SecretReference): Promise<string | undefined> => {
    const value = await secret(name);
    return value !== undefined && /^[\x21-\x7e]+(?:[\x20-\x7e]*[\x21-\x7e])?$/.test(value)
      ? value
      : undefined;
  };
  for (const [name, value] of Object.entries(request.headers)) {
    if (typeof value === "string") {
      headers[name] = value;
      continue;
    }
    const found = await known(value);
    if (found === undefined) return missing(value);
    headers[name] = `${value.prefix ?? ""}${found}`;
  }
  const { signature } = request;
  if (signature) {
    const key = await secret(signature.key.secret);
    if (key === undefined || key === "") return missing(signature.key);
    headers[signature.header] = `${signature.prefix ?? ""}${await hmacSha256Hex(key, request.body ?? "")}`;
  }
  return { kind: "headers", headers };
}

function missing({ secret }: SecretReference): TransportFailure {
  return {
    kind: "failure",
    reason: "credential",
    detail: `the secret ${secret} is not known or cannot stand in a header`,
  };
}

/** HMAC-SHA256 over a text's UTF-8 with a key's UTF-8, as 64 lower-case hex digits: what receivers compare with. */
export async function hmacSha256Hex(key: string, text: string): Promise<string> {
  const encoder = new TextEncoder();
  const algorithm = { name: "HMAC", hash: "SHA-256" };
  const imported = await crypto.subtle.importKey("raw", encoder.encode(key), algorithm, false, ["sign"]);
  const signed = new Uint8Array(await crypto.subtle.sign("HMAC", imported, encoder.encode(text)));
  return [...signed].map((byte) => byte.toString(16).padStart(2, "0")).join("");
}

import type { IncomingMessage } from "node:http";
import { isIPv6 } from "node:net";
import { err } from "@tessera/xdm";
import { type Authenticator, type Credentials, secretOf } from "./authenticator.ts";
import { secretDigest } from "./principal.ts";
import { createTokenBuckets } from "./rate-limit.ts";

/** An authenticator that is told where a credential comes from. */
export type Gatekeeper = (credentials: Credentials, address: string) => ReturnType<Authenticator>;

/** Credentials that were good before and are looked at whatever their address did. */
const KNOWN_MAX = 10_000;

/**
 * An authenticator that looks at so many wrong credentials a minute from one address, and at no further one until some
 * time has passed. A credential that was good before is looked at all the same: who guesses locks nobody out, behind the
 * same address or another. Requests without a credential are no guesses.
 */
export function limitFailedLogins(
  authenticate: Authenticator,
  { perMinute, now }: { readonly perMinute: number; readonly now: () => number },
): Gatekeeper {
  const failures = createTokenBuckets(perMinute, perMinute);
  const known = new Set<string>();
  return async (credentials, address) => {
    const secret = secretOf(credentials);
    if (secret === undefined) return authenticate(credentials);
    const digest = secretDigest(secret);
    const wait = known.has(digest) ? 0 : failures.waitOf(address, now());
    if (wait > 0) {
      const message = `More than ${perMinute} wrong credentials a minute came from this address. Wait as long as Retry-After says.`;
      return err({ status: 429, code: "RATE_LIMITED", message, retryAfter: Math.ceil(wait / 1_000) });
    }
    const found = await authenticate(credentials);
    known.delete(digest);
    if (found.ok) {
      if (known.size >= KNOWN_MAX) known.delete(known.values().next().value ?? "");
      known.add(digest);
    } else if (found.error.status === 401) failures.take(address, now());
    return found;
  };
}

/**
 * Where a request comes from. `proxies` stand in front of this gateway and add to X-Forwarded-For: the address is the one
 * that the outermost of them saw, and what a sender wrote there itself does not count. Of IPv6 the network (/64) counts.
 */
export function clientAddress(
  {
    headers,
    socket,
  }: Pick<IncomingMessage, "headers"> & { readonly socket: { readonly remoteAddress?: string | undefined } },
  proxies: number,
): string {
  const given = headers["x-forwarded-for"];
  const hops = (Array.isArray(given) ? given.join(",") : (given ?? "")).split(",").map((hop) => hop.trim());
  const forwarded = proxies > 0 ? hops.at(-proxies) : undefined;
  const address = forwarded || socket.remoteAddress || "unknown";
  const plain = address.replace(/^::ffff:(?=\d+\.)/i, "");
  return isIPv6(plain) ? networkOf(plain) : plain;
}

function networkOf(address: string): string {
  const [head = "", tail] = (address.split("%")[0] ?? "").split("::");
  const parts = head.split(":").filter((part) => part !== "");
  const after = (tail ?? "").split(":").filter((part) => part !== "");
  const zeros = tail === undefined ? 0 : Math.max(0, 8 - parts.length - after.length);
  const whole = [...parts, ...Array.from({ length: zeros }, () => "0"), ...after];
  return `${whole
    .slice(0, 4)
    .map((part) => Number.parseInt(part, 16).toString(16))
    .join(":")}::/64`;
}

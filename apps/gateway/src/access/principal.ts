import { createHash, timingSafeEqual } from "node:crypto";
import { anyMayDo, type Permission, type Role } from "@tessera/governance";

/** Who asks: the administrator, the holder of an API key, or the subject of a JSON Web Token. */
export interface Principal {
  readonly kind: "administrator" | "apiKey" | "jwt";
  readonly id: string;
  readonly name: string;
  readonly roles: readonly Role[];
}

const ADMINISTRATOR_ROLE: Role = {
  id: "administrator",
  name: "Administrator",
  permissions: "all",
  sandboxes: "all",
  labels: "all",
};

/** The holder of the admin token. */
export const ADMINISTRATOR: Principal = {
  kind: "administrator",
  id: "administrator",
  name: "Administrator",
  roles: [ADMINISTRATOR_ROLE],
};

/** Whether a principal may do something in a sandbox. */
export function may(principal: Principal, permission: Permission, sandbox: string): boolean {
  return anyMayDo(principal.roles, permission, sandbox);
}

/** Whether a principal may do anything at all in a sandbox. */
export function mayEnter(principal: Principal, sandbox: string): boolean {
  return principal.roles.some(({ sandboxes }) => sandboxes === "all" || sandboxes.includes(sandbox));
}

/** SHA-256 in hex: how keys are kept and compared. */
export function secretDigest(secret: string): string {
  return createHash("sha256").update(secret).digest("hex");
}

/** Whether two secrets are equal, in a time that tells nothing of where they differ. */
export function sameSecret(given: string, expected: string, equal = timingSafeEqual): boolean {
  const [a, b] = [given, expected].map((secret) => createHash("sha256").update(secret).digest());
  return a !== undefined && b !== undefined && equal(a, b);
}

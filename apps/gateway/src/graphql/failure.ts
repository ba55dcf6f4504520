import { PERMISSIONS, type Permission } from "@tessera/governance";
import type { Issue, Result } from "@tessera/xdm";
import { GraphQLError } from "graphql";
import { may } from "../access/principal.ts";
import type { Role } from "../config.ts";
import type { GatewayContext } from "./context.ts";

/** Codes that stand in `extensions.code` of expected failures. */
export type FailureCode =
  | "BAD_USER_INPUT"
  | "NOT_FOUND"
  | "CONFLICT"
  | "FORBIDDEN"
  | "UNAVAILABLE"
  | "TOO_MUCH";

/** An expected failure as GraphQL tells it. */
export function failure(code: FailureCode, message: string, issues: readonly Issue[] = []): GraphQLError {
  return new GraphQLError(message, { extensions: { code, ...(issues.length > 0 && { issues }) } });
}

/** The value of a result, or its issues as an error: all of them under `extensions.issues`. */
export function valueOf<T>(result: Result<T, Issue | readonly Issue[]>): T {
  if (result.ok) return result.value;
  const issues = Array.isArray(result.error) ? (result.error as readonly Issue[]) : [result.error as Issue];
  throw failure(codeOf(issues), issues.map(({ message }) => message).join(" "), issues);
}

function codeOf(issues: readonly Issue[]): FailureCode {
  if (issues.some(({ code }) => code === "conflict")) return "CONFLICT";
  return issues.every(({ code }) => code === "notFound") ? "NOT_FOUND" : "BAD_USER_INPUT";
}

/** Throws unless the principal holds the permission in the sandbox asked. */
export function demand({ principal, sandbox }: GatewayContext, permission: Permission): void {
  if (may(principal, permission, sandbox.name)) return;
  throw failure(
    "FORBIDDEN",
    `The permission "${PERMISSIONS[permission].title}" is needed for this in this sandbox.`,
  );
}

/** Throws unless this process has the role in which it does this. */
export function demandRole({ gateway }: GatewayContext, role: Role): void {
  if (gateway.config.roles.includes(role)) return;
  throw failure("UNAVAILABLE", `This process does not do this; ask one whose TESSERA_ROLES has ${role}.`);
}

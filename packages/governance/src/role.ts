import { describe, err, isObject, type Issue, ok, type Result } from "@tessera/xdm";
import { type Label, parseLabel } from "./label.ts";
import { isPermission, type Permission, PERMISSIONS } from "./permission.ts";

/** A role: permissions, the sandboxes in which they hold, and the labels whose fields its holders may see. */
export interface Role {
  readonly id: string;
  readonly name: string;
  readonly permissions: "all" | readonly Permission[];
  readonly sandboxes: "all" | readonly string[];
  readonly labels: "all" | readonly Label[];
}

/** The roles that every organisation starts with. */
export const DEFAULT_ROLES: readonly Role[] = [
  {
    id: "production-all-access",
    name: "Default production all access",
    permissions: "all",
    sandboxes: ["prod"],
    labels: "all",
  },
  {
    id: "sandbox-administrators",
    name: "Sandbox Administrators",
    permissions: ["manage-sandboxes"],
    sandboxes: "all",
    labels: [],
  },
];

/** Whether a role holds a permission, itself or by another that implies it, in a sandbox. */
export function mayDo(role: Role, permission: Permission, sandbox: string): boolean {
  if (role.sandboxes !== "all" && !role.sandboxes.includes(sandbox)) return false;
  return role.permissions === "all" || role.permissions.some((held) => implies(held, permission));
}

/** Whether any of the roles may. Permissions of one role never count in the sandboxes of another. */
export function anyMayDo(roles: readonly Role[], permission: Permission, sandbox: string): boolean {
  return roles.some((role) => mayDo(role, permission, sandbox));
}

/** The labels that roles may see together in a sandbox. */
export function labelsOfRoles(roles: readonly Role[], sandbox: string): "all" | readonly Label[] {
  const labels = new Set<Label>();
  for (const role of roles) {
    if (role.sandboxes !== "all" && !role.sandboxes.includes(sandbox)) continue;
    if (role.labels === "all") return "all";
    for (const label of role.labels) labels.add(label);
  }
  return [...labels];
}

/** Reads a role. All that is wrong is reported. */
export function parseRole(input: unknown): Result<Role, readonly Issue[]> {
  if (!isObject(input)) return err([wrong([], "an object", input)]);
  const { id, name, permissions, sandboxes, labels = [] } = input;
  const issues: Issue[] = [];
  if (typeof id !== "string" || id === "") issues.push(wrong(["id"], "a non-empty string", id));
  if (typeof name !== "string" || name === "") issues.push(wrong(["name"], "a non-empty string", name));
  const held = parseList(permissions, ["permissions"], issues, (item) =>
    isPermission(item) ? ok(item) : err(wrong([], "a permission", item)),
  );
  const where = parseList(sandboxes, ["sandboxes"], issues, (item) =>
    typeof item === "string" && item !== "" ? ok(item) : err(wrong([], "the name of a sandbox", item)),
  );
  const seen = parseList(labels, ["labels"], issues, parseLabel);
  if (issues.length > 0) return err(issues);
  return ok({ id: id as string, name: name as string, permissions: held, sandboxes: where, labels: seen });
}

function parseList<T>(
  input: unknown,
  path: readonly string[],
  issues: Issue[],
  parse: (item: unknown) => Result<T, Issue>,
): "all" | readonly T[] {
  if (input === "all") return "all";
  if (!Array.isArray(input)) {
    issues.push(wrong(path, 'a list or "all"', input));
    return [];
  }
  return input.flatMap((item: unknown, index) => {
    const read = parse(item);
    if (read.ok) return [read.value];
    issues.push({ ...read.error, path: [...path, index] });
    return [];
  });
}

function implies(held: Permission, asked: Permission): boolean {
  if (held === asked) return true;
  const implied: readonly Permission[] = PERMISSIONS[held].implies;
  return implied.some((next) => implies(next, asked));
}

function wrong(path: readonly (string | number)[], expected: string, came: unknown): Issue {
  const message = `${["role", ...path].join(".")}: expected ${expected}, got ${describe(came)}. Correct the role and save it again.`;
  return { code: "access.role", path, expected, came: describe(came), message };
}

import { describe, type Issue } from "@tessera/xdm";

/** What is wrong with the namespace settings of a sandbox, and where. */
export function settingsIssue(path: readonly (string | number)[], expected: string, came: unknown): Issue {
  return {
    code: "namespaces.invalid",
    path,
    expected,
    came: describe(came),
    message: `namespace settings${path.length > 0 ? `, ${path.join(".")}` : ""}: expected ${expected}, got ${describe(came)}. Nothing was changed; correct it and send them again.`,
  };
}

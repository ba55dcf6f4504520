import { err, type Issue, ok, type Result, UPS } from "@tessera/xdm";
import type { Pql } from "./ast.ts";
import { audienceNamed } from "./audience-named.ts";
import { someNode } from "./pql/walk.ts";

/** The ids of Tessera's own audiences that an expression names, each once. */
export function referredTo(pql: Pql): readonly string[] {
  const found = new Set<string>();
  someNode(pql, (node) => {
    const named = audienceNamed(node);
    if (named?.id !== undefined && named.namespace === UPS) found.add(named.id);
    return false;
  });
  return [...found];
}

/**
 * Puts audiences after the ones they refer to; otherwise the given order is kept. References in a circle are an
 * issue that names the path.
 */
export function orderAudiences(
  references: ReadonlyMap<string, readonly string[]>,
): Result<readonly string[], Issue[]> {
  const order: string[] = [];
  const issues: Issue[] = [];
  const state = new Map<string, "open" | "done">();
  for (const root of references.keys()) {
    const path: { readonly id: string; readonly rest: string[] }[] = [];
    const enter = (id: string): void => {
      state.set(id, "open");
      path.push({ id, rest: [...(references.get(id) ?? [])].reverse() });
    };
    if (!state.has(root)) enter(root);
    for (let top = path[path.length - 1]; top !== undefined; top = path[path.length - 1]) {
      const next = top.rest.pop();
      if (next === undefined) {
        state.set(top.id, "done");
        order.push(top.id);
        path.pop();
      } else if (state.get(next) === "open") {
        const start = path.findIndex((step) => step.id === next);
        issues.push(cycle([...path.slice(start).map((step) => step.id), next]));
      } else if (!state.has(next)) enter(next);
    }
  }
  return issues.length > 0 ? err(issues) : ok(order);
}

function cycle(ids: readonly string[]): Issue {
  return {
    code: "audience.cycle",
    message: `Expected audiences that do not refer to themselves, came ${ids.join(" -> ")}. Take one of these references out.`,
    path: [...ids],
    expected: "no circle of references",
    came: ids.join(" -> "),
  };
}

import { canonicalJson, type JsonValue } from "@tessera/xdm";
import type { AudiencePlan } from "../plan.ts";
import type { Program } from "../rows/program.ts";

/** Whether a change of some paths can concern what reads others: one path lies in the other. */
export function concerned(reads: readonly string[], changed: readonly string[]): boolean {
  return reads.some((read) =>
    changed.some((path) => read === path || read.startsWith(`${path}.`) || path.startsWith(`${read}.`)),
  );
}

/** For each node the nodes it is part of, in the form of `Program.parts`. */
export function parentsOf({ kinds, start, parts }: Program): readonly [Int32Array, Int32Array] {
  const first = new Int32Array(kinds.length + 1);
  for (const part of parts) first[part + 1] = (first[part + 1] ?? 0) + 1;
  for (let node = 0; node < kinds.length; node++)
    first[node + 1] = (first[node + 1] ?? 0) + (first[node] ?? 0);
  const place = first.slice();
  const parents = new Int32Array(parts.length);
  for (let node = 0; node < kinds.length; node++) {
    for (let index = start[node] ?? 0; index < (start[node + 1] ?? 0); index++) {
      const part = parts[index] ?? 0;
      const at = place[part] ?? 0;
      place[part] = at + 1;
      parents[at] = node;
    }
  }
  return [first, parents];
}

/**
 * For each audience the reasons of the leaves it hangs on that need all events, or that read attributes beneath one of
 * the `absent` paths.
 */
export function fallbacksOf(
  plan: AudiencePlan,
  program: Program,
  absent: readonly string[] = [],
): readonly { readonly audienceId: string; readonly reasons: readonly string[] }[] {
  return plan.audiences.flatMap((audience, number) => {
    const reasons = new Set<string>();
    const seen = new Set<number>();
    const open = [program.audiences[number] ?? 0];
    for (let node = open.pop(); node !== undefined; node = open.pop()) {
      if (seen.has(node)) continue;
      seen.add(node);
      const leaf = program.leaves[node];
      if (leaf?.kind === "history") reasons.add(leaf.reason);
      else if (leaf !== undefined && "reads" in leaf && absent.length > 0 && reaches(leaf.reads, absent))
        reasons.add(`it reads ${absent.join(" or ")}`);
      open.push(...program.parts.subarray(program.start[node], program.start[node + 1]));
    }
    return reasons.size === 0 ? [] : [{ audienceId: audience.id, reasons: [...reasons] }];
  });
}

function reaches(reads: readonly string[], absent: readonly string[]): boolean {
  return reads.includes("*") || concerned(reads, absent);
}

/** A number that differs, as good as always, when any definition does. */
export function fingerprintOf(plan: AudiencePlan): number {
  let hash = 0x811c9dc5 | 0;
  for (const { id, expression, excludeOptOut } of plan.audiences) {
    const text = canonicalJson([id, expression, excludeOptOut ?? true] as unknown as JsonValue);
    for (let index = 0; index < text.length; index++)
      hash = Math.imul(hash ^ text.charCodeAt(index), 0x01000193);
  }
  return hash;
}

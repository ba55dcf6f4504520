// TEMPORARY, uncommitted
import type { AudienceDefinition, Issue, JsonObject, Result, SegmentMembershipMap } from "@tessera/xdm";
export interface AudiencePlan { evaluate(input: { attributes: JsonObject; events: readonly JsonObject[]; segmentMembership: SegmentMembershipMap }, now: number): { members: ReadonlySet<string> } }
export function compileAudiences(defs: readonly AudienceDefinition[]): Result<AudiencePlan, readonly Issue[]> {
  const rules = defs.map((d) => ({ id: d.id, type: /eventType\.equals\("([^"]+)"/.exec(d.expression.value)?.[1], attr: /^([\w.]+)\.equals\("([^"]+)"/.exec(d.expression.value), seg: /inSegment\("([^"]+)"/.exec(d.expression.value)?.[1] }));
  return { ok: true, value: { evaluate: (i, now) => { const members = new Set<string>(); for (const r of rules) {
    if (r.type !== undefined) { if (i.events.some((e) => e["eventType"] === r.type && now - Date.parse(String(e["timestamp"])) < 86400000)) members.add(r.id); }
    else if (r.seg) { if (members.has(r.seg) || i.segmentMembership["ups"]?.[r.seg]?.status === "realized") members.add(r.id); }
    else if (r.attr) { let v: unknown = i.attributes; for (const s of (r.attr[1] ?? "").split(".")) v = (v as Record<string, unknown> | undefined)?.[s]; if (v === r.attr[2]) members.add(r.id); }
  } return { members }; } } };
}

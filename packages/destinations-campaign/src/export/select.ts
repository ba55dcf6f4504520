import type { ActivationItem, FieldMapping } from "@tessera/destinations";
import { digest, isMember, parseInstant, type SegmentMembershipEntry } from "@tessera/xdm";
import type { ExportWindow } from "../schedule.ts";

/** A person as an export sees them: the item to write, without its change, and the membership in the audience. */
export interface ExportCandidate {
  readonly item: Omit<ActivationItem, "id" | "changes" | "at">;
  readonly membership: SegmentMembershipEntry;
}

/** The audience that is exported. */
export interface ExportedAudience {
  readonly id: string;
  readonly namespace: string;
}

/**
 * The items of a window, lazily, each with a deterministic id.
 *
 * - Full: members at `until`; exited persons never.
 * - Incremental: memberships that changed after `since` up to `until`: members, and with a mapped status the exited too.
 *   A changed attribute or identity alone brings nobody in.
 * - What happens after `until` belongs to the next export.
 */
export function* selectItems(
  candidates: Iterable<ExportCandidate>,
  window: ExportWindow,
  audience: ExportedAudience,
  statusMapped: boolean,
): Generator<ActivationItem, void, undefined> {
  const until = instant(window.until);
  const since = window.mode === "incremental" ? instant(window.since) : -Infinity;
  const exitsSince =
    window.mode === "incremental" && window.exitsSince !== undefined ? instant(window.exitsSince) : since;
  for (const { item, membership } of candidates) {
    const changed = instant(membership.lastQualificationTime);
    const member = isMember(membership.status);
    if (
      changed > until ||
      changed <= (member ? since : exitsSince) ||
      (!member && (window.mode === "full" || !statusMapped))
    )
      continue;
    const at = membership.lastQualificationTime;
    const status = member ? "realized" : "exited";
    yield {
      ...item,
      id: digest(`${audience.namespace}:${audience.id}\n${item.personId}\n${status}\n${at}\n${window.until}`),
      at,
      changes: [{ audienceId: audience.id, namespace: audience.namespace, status, at }],
    };
  }
}

/** Whether a mapping has the status of the membership as a column. */
export function hasStatusColumn(mapping: readonly FieldMapping[]): boolean {
  return mapping.some(({ source }) => source.kind === "membership-status");
}

/** Tells mappings apart: equal text for equal mappings, in any process. */
export function mappingDigest(mapping: readonly FieldMapping[]): string {
  return digest(
    JSON.stringify(
      mapping.map(({ source, target, required, dedup, transform }) => [
        source,
        target,
        required === true,
        dedup === true,
        transform,
      ]),
    ),
  );
}

function instant(text: string): number {
  const parsed = parseInstant(text);
  return parsed.ok ? parsed.value : Number.NaN;
}

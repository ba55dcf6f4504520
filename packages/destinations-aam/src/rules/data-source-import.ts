import type { Issue, SegmentMembershipEntry, SegmentMembershipMap } from "@tessera/xdm";
import { type InboundItem, parseInboundLine } from "../files/inbound-line.ts";

/** The namespace under which Audience Manager's traits and segments appear as audiences. */
export const AAM_NAMESPACE = "AAM";

/** A data source that third-party data comes from, and what its traits are called. */
export interface ThirdPartySource {
  readonly dataSourceId: number;
  /** Namespace code of the user ids in its files. */
  readonly namespace: string;
  /** Onboarded traits by number; a line's `ic` or signal realises the trait whose code it is. */
  readonly traits: readonly { readonly sid: number; readonly integrationCode?: string }[];
  readonly mode: "sync" | "overwrite";
  /** ISO 8601: when the file was delivered. */
  readonly at: string;
}

/** One user's memberships as a profile record brings them. Without `validUntil` they last 30 days. */
export interface ImportedMembership {
  readonly namespace: string;
  readonly id: string;
  /** `overwrite`: what the record does not list is left; `sync`: only what it lists changes. */
  readonly mode: "sync" | "overwrite";
  readonly segmentMembership: SegmentMembershipMap;
  /** Traits the line names that the data source does not have, counted. */
  readonly unknownTraits: number;
}

/** A line that could not be read. */
export interface RefusedLine {
  readonly line: number;
  readonly issue: Issue;
}

/**
 * Reads inbound lines as audience memberships of namespace `AAM`. Removals are ignored in overwrite files, as
 * documented. Audiences built on them can be evaluated in batch only: external traits never take part in streaming.
 */
export function* importThirdParty(
  source: ThirdPartySource,
  lines: Iterable<string>,
): Generator<
  | { readonly kind: "membership"; readonly membership: ImportedMembership }
  | ({ readonly kind: "refused" } & RefusedLine),
  void,
  undefined
> {
  const bySid = new Set(source.traits.map(({ sid }) => sid));
  const byCode = new Map(
    source.traits.flatMap(({ sid, integrationCode }): [string, number][] =>
      integrationCode === undefined ? [] : [[integrationCode, sid]],
    ),
  );
  let line = 0;
  for (const text of lines) {
    line += 1;
    const record = parseInboundLine(text);
    if (!record.ok) {
      yield { kind: "refused", line, issue: { ...record.error, line } };
      continue;
    }
    const entries: Record<string, SegmentMembershipEntry> = {};
    let unknownTraits = 0;
    for (const item of record.value.items) {
      const sid = traitOf(item, byCode);
      if (sid === undefined || !bySid.has(sid)) unknownTraits += 1;
      else if (item.kind !== "untrait" || source.mode === "sync") {
        const status = item.kind === "untrait" ? "exited" : "realized";
        entries[String(sid)] = { status, lastQualificationTime: source.at };
      }
    }
    yield {
      kind: "membership",
      membership: {
        namespace: source.namespace,
        id: record.value.userId,
        mode: source.mode,
        segmentMembership: { [AAM_NAMESPACE]: entries },
        unknownTraits,
      },
    };
  }
}

function traitOf(item: InboundItem, byCode: ReadonlyMap<string, number>): number | undefined {
  switch (item.kind) {
    case "trait":
    case "untrait":
      return item.sid;
    case "code":
      return byCode.get(item.code);
    case "signal":
      return byCode.get(`${item.key}=${item.value}`) ?? byCode.get(item.value);
  }
}

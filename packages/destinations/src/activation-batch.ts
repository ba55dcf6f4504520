import type { Identity, JsonValue, SegmentMembershipMap } from "@tessera/xdm";
import type { FieldMapping } from "./mapping.ts";

/** Why an item was planned. */
export type ActivationTrigger =
  | "membership"
  | "identity"
  | "attribute"
  | "consent"
  | "backfill"
  | "merge"
  | "split"
  | "schedule";

/** An audience as a dataflow maps it. */
export interface MappedAudience {
  readonly id: string;
  /** Origin namespace of the membership, `ups` for audiences evaluated here. */
  readonly namespace: string;
  readonly name: string;
  readonly description?: string;
  /** The audience's id at the destination, where it differs from ours. */
  readonly targetId?: string;
}

/** What an audience is known by across origins. */
export function audienceKey({ namespace, id }: Pick<MappedAudience, "namespace" | "id">): string {
  return `${namespace}\n${id}`;
}

/** One entry or exit to tell. `at` is ISO 8601: when the person entered or left. */
export interface AudienceChange {
  readonly audienceId: string;
  readonly namespace: string;
  readonly status: "realized" | "exited";
  readonly at: string;
}

/** An identity of the person that the mapping selects, under the field name the destination uses. */
export interface MappedIdentity extends Identity {
  readonly target: string;
}

/** What is told about one person: one record, one outcome. */
export interface ActivationItem {
  /** Deterministic: the same change gives the same id. Sent as idempotency key where the destination takes one. */
  readonly id: string;
  readonly personId: string;
  readonly trigger: ActivationTrigger;
  /** ISO 8601: when the cause happened. */
  readonly at: string;
  /** Streaming profile exports: all identities. Other kinds: the mapped ones only. Values are transformed already. */
  readonly identities: readonly MappedIdentity[];
  /** By target field, transformed already. A field without value is absent. */
  readonly attributes: { readonly [target: string]: JsonValue | undefined };
  /** The entries and exits to tell; empty when an identity or an attribute changed. */
  readonly changes: readonly AudienceChange[];
  /** State after the change. Streaming profile exports: all audiences of the merge policy. Others: the mapped ones. */
  readonly memberships: SegmentMembershipMap;
  /** Edge region code to the ISO time the person was last seen there (`userActivityRegions`). */
  readonly regions?: { readonly [region: string]: string };
}

/** Items for a streaming destination; at most `capabilities.batchMax` of them. */
export interface ProfileBatch {
  readonly kind: "profiles";
  readonly destinationId: string;
  readonly dataflowId: string;
  readonly audiences: readonly MappedAudience[];
  readonly mapping: readonly FieldMapping[];
  readonly items: readonly ActivationItem[];
}

/** The rows of one audience for a file destination. Each item carries one change: this audience's. */
export interface FileBatch {
  readonly kind: "file";
  readonly destinationId: string;
  readonly dataflowId: string;
  readonly audience: MappedAudience;
  readonly mapping: readonly FieldMapping[];
  /** `full`: the whole active population. `incremental`: who entered or left since the last file. */
  readonly mode: "full" | "incremental";
  /** Can be iterated more than once and gives the same items each time. */
  readonly items: Iterable<ActivationItem>;
}

/** Audiences mapped, renamed or unmapped: for destinations that keep audience definitions of their own. */
export interface AudienceBatch {
  readonly kind: "audiences";
  readonly destinationId: string;
  readonly dataflowId: string;
  readonly items: readonly AudienceDefinitionChange[];
}

/** One audience whose definition the destination is to know, to rename or to forget. */
export interface AudienceDefinitionChange {
  readonly id: string;
  readonly change: "mapped" | "renamed" | "unmapped";
  readonly audience: MappedAudience;
}

/** What `plan` is given. A destination answers a kind of batch it does not take with `settled` rejections. */
export type ActivationBatch = ProfileBatch | FileBatch | AudienceBatch;

/** The part of the platform a limit belongs to. */
export type LimitArea =
  | "identity"
  | "profile"
  | "ingestion"
  | "segmentation"
  | "merge-policy"
  | "destinations"
  | "target"
  | "audience-manager"
  | "campaign"
  | "edge"
  | "governance"
  | "latency";

/** `soft`: beyond it things get slow or worse. `hard`: beyond it the platform refuses, quarantines or leaves out. */
export type LimitKind = "soft" | "hard";

/** Where a figure was published. `date` is the date of the copy the figure was taken from. */
export interface LimitSource {
  readonly document: string;
  readonly date: string;
}

/** What an operator may set instead of `value`: anything between `least` and `most` (inclusive; absent is open). */
export interface LimitOverride {
  readonly least?: number;
  readonly most?: number;
}

/** One limit of the platform, as data. */
export interface Limit {
  /** `area.what`, stable. */
  readonly id: string;
  readonly area: LimitArea;
  readonly title: string;
  readonly value: number;
  /** What is counted, in the plural: `identities`, `bytes`, `hours`. */
  readonly unit: string;
  /** `most`: values above violate. `least`: values below violate. */
  readonly bound: "most" | "least";
  readonly kind: LimitKind;
  /** What happens beyond it. */
  readonly effect: string;
  /** What to do about it. */
  readonly whatToDo: string;
  readonly source: LimitSource;
  readonly overridable: LimitOverride;
  /** Where published versions disagree: what else was found, and which was taken. */
  readonly note?: string;
}

/** A row of the tables under `limits/`: what differs from the defaults that `limits.ts` fills in. */
export interface LimitRow {
  readonly id: string;
  readonly title: string;
  readonly value: number;
  readonly unit: string;
  readonly bound?: "most" | "least";
  readonly kind: LimitKind;
  readonly effect: string;
  readonly whatToDo: string;
  /** A key of `DOCUMENTS`. */
  readonly source: string;
  readonly least?: number;
  readonly most?: number;
  readonly note?: string;
}

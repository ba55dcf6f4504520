import { formatInstant, type MembershipChange, parseInstant } from "@tessera/xdm";

/** An audience to be shared, as much of it as Audience Manager learns. */
export interface SharableAudience {
  readonly audienceId: string;
  readonly name: string;
  readonly description?: string;
}

/** What one shared audience is in Audience Manager. */
export interface SharedAudience {
  readonly audienceId: string;
  readonly signal: { readonly key: "segID"; readonly value: string };
  readonly trait: {
    readonly type: "onboarded";
    readonly name: string;
    readonly description: string;
    readonly folder: "Experience Platform Traits";
    readonly dataSource: "Adobe Experience Platform Audience Sharing";
    readonly integrationCode: string;
    readonly expression: string;
  };
  readonly segment: {
    readonly name: string;
    readonly description: string;
    readonly folder: "Experience Platform Segments";
    readonly mergeRule: "External Merge Policy";
    readonly integrationCode: string;
    /** Written with the trait's integration code until Audience Manager has numbered the trait. */
    readonly traits: readonly string[];
  };
  /** Always the organisation's default merge policy, whatever the audience itself names. */
  readonly mergePolicy: "organisationDefault";
  /** When the audience was first shared, ISO 8601; changes before it are never sent. */
  readonly sharedSince: string;
  /** When its first use is to be expected: names, one use (4 h), every use (24 h), reports (48 h). ISO 8601. */
  readonly firstUse: {
    readonly nameVisible: string;
    readonly usable: string;
    readonly usableEverywhere: string;
    readonly inReports: string;
  };
}

/**
 * The signal, the onboarded trait and the segment that a shared audience becomes, and when it can first be used.
 * Rules: Audience Manager "Audience Sharing with Experience Platform"; "Experience Cloud Audiences" destination.
 */
export function shareAudience(audience: SharableAudience, sharedSince: string): SharedAudience {
  const since = parseInstant(sharedSince);
  if (!since.ok) throw new TypeError("shareAudience: sharedSince must be an ISO 8601 instant");
  const after = (minutes: number): string => formatInstant(since.value + minutes * 60_000);
  const description = audience.description ?? "";
  return {
    audienceId: audience.audienceId,
    signal: { key: "segID", value: audience.audienceId },
    trait: {
      type: "onboarded",
      name: audience.name,
      description,
      folder: "Experience Platform Traits",
      dataSource: "Adobe Experience Platform Audience Sharing",
      integrationCode: audience.audienceId,
      expression: `segID = ${JSON.stringify(audience.audienceId)}`,
    },
    segment: {
      name: audience.name,
      description,
      folder: "Experience Platform Segments",
      mergeRule: "External Merge Policy",
      integrationCode: audience.audienceId,
      traits: [audience.audienceId],
    },
    mergePolicy: "organisationDefault",
    sharedSince: formatInstant(since.value),
    firstUse: {
      nameVisible: after(15),
      usable: after(4 * 60),
      usableEverywhere: after(24 * 60),
      inReports: after(48 * 60),
    },
  };
}

/**
 * Whether a membership change is to be shared: it is after the moment the audience was shared. There is no backfill;
 * who was a member before is told only with the next change.
 */
export function isAfterSharing(change: Pick<MembershipChange, "at">, sharedSince: string): boolean {
  const at = parseInstant(change.at);
  const since = parseInstant(sharedSince);
  return at.ok && since.ok && at.value >= since.value;
}

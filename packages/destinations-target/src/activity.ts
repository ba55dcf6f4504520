import type { JsonValue } from "@tessera/xdm";

/** Where an offer is shown: a named mbox, a view of a single-page app, or the page as a whole. */
export type Location =
  | { readonly kind: "mbox"; readonly name: string }
  | { readonly kind: "view"; readonly name: string }
  | { readonly kind: "page-load" };

/** One change of the page. */
export interface DomAction {
  readonly type: DomActionType;
  readonly selector: string;
  readonly content: JsonValue;
  readonly prehidingSelector?: string;
}

/** Kinds of changes that the Web SDK renders. */
export const DOM_ACTIONS = [
  "setHtml",
  "customCode",
  "setText",
  "setAttribute",
  "setImageSource",
  "setStyle",
  "move",
  "resize",
  "rearrange",
  "remove",
  "insertAfter",
  "insertBefore",
  "replaceHtml",
  "prependHtml",
  "appendHtml",
] as const;

/** See `DOM_ACTIONS`. */
export type DomActionType = (typeof DOM_ACTIONS)[number];

/** What is shown. `default` shows what the page has, and is counted: the control of a test. */
export type Offer =
  | { readonly kind: "html"; readonly content: string }
  | { readonly kind: "json"; readonly content: JsonValue }
  | { readonly kind: "redirect"; readonly url: string }
  | { readonly kind: "actions"; readonly actions: readonly DomAction[] }
  | { readonly kind: "default" };

/** Whom something is for. Ids are audience ids, membership in any origin namespace counts. */
export type AudienceCondition =
  | { readonly kind: "everyone" }
  | { readonly kind: "any"; readonly audiences: readonly string[] }
  | { readonly kind: "all"; readonly audiences: readonly string[] }
  | { readonly kind: "none"; readonly audiences: readonly string[] };

/** A way the activity can look: one offer a location. */
export interface Experience {
  readonly id: number;
  readonly name: string;
  /** Percent of visitors, for activities that split; all together at most 100. */
  readonly percentage?: number;
  /** For activities that target by experience. */
  readonly audience?: AudienceCondition;
  readonly offers: readonly { readonly location: Location; readonly offer: Offer }[];
}

/**
 * Audience-targeted offers.
 * - `ab`: visitors are split over the experiences by their percentages, each visitor always the same.
 * - `xt`: the first experience whose audience fits.
 */
export interface Activity {
  /** A positive integer, unique among activities. */
  readonly id: number;
  readonly name: string;
  readonly type: "ab" | "xt";
  readonly status: "live" | "inactive";
  /** The workspace it belongs to; `default` when absent. Connections of other workspaces do not serve it. */
  readonly workspace?: string;
  /** 0 to 999; the highest wins a location. */
  readonly priority: number;
  readonly audience: AudienceCondition;
  readonly experiences: readonly Experience[];
  /** ISO 8601 in UTC; `endsAt` is exclusive. */
  readonly startsAt?: string;
  readonly endsAt?: string;
  /** Only for requests of these properties; for all when empty or absent. */
  readonly properties?: readonly string[];
  /** Clicks to report, by CSS selector. */
  readonly clicks?: readonly string[];
}

/** The key of a location in an index of activities. */
export function locationKey(location: Location): string {
  return location.kind === "page-load" ? "page-load" : `${location.kind}:${location.name}`;
}

/** Every audience an activity asks about. */
export function audiencesOf(activity: Activity): ReadonlySet<string> {
  const conditions = [activity.audience, ...activity.experiences.map(({ audience }) => audience)];
  return new Set(conditions.flatMap((c) => (c && c.kind !== "everyone" ? c.audiences : [])));
}

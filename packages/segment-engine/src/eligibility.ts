import { UPS } from "@tessera/xdm";
import type { Pql } from "./ast.ts";
import { audienceNamed } from "./audience-named.ts";
import { type EventUse, readsOf } from "./event-reads.ts";
import { nodes } from "./pql/walk.ts";

/** Whether a definition may be evaluated in a way, and the reason for every no. */
export interface Verdict {
  readonly eligible: boolean;
  readonly reasons: readonly EligibilityReason[];
}

/** One reason against a way of evaluation. */
export interface EligibilityReason {
  readonly code:
    | "invalid"
    | "window-missing"
    | "window-too-long"
    | "only-negated"
    | "several-events"
    | "events-unordered"
    | "ignores-year"
    | "event-with-audience"
    | "foreign-audience";
  readonly message: string;
}

/** The verdicts for the three ways. */
export interface Eligibility {
  readonly batch: Verdict;
  readonly streaming: Verdict;
  readonly edge: Verdict;
}

/** What eligibility needs to know of an audience that `inSegment` names. */
export interface KnownAudience {
  /** Whether its definition, and those it names, read attributes only. */
  readonly profileOnly: boolean;
}

const DAY = 86_400_000;

const MESSAGES: Readonly<Record<EligibilityReason["code"], string>> = {
  invalid: "The definition has errors: correct them first.",
  "window-missing":
    "An event is looked for without a limit of time: give it a window within the last 24 hours.",
  "window-too-long": "An event is looked for further back than 24 hours: shorten the window.",
  "only-negated": "Only the absence of events is asked for: ask for at least one event that did happen.",
  "several-events": "More than one event is looked at; on the edge a definition may ask for one event.",
  "events-unordered":
    "Several events are asked for with no order between them: make them the steps of one CHAIN, or make each an audience and combine those with inSegment.",
  "ignores-year": "A date is compared without its year (month or day of the month).",
  "event-with-audience":
    "An event is combined with inSegment of an audience that is not known to read attributes only: make each part an audience and combine those.",
  "foreign-audience": "An audience of Audience Manager or another foreign namespace is named.",
};

const NO_YEAR: ReadonlySet<string> = new Set([
  "getMonth",
  "getDayOfMonth",
  "currentMonth",
  "currentDayOfMonth",
]);

/**
 * The ways in which a definition may be evaluated. Without `wide` the platform's documented rules hold; with it
 * Tessera's own: any window and any sequence, in streaming and on the edge.
 */
export function eligibilityOf(
  pql: Pql,
  known: ReadonlyMap<string, KnownAudience>,
  options: { readonly wide?: boolean } = {},
): Eligibility {
  const all = [...nodes(pql)];
  const { uses } = readsOf(pql);
  const foreign = all.some(namesForeign);
  const both = new Set<EligibilityReason["code"]>();
  if (foreign) both.add("foreign-audience");
  if (options.wide === true)
    return { batch: verdict([]), streaming: verdict([...both]), edge: verdict([...both]) };
  for (const reason of windowReasons(uses)) both.add(reason);
  if (uses.length > 0 && uses.every((use) => use.negated)) both.add("only-negated");
  // The steps of one chain are ordered; nothing orders an event of one condition and an event of another.
  if (new Set(uses.map((use) => use.node)).size > 1) both.add("events-unordered");
  if (all.some((node) => node.kind === "call" && NO_YEAR.has(node.name))) both.add("ignores-year");
  if (uses.length > 0 && !foreign && all.some((node) => namesReader(node, known)))
    both.add("event-with-audience");
  const edge = new Set(both);
  if (uses.length > 1 || uses.some((use) => use.several)) edge.add("several-events");
  return { batch: verdict([]), streaming: verdict([...both]), edge: verdict([...edge]) };
}

/** The verdicts on a definition that has errors. */
export function ineligible(): Eligibility {
  const no = verdict(["invalid"]);
  return { batch: no, streaming: no, edge: no };
}

function verdict(codes: readonly EligibilityReason["code"][]): Verdict {
  return { eligible: codes.length === 0, reasons: codes.map((code) => ({ code, message: MESSAGES[code] })) };
}

function windowReasons(uses: readonly EventUse[]): readonly EligibilityReason["code"][] {
  return uses.flatMap((use): readonly EligibilityReason["code"][] => {
    if (use.lookBack === undefined) return ["window-missing"];
    return use.lookBack > DAY ? ["window-too-long"] : [];
  });
}

function namesForeign(node: Pql): boolean {
  const audience = audienceNamed(node);
  return audience !== undefined && audience.namespace !== UPS;
}

function namesReader(node: Pql, known: ReadonlyMap<string, KnownAudience>): boolean {
  const audience = audienceNamed(node);
  return audience?.id !== undefined && known.get(audience.id)?.profileOnly !== true;
}

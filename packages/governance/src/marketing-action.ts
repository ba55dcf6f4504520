import { describe, err, type Issue, ok, type Result } from "@tessera/xdm";
import type { ConsentUse } from "./consent.ts";

/** A reference to a marketing action: `core/emailTargeting`, `custom/sms`. Made by `parseMarketingAction`. */
export type MarketingAction = string & { readonly __brand?: "MarketingAction" };

/** One marketing action that every organisation has, and the consent it needs of a person. */
export interface CoreMarketingAction {
  readonly name: string;
  readonly title: string;
  readonly needs?: ConsentUse;
}

/** The marketing actions that every organisation has (experience-platform.en data-governance/policies/overview.md). */
export const CORE_MARKETING_ACTIONS: readonly CoreMarketingAction[] = [
  { name: "analytics", title: "Analytics", needs: { purpose: "collect" } },
  { name: "combineWithPii", title: "Combine with directly identifiable data" },
  { name: "crossSiteTargeting", title: "Cross Site Targeting", needs: { purpose: "share" } },
  { name: "dataScience", title: "Data Science", needs: { purpose: "collect" } },
  { name: "emailTargeting", title: "Email Targeting", needs: { purpose: "marketing", channel: "email" } },
  { name: "exportToThirdParty", title: "Export to Third Party", needs: { purpose: "share" } },
  { name: "onsiteAdvertising", title: "Onsite Advertising", needs: { purpose: "personalize" } },
  { name: "onsitePersonalization", title: "Onsite Personalization", needs: { purpose: "personalize" } },
  { name: "segmentMatch", title: "Segment Match", needs: { purpose: "share" } },
  {
    name: "singleIdentityPersonalization",
    title: "Single Identity Personalization",
    needs: { purpose: "personalize" },
  },
];

const BY_NAME = new Map(CORE_MARKETING_ACTIONS.map((action) => [action.name.toLowerCase(), action]));
const CUSTOM = /^[A-Za-z0-9][A-Za-z0-9_.-]{0,63}$/;

/**
 * Reads a marketing action: a bare name, `core/emailTargeting`, `custom/sms`, or the URI of the policy API, of which
 * only what follows `/marketingActions/` counts. Core names are read in any case.
 */
export function parseMarketingAction(input: unknown): Result<MarketingAction, Issue> {
  if (typeof input !== "string") return err(invalid(describe(input)));
  const marker = "/marketingActions/";
  const at = input.lastIndexOf(marker);
  const reference = at < 0 ? input : input.slice(at + marker.length);
  const slash = reference.indexOf("/");
  const scope = slash < 0 ? undefined : reference.slice(0, slash);
  const name = reference.slice(slash + 1);
  const core = BY_NAME.get(name.toLowerCase());
  if (core && (scope === undefined || scope === "core")) return ok(`core/${core.name}`);
  if (CUSTOM.test(name) && (scope === undefined || scope === "custom")) return ok(`custom/${name}`);
  return err(invalid(describe(input)));
}

/** The core marketing action of a reference; `undefined` for custom ones. */
export function coreMarketingAction(action: MarketingAction): CoreMarketingAction | undefined {
  return action.startsWith("core/") ? BY_NAME.get(action.slice(5).toLowerCase()) : undefined;
}

function invalid(came: string): Issue {
  const expected = "a marketing action such as core/emailTargeting or custom/my-action";
  return {
    code: "marketingAction.invalid",
    expected,
    came,
    message: `Expected ${expected}, got ${came}. Use a core marketing action or create a custom one.`,
  };
}

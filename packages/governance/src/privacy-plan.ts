import type { PrivacyAction } from "./privacy-request.ts";

/** A place where something about a person lies. Each gives its own receipt. */
export type PrivacySystem =
  | "suppression-list"
  | "identity-graph"
  | "fragments"
  | "events"
  | "person-state"
  | "edge-profiles"
  | "outbox"
  | "export-files"
  | "quarantine"
  | "delivery-log"
  | "destination-analytics"
  | "destination-audience-manager"
  | "destination-campaign"
  | "destination-target"
  | "storage";

/** What a system is asked to do. */
export type PrivacyOperation = "expand" | "suppress" | "collect" | "delete" | "compact";

/** One thing to do. Steps of a phase may run together; the next phase begins when all of them are done. */
export interface PrivacyStep {
  readonly system: PrivacySystem;
  readonly operation: PrivacyOperation;
  readonly phase: 1 | 2 | 3 | 4;
}

/** The name of a product in `include`. */
export type PrivacyProduct =
  | "ProfileService"
  | "identity"
  | "aepDataLake"
  | "Analytics"
  | "AudienceManager"
  | "Campaign"
  | "Target";

/** The products whose data lies in this platform; the others are told to delete. */
const OWN: ReadonlySet<PrivacyProduct> = new Set(["ProfileService", "identity", "aepDataLake"]);

/** A product that a request names, and the systems it stands for. */
interface ProductSystems {
  readonly access: readonly PrivacySystem[];
  readonly delete: readonly PrivacySystem[];
}

/**
 * The products a request may include. `ProfileService` alone leaves the graph and the events behind, so that the
 * profile can be rebuilt; `identity` adds the graph, `aepDataLake` the events. The rest are destinations that are
 * told to answer or to delete.
 */
const PRODUCTS: { readonly [product in PrivacyProduct]: ProductSystems } = {
  ProfileService: {
    access: ["fragments", "person-state", "edge-profiles", "delivery-log"],
    delete: ["fragments", "person-state", "edge-profiles", "outbox", "export-files"],
  },
  identity: { access: ["identity-graph"], delete: ["identity-graph"] },
  aepDataLake: { access: ["events", "quarantine"], delete: ["events", "quarantine", "delivery-log"] },
  Analytics: { access: ["destination-analytics"], delete: ["destination-analytics"] },
  AudienceManager: { access: ["destination-audience-manager"], delete: ["destination-audience-manager"] },
  Campaign: { access: ["destination-campaign"], delete: ["destination-campaign"] },
  Target: { access: ["destination-target"], delete: ["destination-target"] },
};

/** Every product a request may include. */
export const PRIVACY_PRODUCTS: readonly PrivacyProduct[] = Object.keys(PRODUCTS) as PrivacyProduct[];

/** Whether a text is the name of a product. */
export function isPrivacyProduct(input: unknown): input is PrivacyProduct {
  return typeof input === "string" && Object.hasOwn(PRODUCTS, input);
}

/**
 * What is to be done for a job, in order of phases.
 *
 * 1. `expandIds` asks the graph which identities are meant too, before the graph is deleted.
 * 2. A delete puts them on the suppression list, so that nothing of the past comes back meanwhile.
 * 3. Every system collects or deletes; the steps are independent of each other.
 * 4. A delete compacts the storage, so that no value stays in freed pages.
 *
 * A delete that names destinations only neither suppresses nor compacts: the platform keeps the person.
 */
export function privacyPlan(
  action: PrivacyAction,
  include: readonly PrivacyProduct[],
  expandIds: boolean,
): readonly PrivacyStep[] {
  const systems = new Set(include.flatMap((product) => PRODUCTS[product][action]));
  const ownDelete = action === "delete" && include.some((product) => OWN.has(product));
  const operation = action === "access" ? "collect" : "delete";
  return [
    ...(expandIds ? [{ system: "identity-graph", operation: "expand", phase: 1 } as const] : []),
    ...(ownDelete ? [{ system: "suppression-list", operation: "suppress", phase: 2 } as const] : []),
    ...[...systems].map((system) => ({ system, operation, phase: 3 }) as const),
    ...(ownDelete ? [{ system: "storage", operation: "compact", phase: 4 } as const] : []),
  ];
}

import type { Label } from "./label.ts";
import type { MarketingAction } from "./marketing-action.ts";
import type { Policy } from "./policy.ts";

/** A dataset as governance sees it. Field paths are dotted: `personalEmail.address`; a parent's label covers its children. */
export interface GovernedDataset {
  readonly id: string;
  readonly name: string;
  /** Fields of event datasets are met by rule fields that begin with `xEvent.`. */
  readonly kind: "record" | "event";
  readonly labels: readonly Label[];
  readonly fieldLabels: { readonly [path: string]: readonly Label[] };
}

/** A merge policy: whose datasets make the person, and whether identities are stitched (`pdg`). */
export interface GovernedMergePolicy {
  readonly id: string;
  readonly name: string;
  readonly datasets: "all" | readonly string[];
  readonly identityGraph: "none" | "pdg";
}

/** An audience: the fields its rule reads, and the audiences it is made of. External audiences read no fields. */
export interface GovernedAudience {
  readonly id: string;
  readonly name: string;
  readonly mergePolicyId?: string;
  /** `person.name.firstName`, or `xEvent.commerce.order.priceTotal` for fields of events. */
  readonly fields: readonly string[];
  readonly audiences?: readonly string[];
  /** Labels put on the audience itself. */
  readonly labels?: readonly Label[];
}

/** A destination, and what is done with data there. */
export interface GovernedDestination {
  readonly id: string;
  readonly name: string;
  readonly marketingActions: readonly MarketingAction[];
}

/** Audiences and attributes on their way to a destination. */
export interface GovernedDataflow {
  readonly id: string;
  readonly name: string;
  readonly destinationId: string;
  readonly audienceIds: readonly string[];
  /** The profile fields that are sent along. */
  readonly mappedFields: readonly string[];
}

/** Everything a policy question about a sandbox reads. `defaultMergePolicyId` serves audiences that name none. */
export interface GovernanceCatalog {
  readonly datasets: readonly GovernedDataset[];
  readonly mergePolicies: readonly GovernedMergePolicy[];
  readonly defaultMergePolicyId?: string;
  readonly audiences: readonly GovernedAudience[];
  readonly destinations: readonly GovernedDestination[];
  readonly dataflows: readonly GovernedDataflow[];
  readonly policies: readonly Policy[];
}

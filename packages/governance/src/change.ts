import type {
  GovernanceCatalog,
  GovernedAudience,
  GovernedDataflow,
  GovernedDataset,
  GovernedDestination,
  GovernedMergePolicy,
} from "./catalog.ts";
import type { Policy } from "./policy.ts";

/** One edit that policies have a say in: something as it will stand once saved, or the id of what is deleted. */
export type GovernanceChange =
  /** A new dataset, or one with other labels on it or its fields. */
  | { readonly kind: "dataset"; readonly dataset: GovernedDataset }
  | { readonly kind: "policy"; readonly policy: Policy }
  | { readonly kind: "merge-policy"; readonly mergePolicy: GovernedMergePolicy }
  | { readonly kind: "audience"; readonly audience: GovernedAudience }
  /** A dataflow with other audiences or mapped fields. */
  | { readonly kind: "dataflow"; readonly dataflow: GovernedDataflow }
  | { readonly kind: "destination"; readonly destination: GovernedDestination }
  | {
      readonly kind: "delete";
      readonly what: "dataset" | "policy" | "merge-policy" | "audience" | "dataflow" | "destination";
      readonly id: string;
    };

/** The catalog as it stands after a change. */
export function applyChange(catalog: GovernanceCatalog, change: GovernanceChange): GovernanceCatalog {
  switch (change.kind) {
    case "dataset":
      return { ...catalog, datasets: put(catalog.datasets, change.dataset) };
    case "policy":
      return { ...catalog, policies: put(catalog.policies, change.policy) };
    case "merge-policy":
      return { ...catalog, mergePolicies: put(catalog.mergePolicies, change.mergePolicy) };
    case "audience":
      return { ...catalog, audiences: put(catalog.audiences, change.audience) };
    case "dataflow":
      return { ...catalog, dataflows: put(catalog.dataflows, change.dataflow) };
    case "destination":
      return { ...catalog, destinations: put(catalog.destinations, change.destination) };
    case "delete":
      return remove(catalog, change.what, change.id);
  }
}

function remove(
  catalog: GovernanceCatalog,
  what: Extract<GovernanceChange, { readonly kind: "delete" }>["what"],
  id: string,
): GovernanceCatalog {
  switch (what) {
    case "dataset":
      return { ...catalog, datasets: without(catalog.datasets, id) };
    case "policy":
      return { ...catalog, policies: without(catalog.policies, id) };
    case "merge-policy":
      return { ...catalog, mergePolicies: without(catalog.mergePolicies, id) };
    case "audience":
      return { ...catalog, audiences: without(catalog.audiences, id) };
    case "dataflow":
      return { ...catalog, dataflows: without(catalog.dataflows, id) };
    case "destination":
      return { ...catalog, destinations: without(catalog.destinations, id) };
  }
}

function put<T extends { readonly id: string }>(list: readonly T[], item: T): readonly T[] {
  return list.some(({ id }) => id === item.id)
    ? list.map((old) => (old.id === item.id ? item : old))
    : [...list, item];
}

function without<T extends { readonly id: string }>(list: readonly T[], id: string): readonly T[] {
  return list.filter((item) => item.id !== id);
}

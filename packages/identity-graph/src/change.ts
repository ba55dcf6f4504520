import type { IdentityKey } from "@tessera/xdm";
import type { GraphLink, Pair, RemovalReason } from "./graph.ts";
import type { Step } from "./moment.ts";

/**
 * What one step did to the graphs. A step that only confirms known links has no changes.
 *
 * - `linkAdded.restored`: the link had been removed and was observed again.
 * - `merged`, `split` name persons by their anchor identities.
 * - `nearCap`: the graph of `anchor` grew to `size` of at most `cap`; a warning.
 */
export type GraphChange =
  | { readonly kind: "identityAdded"; readonly identity: IdentityKey; readonly at: Step }
  | ({ readonly kind: "linkAdded"; readonly restored: boolean; readonly at: Step } & Pair)
  | { readonly kind: "linkRemoved"; readonly link: GraphLink; readonly reason: RemovalReason }
  | { readonly kind: "identityLeft"; readonly identity: IdentityKey; readonly cap: number; readonly at: Step }
  | { readonly kind: "merged"; readonly into: IdentityKey; readonly from: readonly IdentityKey[] }
  | { readonly kind: "split"; readonly from: IdentityKey; readonly into: readonly IdentityKey[] }
  | { readonly kind: "nearCap"; readonly anchor: IdentityKey; readonly size: number; readonly cap: number };

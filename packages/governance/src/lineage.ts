import type { Label } from "./label.ts";

/** One step on the way of a label to a marketing action. `id` is a reference, `name` what people call it. */
export interface LineageNode {
  readonly kind:
    | "label"
    | "dataset"
    | "field"
    | "merge-policy"
    | "audience"
    | "mapping"
    | "destination"
    | "marketing-action";
  readonly id: string;
  readonly name?: string;
}

/**
 * A label that reaches a dataflow, and one way it took. The way begins with the label, goes on with its source (the
 * dataset, the field, the merge policy or the audience that carries it) and ends at the destination.
 */
export interface LabelLineage {
  readonly label: Label;
  readonly lineage: readonly LineageNode[];
}

/** A lineage in one line: `core/C2 → CRM → personalEmail.address → VIPs → Newsletter`. */
export function formatLineage(lineage: readonly LineageNode[]): string {
  return lineage.map(({ id, name }) => name ?? id).join(" → ");
}

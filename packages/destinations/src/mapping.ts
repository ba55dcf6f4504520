/**
 * Where a mapped value comes from.
 * - `attribute`: a dotted path into the merged profile, `person.name.firstName`.
 * - `identity`: the person's identities of one namespace.
 * - `pql`: an expression over the merged profile, evaluated when the item is planned.
 * - `membership-status`: `realized` or `exited` of the audience at hand (`segmentMembership.status`).
 */
export type MappingSource =
  | { readonly kind: "attribute"; readonly path: string }
  | { readonly kind: "identity"; readonly namespace: string }
  | { readonly kind: "pql"; readonly expression: string }
  | { readonly kind: "membership-status" };

/** One line of a mapping: source to target field, with what must hold for it. */
export interface FieldMapping {
  readonly source: MappingSource;
  /** The field, column or identity namespace as the destination calls it. */
  readonly target: string;
  /** A person lacking a value here is not told; `explainActivation` says so, and files name it a rejection. */
  readonly required?: boolean;
  /** Part of the deduplication key of a file: one identity namespace, or one or two attributes. */
  readonly dedup?: boolean;
  /** `sha256`: the value is trimmed, lower-cased and hashed to 64 hex digits before it leaves. */
  readonly transform?: "sha256";
}

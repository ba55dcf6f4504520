/**
 * A condition on the attributes of a person that an index can answer: which values lie under a dotted path
 * (`homeAddress.city`), joined with `all` and `any`. Numbers alone are compared by size.
 */
export type AttributeCondition =
  | { readonly kind: "in"; readonly path: string; readonly values: readonly (string | number | boolean)[] }
  | {
      readonly kind: "compare";
      readonly path: string;
      readonly op: "<" | "<=" | ">" | ">=";
      readonly value: number;
    }
  | { readonly kind: "all" | "any"; readonly of: readonly AttributeCondition[] };

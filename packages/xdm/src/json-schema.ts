/**
 * The part of JSON Schema that describes XDM data: what field groups are written in, what records and events are
 * checked against, and what PQL is type-checked against (there `xEvent` is an array property of the root).
 */
export interface JsonSchema {
  readonly type?: "object" | "array" | "string" | "number" | "integer" | "boolean";
  readonly format?: "date-time" | "date" | "email" | "uri" | (string & {});
  readonly properties?: { readonly [field: string]: JsonSchema };
  /** For maps: the schema of every value whose key is not in `properties`; `false` refuses unknown fields. */
  readonly additionalProperties?: JsonSchema | boolean;
  readonly items?: JsonSchema;
  readonly required?: readonly string[];
  readonly enum?: readonly (string | number | boolean | null)[];
  readonly minimum?: number;
  readonly maximum?: number;
  readonly minLength?: number;
  readonly maxLength?: number;
  readonly pattern?: string;
  readonly title?: string;
  readonly description?: string;
}

import type { JsonSchema } from "@tessera/xdm";

/** What is known of the type of an expression. `any` is compatible with everything. */
export type Type =
  | { readonly kind: "any" | "null" | "boolean" | "number" | "time" }
  | { readonly kind: "string"; readonly dated: boolean }
  | { readonly kind: "list"; readonly item: Type }
  | { readonly kind: "object"; readonly schema: JsonSchema; readonly event: boolean }
  | { readonly kind: "map"; readonly value: Type };

export const ANY: Type = { kind: "any" };
export const BOOLEAN: Type = { kind: "boolean" };
export const NUMBER: Type = { kind: "number" };
export const STRING: Type = { kind: "string", dated: false };
export const TIME: Type = { kind: "time" };

/** The type that a schema describes. */
export function typeOfSchema(schema: JsonSchema | undefined, event = false): Type {
  if (schema === undefined) return ANY;
  switch (schema.type) {
    case "boolean":
      return BOOLEAN;
    case "number":
    case "integer":
      return NUMBER;
    case "string":
      return { kind: "string", dated: schema.format === "date-time" || schema.format === "date" };
    case "array":
      return { kind: "list", item: typeOfSchema(schema.items, event) };
    case "object":
      return ofObject(schema, event);
    default:
      return schema.properties ? ofObject(schema, event) : ANY;
  }
}

function ofObject(schema: JsonSchema, event: boolean): Type {
  if (schema.properties) return { kind: "object", schema, event };
  if (typeof schema.additionalProperties === "object") {
    return { kind: "map", value: typeOfSchema(schema.additionalProperties) };
  }
  return ANY;
}

/** The type of a field of a value; `unknown` says that the type has no such field, with the fields it has. */
export function fieldType(type: Type, name: string): Type | { readonly unknown: readonly string[] } {
  switch (type.kind) {
    case "any":
    case "null":
      return ANY;
    case "map":
      return type.value;
    case "list": {
      const item = fieldType(type.item, name);
      if ("unknown" in item) return item;
      return item.kind === "list" || item.kind === "any" ? item : { kind: "list", item };
    }
    case "object":
      return objectField(type, name);
    default:
      return { unknown: [] };
  }
}

function objectField(
  type: Type & { readonly kind: "object" },
  name: string,
): Type | { readonly unknown: readonly string[] } {
  const { properties = {}, additionalProperties } = type.schema;
  if (Object.hasOwn(properties, name)) return typeOfSchema(properties[name], name === "xEvent");
  if (type.event && name === "_id") return STRING;
  if (type.event && name === "timestamp") return { kind: "string", dated: true };
  if (additionalProperties === true) return ANY;
  if (typeof additionalProperties === "object") return typeOfSchema(additionalProperties);
  return { unknown: [...Object.keys(properties), ...(type.event ? ["_id", "timestamp"] : [])] };
}

/** Whether a value of the type can stand for a time. */
export function isTime(type: Type): boolean {
  return (
    type.kind === "any" ||
    type.kind === "time" ||
    type.kind === "string" ||
    (type.kind === "object" && type.event)
  );
}

/** Whether values of the two types can be equal. */
export function compatible(a: Type, b: Type): boolean {
  if (a.kind === "any" || b.kind === "any" || a.kind === "null" || b.kind === "null") return true;
  if (a.kind === "time" || b.kind === "time") return isTime(a) && isTime(b);
  if (a.kind === "list" && b.kind === "list") return compatible(a.item, b.item);
  const structured = (type: Type): boolean => type.kind === "object" || type.kind === "map";
  return a.kind === b.kind || (structured(a) && structured(b));
}

/** The type of values of either type. */
export function either(a: Type, b: Type): Type {
  if (a.kind === "null") return b;
  if (b.kind === "null") return a;
  return a.kind === b.kind && compatible(a, b) ? a : ANY;
}

/** A type in words. */
export function typeName(type: Type): string {
  switch (type.kind) {
    case "any":
      return "any value";
    case "list":
      return type.item.kind === "any" ? "a list" : `a list (of ${typeName(type.item)})`;
    case "object":
      return type.event ? "an event" : "an object";
    case "time":
      return "a time";
    case "string":
      return type.dated ? "a date-time string" : "a string";
    case "null":
      return "null";
    default:
      return `a ${type.kind}`;
  }
}

import { err, type Issue, type JsonSchema, ok, type Result } from "@tessera/xdm";

/**
 * Several schemas as one: all fields of all of them, nested ones too. Merging adds and never takes away, so a union can
 * only grow. One field of two types is refused (`schema.conflict`), naming every such field.
 */
export function mergeSchemas(schemas: readonly JsonSchema[]): Result<JsonSchema, readonly Issue[]> {
  const issues: Issue[] = [];
  const merged = schemas.reduce<JsonSchema>((into, schema) => merge(into, schema, [], issues), {
    type: "object",
  });
  return issues.length > 0 ? err(issues) : ok(merged);
}

function merge(a: JsonSchema, b: JsonSchema, path: readonly string[], issues: Issue[]): JsonSchema {
  const types = [typeOf(a), typeOf(b)];
  if (types[0] !== undefined && types[1] !== undefined && types[0] !== types[1]) {
    issues.push({
      code: "schema.conflict",
      path,
      expected: types[0],
      came: types[1],
      message: `${path.join(".")}: one field group says ${types[0]}, another ${types[1]}. Name one of the fields differently.`,
    });
    return a;
  }
  const properties: Record<string, JsonSchema> = { ...a.properties };
  for (const [field, schema] of Object.entries(b.properties ?? {})) {
    const held = properties[field];
    properties[field] = held === undefined ? schema : merge(held, schema, [...path, field], issues);
  }
  const items =
    a.items !== undefined && b.items !== undefined
      ? merge(a.items, b.items, [...path, "items"], issues)
      : (a.items ?? b.items);
  const required = [...new Set([...(a.required ?? []), ...(b.required ?? [])])];
  return {
    ...b,
    ...a,
    ...(Object.keys(properties).length === 0 ? {} : { properties }),
    ...(items === undefined ? {} : { items }),
    ...(required.length === 0 ? {} : { required }),
  };
}

/** Whole numbers are numbers where fields of several groups meet. */
function typeOf({ type, properties }: JsonSchema): string | undefined {
  if (type === "integer") return "number";
  return type ?? (properties === undefined ? undefined : "object");
}

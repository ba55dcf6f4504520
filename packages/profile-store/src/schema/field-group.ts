import {
  describe,
  err,
  isObject,
  type Issue,
  type JsonSchema,
  ok,
  parseJson,
  type Result,
} from "@tessera/xdm";
import { mergeSchemas } from "./merge-schemas.ts";

/** What a schema describes: records (XDM Individual Profile) or events (XDM ExperienceEvent). */
export type SchemaClass = "profile" | "event";

/** Fields that belong together, for any schema of a class. */
export interface FieldGroup {
  readonly id: string;
  readonly name: string;
  readonly class: SchemaClass;
  readonly schema: JsonSchema;
}

/** A schema: field groups of one class, put together. Datasets name it; their items are checked against it. */
export interface SchemaDefinition {
  readonly id: string;
  readonly name: string;
  readonly class: SchemaClass;
  readonly fieldGroups: readonly string[];
}

const ID = /^[A-Za-z0-9_.:/-]{1,200}$/;
const DEEPEST = 20;

/**
 * Reads a field group of a user. Its fields lie under the tenant's own field (`_<tenant>`), so that they never meet
 * fields of the platform or of others.
 */
export function parseFieldGroup(input: unknown, tenantField: string): Result<FieldGroup, readonly Issue[]> {
  const { id, name = id, class: schemaClass, schema } = isObject(input) ? input : {};
  const issues = headIssues(id, name, schemaClass);
  const shape = schemaIssue(schema, ["schema"]);
  if (shape !== undefined) issues.push(shape);
  else {
    const strangers = Object.keys((schema as JsonSchema).properties ?? {}).filter(
      (field) => field !== tenantField,
    );
    for (const field of strangers) {
      issues.push(wrong(["schema", "properties", field], `fields under ${tenantField} only`, field));
    }
  }
  if (issues.length > 0) return err(issues);
  const json = parseJson(schema);
  if ("badPath" in json) return err([wrong(["schema", ...json.badPath], "JSON data", schema)]);
  return ok({
    id: id as string,
    name: name as string,
    class: schemaClass as SchemaClass,
    schema: json.value as unknown as JsonSchema,
  });
}

/** Reads a schema definition; `known` are the field groups there are. */
export function parseSchemaDefinition(
  input: unknown,
  known: ReadonlyMap<string, FieldGroup>,
): Result<SchemaDefinition, readonly Issue[]> {
  const { id, name = id, class: schemaClass, fieldGroups } = isObject(input) ? input : {};
  const issues = headIssues(id, name, schemaClass);
  const ids = Array.isArray(fieldGroups) ? (fieldGroups as unknown[]) : [];
  if (ids.length === 0) issues.push(wrong(["fieldGroups"], "a list of field group ids", fieldGroups));
  const groups = ids.flatMap((one, index) => {
    const group = typeof one === "string" ? known.get(one) : undefined;
    if (group === undefined) issues.push(wrong(["fieldGroups", index], "the id of a field group", one));
    else if (group.class !== schemaClass)
      issues.push(
        wrong(["fieldGroups", index], `a field group of class ${String(schemaClass)}`, group.class),
      );
    return group === undefined ? [] : [group];
  });
  if (issues.length > 0) return err(issues);
  const merged = mergeSchemas(groups.map(({ schema }) => schema));
  if (!merged.ok) return merged;
  return ok({
    id: id as string,
    name: name as string,
    class: schemaClass as SchemaClass,
    fieldGroups: ids as string[],
  });
}

function headIssues(id: unknown, name: unknown, schemaClass: unknown): Issue[] {
  const issues: Issue[] = [];
  if (typeof id !== "string" || !ID.test(id))
    issues.push(wrong(["id"], "1 to 200 letters, digits, _ . : / -", id));
  if (typeof name !== "string" || name === "") issues.push(wrong(["name"], "a non-empty string", name));
  if (schemaClass !== "profile" && schemaClass !== "event")
    issues.push(wrong(["class"], "profile or event", schemaClass));
  return issues;
}

const TYPES: readonly unknown[] = [undefined, "object", "array", "string", "number", "integer", "boolean"];
const AMOUNTS = ["minimum", "maximum", "minLength", "maxLength"] as const;

/** What first makes something no schema that values can be checked against; undefined when nothing does. */
export function schemaIssue(
  schema: unknown,
  path: readonly (string | number)[],
  depth: number = 0,
): Issue | undefined {
  if (!isObject(schema)) return wrong(path, "a JSON Schema object", schema);
  if (depth > DEEPEST) return wrong(path, `at most ${DEEPEST} levels`, schema);
  if (!TYPES.includes(schema["type"]))
    return wrong([...path, "type"], "object, array, string, number, integer or boolean", schema["type"]);
  const { properties, items, pattern, additionalProperties, required, enum: allowed } = schema;
  for (const keyword of AMOUNTS) {
    const amount = schema[keyword];
    if (amount !== undefined && !Number.isFinite(amount))
      return wrong([...path, keyword], "a number", amount);
  }
  if (allowed !== undefined && !(Array.isArray(allowed) && allowed.length > 0))
    return wrong([...path, "enum"], "a list of values", allowed);
  if (
    required !== undefined &&
    !(Array.isArray(required) && required.every((one) => typeof one === "string"))
  )
    return wrong([...path, "required"], "a list of field names", required);
  if (pattern !== undefined && !isPattern(pattern))
    return wrong([...path, "pattern"], "a regular expression", pattern);
  if (properties !== undefined && !isObject(properties))
    return wrong([...path, "properties"], "an object", properties);
  for (const [field, inner] of Object.entries((properties ?? {}) as Record<string, unknown>)) {
    const issue = schemaIssue(inner, [...path, "properties", field], depth + 1);
    if (issue !== undefined) return issue;
  }
  if (items !== undefined) {
    const issue = schemaIssue(items, [...path, "items"], depth + 1);
    if (issue !== undefined) return issue;
  }
  return isObject(additionalProperties)
    ? schemaIssue(additionalProperties, [...path, "additionalProperties"], depth + 1)
    : undefined;
}

function isPattern(pattern: unknown): boolean {
  if (typeof pattern !== "string") return false;
  try {
    new RegExp(pattern, "u").test("");
    return true;
  } catch {
    return false;
  }
}

function wrong(path: readonly (string | number)[], expected: string, came: unknown): Issue {
  return {
    code: "schema.invalid",
    path,
    expected,
    came: describe(came),
    message: `${path.join(".")}: expected ${expected}, got ${describe(came)}.`,
  };
}

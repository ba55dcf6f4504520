import { describe, type Issue, isObject, type JsonSchema } from "@tessera/xdm";

/** The schema of a setting that names a secret: `{ "secret": "target-token" }`. The value itself is refused. */
export const SECRET_REFERENCE: JsonSchema = {
  type: "object",
  format: "secret",
  description: "The name of a secret kept outside the settings.",
  properties: { secret: { type: "string", pattern: "^[A-Za-z0-9][A-Za-z0-9._/-]{0,127}$" } },
  required: ["secret"],
  additionalProperties: false,
};

/**
 * Everything in `input` that `schema` does not allow, at once. Codes: `settings.required`, `settings.unknown`,
 * `settings.type`, `settings.enum`, `settings.pattern`, `settings.format`, `settings.length`, `settings.range`.
 * No message repeats a value.
 */
export function checkSettings(schema: JsonSchema, input: unknown): readonly Issue[] {
  const issues: Issue[] = [];
  check(schema, input, [], issues);
  return issues;
}

type Path = readonly (string | number)[];

function check(schema: JsonSchema, value: unknown, path: Path, issues: Issue[]): void {
  const report = (code: string, expected: string): void => {
    issues.push(settingsIssue(`settings.${code}`, path, expected, value));
  };
  if (schema.type && !hasType(schema.type, value)) return report("type", `a value of type ${schema.type}`);
  if (schema.enum && !schema.enum.some((allowed) => allowed === value)) {
    return report("enum", `one of ${schema.enum.join(", ")}`);
  }
  if (typeof value === "string") checkText(schema, value, report);
  if (typeof value === "number") {
    const { minimum = -Infinity, maximum = Infinity } = schema;
    if (value < minimum || value > maximum) report("range", `a number from ${minimum} to ${maximum}`);
  }
  if (Array.isArray(value) && schema.items) {
    for (const [index, item] of value.entries()) check(schema.items, item, [...path, index], issues);
  }
  if (isObject(value)) checkFields(schema, value, path, issues);
}

function checkText(
  schema: JsonSchema,
  value: string,
  report: (code: string, expected: string) => void,
): void {
  const { minLength = 0, maxLength = Infinity, pattern, format } = schema;
  if (value.length < minLength || value.length > maxLength) {
    report("length", `${minLength} to ${maxLength} characters`);
  } else if (pattern !== undefined && !new RegExp(pattern, "u").test(value)) {
    report("pattern", `a text matching ${pattern}`);
  } else if (format === "uri" && !(/^https?:\/\/[^\s/?#@\\]+([/?#]|$)/.test(value) && URL.canParse(value))) {
    report("format", "an absolute http or https address without credentials");
  }
}

function checkFields(schema: JsonSchema, value: Record<string, unknown>, path: Path, issues: Issue[]): void {
  for (const field of schema.required ?? []) {
    if (value[field] === undefined) {
      issues.push(settingsIssue("settings.required", [...path, field], "a value", undefined));
    }
  }
  for (const [field, item] of Object.entries(value)) {
    if (item === undefined) continue;
    const known = schema.properties && Object.hasOwn(schema.properties, field) && schema.properties[field];
    if (known) check(known, item, [...path, field], issues);
    else if (schema.additionalProperties === false) {
      issues.push(settingsIssue("settings.unknown", [...path, field], "no such setting", item));
    } else if (typeof schema.additionalProperties === "object") {
      check(schema.additionalProperties, item, [...path, field], issues);
    }
  }
}

function hasType(type: NonNullable<JsonSchema["type"]>, value: unknown): boolean {
  switch (type) {
    case "object":
      return isObject(value);
    case "array":
      return Array.isArray(value);
    case "integer":
      return Number.isInteger(value);
    default:
      return typeof value === type;
  }
}

/** An issue with a setting, in the package's one wording. */
export function settingsIssue(code: string, path: Path, expected: string, came: unknown): Issue {
  return {
    code,
    path,
    expected,
    came: describe(came),
    message: `${path.join(".") || "settings"}: expected ${expected}, got ${describe(came)}. Correct the setting and save again.`,
  };
}

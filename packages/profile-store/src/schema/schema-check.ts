import { describe, isObject, type Issue, type JsonSchema, parseInstant } from "@tessera/xdm";

/** Checks a value against the schema it was made of; the issues, all of them, in the order of the fields. */
export type SchemaCheck = (value: unknown) => readonly Issue[];

type Path = readonly (string | number)[];
type Check = (value: unknown, path: Path, issues: Issue[]) => void;

const NONE: readonly Issue[] = [];
const EMAIL = /^[^\s@]+@[^\s@]+$/;
const DATE = /^\d{4}-\d{2}-\d{2}$/;

/** What is checked: a value as it will stand, or a partial update of one: what it does not name stays as it was, null removes. */
export type CheckedValue = "whole" | "update";

/**
 * Makes a check of a schema, once, for many values. Fields that no schema names pass, unless `additionalProperties` is
 * false. An update may leave out what is required, and may not remove it. An issue names the field and what was
 * expected, and never the value.
 */
export function compileSchema(schema: JsonSchema, checked: CheckedValue = "whole"): SchemaCheck {
  const check = checkOf(schema, checked);
  return (value) => {
    const issues: Issue[] = [];
    check(value, [], issues);
    return issues.length === 0 ? NONE : issues;
  };
}

function checkOf(schema: JsonSchema, checked: CheckedValue): Check {
  const checks = [...typeChecks(schema, checked), ...valueChecks(schema)];
  const [only] = checks;
  if (checks.length === 1 && only !== undefined) return only;
  return (value, path, issues) => {
    const before = issues.length;
    for (const check of checks) {
      check(value, path, issues);
      // What is of another type is told once.
      if (issues.length > before) return;
    }
  };
}

function typeChecks(schema: JsonSchema, checked: CheckedValue): readonly Check[] {
  switch (schema.type) {
    case undefined:
      return schema.properties === undefined ? [] : [objectCheck(schema, checked)];
    case "object":
      return [objectCheck(schema, checked)];
    case "array": {
      // A list takes the place of the one before it, so its items are whole.
      const item = schema.items === undefined ? undefined : checkOf(schema.items, "whole");
      return [
        (value, path, issues) => {
          if (!Array.isArray(value)) issues.push(violation(path, "a list", value));
          else if (item !== undefined) value.forEach((one, index) => item(one, [...path, index], issues));
        },
      ];
    }
    case "integer":
      return [expectation("a whole number", (value) => Number.isInteger(value))];
    case "number":
      return [expectation("a number", (value) => typeof value === "number" && Number.isFinite(value))];
    case "string":
    case "boolean": {
      const { type } = schema;
      return [expectation(`a ${type}`, (value) => typeof value === type)];
    }
    default:
      return [];
  }
}

function objectCheck(schema: JsonSchema, checked: CheckedValue): Check {
  const fields = new Map(
    Object.entries(schema.properties ?? {}).map(([name, field]) => [name, checkOf(field, checked)]),
  );
  const { additionalProperties: other, required = [] } = schema;
  const rest = typeof other === "object" ? checkOf(other, checked) : undefined;
  return (value, path, issues) => {
    if (!isObject(value)) {
      issues.push(violation(path, "an object", value));
      return;
    }
    for (const name of required) {
      const held = value[name];
      if (held === null || (held === undefined && checked === "whole"))
        issues.push(violation([...path, name], "a value", held));
    }
    for (const name in value) {
      const field = value[name];
      // A partial update removes a field by null.
      if (field === undefined || field === null) continue;
      const check = fields.get(name) ?? rest;
      if (check !== undefined) check(field, [...path, name], issues);
      else if (other === false) issues.push(violation([...path, name], "no field of this name", field));
    }
  };
}

function valueChecks(schema: JsonSchema): readonly Check[] {
  const checks: Check[] = [];
  const { enum: allowed, minimum, maximum, minLength, maxLength, pattern, format } = schema;
  const text =
    (holds: (value: string) => boolean): ((value: unknown) => boolean) =>
    (value) =>
      typeof value === "string" && holds(value);
  const amount =
    (holds: (value: number) => boolean): ((value: unknown) => boolean) =>
    (value) =>
      typeof value === "number" && holds(value);
  if (allowed !== undefined) {
    const values = new Set<unknown>(allowed);
    checks.push(expectation(`one of ${allowed.map(String).join(", ")}`, (value) => values.has(value)));
  }
  if (minimum !== undefined)
    checks.push(
      expectation(
        `at least ${minimum}`,
        amount((value) => value >= minimum),
      ),
    );
  if (maximum !== undefined)
    checks.push(
      expectation(
        `at most ${maximum}`,
        amount((value) => value <= maximum),
      ),
    );
  if (minLength !== undefined)
    checks.push(
      expectation(
        `at least ${minLength} characters`,
        text((value) => value.length >= minLength),
      ),
    );
  if (maxLength !== undefined)
    checks.push(
      expectation(
        `at most ${maxLength} characters`,
        text((value) => value.length <= maxLength),
      ),
    );
  if (pattern !== undefined) {
    const expression = new RegExp(pattern, "u");
    checks.push(
      expectation(
        `text that matches ${pattern}`,
        text((value) => expression.test(value)),
      ),
    );
  }
  if (format === "date-time")
    checks.push(expectation("a date-time (ISO 8601)", (value) => parseInstant(value).ok));
  if (format === "date")
    checks.push(
      expectation(
        "a date (YYYY-MM-DD)",
        text((value) => DATE.test(value)),
      ),
    );
  if (format === "email")
    checks.push(
      expectation(
        "an email address",
        text((value) => EMAIL.test(value)),
      ),
    );
  return checks;
}

function expectation(expected: string, holds: (value: unknown) => boolean): Check {
  return (value, path, issues) => {
    if (!holds(value)) issues.push(violation(path, expected, value));
  };
}

function violation(path: Path, expected: string, came: unknown): Issue {
  const where = path.length === 0 ? "the item" : path.join(".");
  return {
    code: "schema.violation",
    path,
    expected,
    came: describe(came),
    message: `${where}: expected ${expected}, got ${describe(came)}. Correct the field, or its schema.`,
  };
}

import {
  describe,
  err,
  formatInstant,
  type IdentityItem,
  isObject,
  type Issue,
  type JsonObject,
  type JsonValue,
  ok,
  parseInstant,
  parseJson,
  type Result,
} from "@tessera/xdm";

/** What a cell is read as. A list is split at `separator` (";"). */
export type CellType = "text" | "number" | "integer" | "boolean" | "time" | "json" | "list";

/** Where one field of an item comes from. */
export type FieldRule =
  | { readonly to: string; readonly from: string; readonly as?: CellType; readonly separator?: string }
  | { readonly to: string; readonly value: JsonValue }
  | { readonly identity: string; readonly from: string; readonly primary?: boolean };

/** How rows of a table become records or events: one rule a field, `to` a dotted path. Columns no rule names are left out. */
export interface RowMapping {
  readonly fields: readonly FieldRule[];
}

const PATH = /^[^.\s]+(\.[^.\s]+)*$/;
const TYPES: readonly unknown[] = ["text", "number", "integer", "boolean", "time", "json", "list"];
const FORBIDDEN = new Set(["__proto__", "constructor", "prototype"]);

/** Reads a mapping, all issues at once. */
export function parseRowMapping(input: unknown): Result<RowMapping, readonly Issue[]> {
  const fields = isObject(input) ? input["fields"] : undefined;
  if (!Array.isArray(fields) || fields.length === 0)
    return err([wrong("mapping.invalid", ["fields"], "a list of rules", fields)]);
  const issues: Issue[] = [];
  fields.forEach((rule: unknown, index) => {
    const at = ["fields", index];
    if (!isObject(rule)) {
      issues.push(wrong("mapping.invalid", at, "a rule", rule));
      return;
    }
    const { to, from, as, identity, value } = rule;
    if (
      identity === undefined &&
      !(typeof to === "string" && PATH.test(to) && !to.split(".").some((name) => FORBIDDEN.has(name)))
    )
      issues.push(wrong("mapping.invalid", [...at, "to"], "a dotted path", to));
    if (identity !== undefined && (typeof identity !== "string" || identity === ""))
      issues.push(wrong("mapping.invalid", [...at, "identity"], "a namespace", identity));
    if (value === undefined && (typeof from !== "string" || from === ""))
      issues.push(wrong("mapping.invalid", [...at, "from"], "the name of a column", from));
    if (as !== undefined && !TYPES.includes(as))
      issues.push(wrong("mapping.invalid", [...at, "as"], TYPES.join(", "), as));
  });
  return issues.length > 0 ? err(issues) : ok({ fields: fields as unknown as readonly FieldRule[] });
}

/**
 * The record or event that a row stands for. An empty cell is a field that is not there; a cell that cannot be read refuses
 * the row, and so do cells beyond those that the first row names, and a row that has none of the columns.
 */
export function mapRow(
  row: Readonly<Record<string, unknown>>,
  { fields }: RowMapping,
): Result<JsonObject, Issue> {
  const misfit = misfitOf(row, fields);
  if (misfit !== undefined) return err(misfit);
  const out: Record<string, JsonValue> = {};
  const identityMap: Record<string, IdentityItem[]> = {};
  for (const rule of fields) {
    if ("value" in rule) {
      put(out, rule.to.split("."), rule.value);
      continue;
    }
    const cell = row[rule.from];
    if (cell === undefined || cell === null || cell === "") continue;
    if ("identity" in rule) {
      const { identity, primary } = rule;
      (identityMap[identity] ??= []).push({
        namespace: identity,
        id: String(cell),
        ...(primary === true ? { primary } : {}),
      } as IdentityItem);
      continue;
    }
    const value = read(cell, rule);
    if (value === undefined) {
      const issue = wrong("row.value", [rule.from], `${CELLS[rule.as ?? "text"]} for ${rule.to}`, cell);
      return err({ ...issue, message: `${issue.message} Correct the cell, or the rule of its column.` });
    }
    put(out, rule.to.split("."), value);
  }
  if (Object.keys(identityMap).length === 0) return ok(out);
  const map = Object.fromEntries(
    Object.entries(identityMap).map(([namespace, items]) => [
      namespace,
      items.map(({ id, primary }) => ({ id, ...(primary ? { primary } : {}) })),
    ]),
  );
  return ok({ ...out, identityMap: map });
}

/** What a cell of a type looks like, for people to read. */
const CELLS: { readonly [type in CellType]: string } = {
  text: "text",
  number: "a number such as 12.5",
  integer: "a whole number",
  boolean: "true or false (yes, no, 1, 0)",
  time: "a date-time such as 2026-01-31T12:00:00Z (ISO 8601)",
  json: "JSON",
  list: "a list",
};
/** How a reader names cells beyond those that the first row names. */
const BEYOND = /^\+[1-9]\d*$/;

/** Why a whole row does not fit its mapping: it has more cells than columns, or none of the columns. */
function misfitOf(row: Readonly<Record<string, unknown>>, fields: readonly FieldRule[]): Issue | undefined {
  const isNamed = (column: string): boolean => fields.some((rule) => "from" in rule && rule.from === column);
  if (Object.hasOwn(row, "+1")) {
    const extra = Object.keys(row).filter((name) => BEYOND.test(name) && row[name] !== "" && !isNamed(name));
    if (extra.length > 0) {
      const expected = "no cells beyond those that the first row names";
      const message = `Expected ${expected}, got ${extra.length} more. Put a cell that holds the separator in quotes, and send the row again.`;
      return { code: "row.cells", expected, came: `${extra.length} more`, message };
    }
  }
  const columns = fields.flatMap((rule) => ("from" in rule ? [rule.from] : []));
  if (columns.length === 0 || columns.some((column) => Object.hasOwn(row, column))) return undefined;
  const expected = `at least one of the columns ${columns.join(", ")}`;
  const came = `a row of ${Object.keys(row).length} others`;
  const message = `Expected ${expected}, got ${came}. Check the separator and the first row of the file, or the mapping.`;
  return { code: "row.columns", expected, came, message };
}

function read(
  cell: unknown,
  rule: { readonly as?: CellType; readonly separator?: string },
): JsonValue | undefined {
  const text = typeof cell === "string" ? cell.trim() : undefined;
  switch (rule.as ?? "text") {
    case "text":
      return typeof cell === "object" ? undefined : String(cell);
    case "number":
    case "integer": {
      const number = typeof cell === "bigint" || text !== undefined ? Number(cell) : cell;
      if (typeof number !== "number" || !Number.isFinite(number) || text === "") return undefined;
      return rule.as === "integer" && !Number.isInteger(number) ? undefined : number;
    }
    case "boolean": {
      if (typeof cell === "boolean") return cell;
      const word = String(cell).trim().toLowerCase();
      if (["true", "yes", "1", "y"].includes(word)) return true;
      return ["false", "no", "0", "n"].includes(word) ? false : undefined;
    }
    case "time": {
      const at = cell instanceof Date ? ok(cell.getTime()) : parseInstant(text ?? cell);
      return at.ok && Number.isFinite(at.value) ? formatInstant(at.value) : undefined;
    }
    case "list":
      return Array.isArray(cell)
        ? (cell as JsonValue[])
        : String(cell)
            .split(rule.separator ?? ";")
            .map((one) => one.trim())
            .filter((one) => one !== "");
    case "json": {
      const json = parseJson(text === undefined ? cell : parsed(text));
      return "badPath" in json ? undefined : json.value;
    }
  }
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function put(
  into: Record<string, JsonValue>,
  [name = "", ...rest]: readonly string[],
  value: JsonValue,
): void {
  if (rest.length === 0) {
    into[name] = value;
    return;
  }
  const held = into[name];
  const inner = (isObject(held) ? held : {}) as Record<string, JsonValue>;
  into[name] = inner;
  put(inner, rest, value);
}

function wrong(code: string, path: readonly (string | number)[], expected: string, came: unknown): Issue {
  const where = path.join(".");
  return {
    code,
    path,
    expected,
    came: describe(came),
    message: `${where}: expected ${expected}, got ${describe(came)}.`,
  };
}

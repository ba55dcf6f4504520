import { isObject, type JsonObject, type JsonValue } from "@tessera/xdm";
import type { MappedIdentity } from "./activation-batch.ts";
import type { FieldMapping } from "./mapping.ts";
import type { PersonView } from "./person-view.ts";
import { sha256Hex } from "./sha256.ts";

/** PORT. Evaluates a PQL expression over a person's merged attributes; `undefined` when it gives nothing. */
export type EvaluateExpression = (expression: string, attributes: JsonObject) => JsonValue | undefined;

/** A person through a mapping. */
export interface MappedPerson {
  readonly identities: readonly MappedIdentity[];
  readonly attributes: { readonly [target: string]: JsonValue | undefined };
  /** Targets that are required and have no value. */
  readonly missing: readonly string[];
}

/**
 * The mapped fields of one person. Values of `membership-status` come from `status`; without one the field is absent.
 * A `null` counts as no value. `sha256` hashes the trimmed, lower-cased text of a value.
 */
export function mapPerson(
  mapping: readonly FieldMapping[],
  person: PersonView,
  evaluate: EvaluateExpression,
  status: "realized" | "exited" | undefined = undefined,
): MappedPerson {
  const identities: MappedIdentity[] = [];
  const attributes: Record<string, JsonValue> = {};
  const missing: string[] = [];
  for (const field of mapping) {
    const { source, target, required, transform } = field;
    let found = false;
    if (source.kind === "identity") {
      for (const identity of person.identities) {
        if (identity.namespace !== source.namespace) continue;
        found = true;
        const id = transform === "sha256" ? hashed(identity.id) : identity.id;
        identities.push({ namespace: identity.namespace, id, target });
      }
    } else {
      const value = valueOf(source, person, evaluate, status);
      found = value !== undefined && value !== null;
      if (found) attributes[target] = transform === "sha256" ? hashedValue(value) : (value as JsonValue);
    }
    if (required && !found && source.kind !== "membership-status") missing.push(target);
  }
  return { identities, attributes, missing };
}

function valueOf(
  source: Exclude<FieldMapping["source"], { kind: "identity" }>,
  person: PersonView,
  evaluate: EvaluateExpression,
  status: "realized" | "exited" | undefined,
): JsonValue | undefined {
  switch (source.kind) {
    case "attribute":
      return valueAt(person.attributes, source.path);
    case "pql":
      return evaluate(source.expression, person.attributes);
    case "membership-status":
      return status;
  }
}

/** The value at a dotted path; `undefined` where the path leaves the data. */
export function valueAt(root: JsonValue | undefined, path: string): JsonValue | undefined {
  let at: JsonValue | undefined = root;
  for (const field of path.split(".")) {
    if (!isObject(at) || !Object.hasOwn(at, field)) return undefined;
    at = at[field] as JsonValue | undefined;
  }
  return at;
}

function hashedValue(value: JsonValue | undefined): JsonValue {
  return hashed(typeof value === "string" ? value : JSON.stringify(value));
}

function hashed(text: string): string {
  return sha256Hex(text.trim().toLowerCase());
}

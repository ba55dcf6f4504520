import { describe, err, isObject, type Issue, type JsonSchema, ok, type Result } from "@tessera/xdm";
import { COMPUTED_DATASET } from "./fragment.ts";
import { schemaIssue } from "./schema/field-group.ts";

/** A dataset: where events or records come in, with its schema, its labels and how long events stay. */
export interface Dataset {
  readonly id: string;
  readonly name: string;
  readonly kind: "event" | "profile";
  /** Field whose value is the identity of a record without identityMap, and the namespace it belongs to. */
  readonly primaryIdentity?: { readonly path: string; readonly namespace: string };
  /** The schema that items are checked against; without it, and without `schema`, anything passes. */
  readonly schemaId?: string;
  /** A schema of the dataset's own, instead of a named one. */
  readonly schema?: JsonSchema;
  readonly labels: readonly string[];
  /** Events older than this many days (by their own time) are removed; at least 1. */
  readonly eventExpirationDays?: number;
}

/** The dataset that a first event or record to an unknown id brings into being. */
export function openDataset(id: string, kind: "event" | "profile"): Dataset {
  return { id, name: id, kind, labels: [] };
}

const ID = /^[A-Za-z0-9_.-]{1,100}$/;

/** Reads a dataset definition. */
export function parseDataset(input: unknown): Result<Dataset, Issue[]> {
  if (!isObject(input)) return err([wrong("dataset", "an object", input)]);
  const issues: Issue[] = [];
  const { id, name = id, kind, primaryIdentity, schema, schemaId, labels = [], eventExpirationDays } = input;
  if (typeof id !== "string" || !ID.test(id)) issues.push(wrong("id", "1 to 100 letters, digits, _ . -", id));
  if (id === COMPUTED_DATASET)
    issues.push(wrong("id", "another one: attributes computed from events have this one", id));
  if (typeof name !== "string" || name === "") issues.push(wrong("name", "a non-empty string", name));
  if (kind !== "event" && kind !== "profile") issues.push(wrong("kind", "event or profile", kind));
  if (!Array.isArray(labels) || !labels.every((label) => typeof label === "string")) {
    issues.push(wrong("labels", "a list of label names", labels));
  }
  if (
    eventExpirationDays !== undefined &&
    !(Number.isInteger(eventExpirationDays) && Number(eventExpirationDays) >= 1)
  ) {
    issues.push(wrong("eventExpirationDays", "a whole number of days, at least 1", eventExpirationDays));
  }
  if (eventExpirationDays !== undefined && kind === "profile") {
    issues.push(wrong("eventExpirationDays", "nothing for records: only events expire", eventExpirationDays));
  }
  const identity = isObject(primaryIdentity) ? primaryIdentity : undefined;
  const identityOk = typeof identity?.["path"] === "string" && typeof identity["namespace"] === "string";
  if (primaryIdentity !== undefined && !identityOk) {
    issues.push(wrong("primaryIdentity", "{ path, namespace }", primaryIdentity));
  }
  const shape = schema === undefined ? undefined : schemaIssue(schema, ["schema"]);
  if (shape !== undefined) issues.push(shape);
  if (schemaId !== undefined && (typeof schemaId !== "string" || schemaId === ""))
    issues.push(wrong("schemaId", "the id of a schema", schemaId));
  if (issues.length > 0) return err(issues);
  return ok({
    id: id as string,
    name: name as string,
    kind: kind as "event" | "profile",
    labels: labels as string[],
    ...(identity === undefined
      ? {}
      : { primaryIdentity: { path: String(identity["path"]), namespace: String(identity["namespace"]) } }),
    ...(schemaId === undefined ? {} : { schemaId: schemaId as string }),
    ...(schema === undefined ? {} : { schema: schema as JsonSchema }),
    ...(eventExpirationDays === undefined ? {} : { eventExpirationDays: Number(eventExpirationDays) }),
  });
}

function wrong(path: string, expected: string, came: unknown): Issue {
  return {
    code: "dataset.invalid",
    path: path.split("."),
    expected,
    came: describe(came),
    message: `${path}: expected ${expected}, got ${describe(came)}.`,
  };
}

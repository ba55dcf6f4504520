import {
  type DataflowCounts,
  type LimitCheck,
  type Limits,
  preflight,
  type PlannedDataflow,
} from "@tessera/guardrails";
import { describe, type IdentityType, type Issue, type JsonSchema, parseInstant } from "@tessera/xdm";
import { type Dataflow, mappingOf } from "./dataflow.ts";
import type { ConfiguredDestination } from "./definition.ts";
import type { FieldMapping } from "./mapping.ts";
import { parseSchedule } from "./schedule.ts";

/** What a dataflow is checked against. */
export interface DataflowCheck {
  readonly destination: Pick<ConfiguredDestination, "id" | "slug" | "kind" | "capabilities">;
  /** Merged profile schema; attribute paths are looked up in it. */
  readonly schema: JsonSchema;
  /** Namespaces of the sandbox with their types. */
  readonly namespaces: { readonly [code: string]: IdentityType };
  /** Ids of audiences that can be activated, by origin namespace. */
  readonly audiences: { readonly [namespace: string]: ReadonlySet<string> };
  readonly limits: Limits;
  readonly counts: DataflowCounts;
  /** Audiences of the dataflow that are exported in its busiest hour (`busiestHour`); all without it. */
  readonly audiencesInHour?: number;
  /** Whether the destination is made together with the dataflow. */
  readonly newDestination: boolean;
  /** Data usage policies: the issues of every violation, with their lineage in the message. */
  readonly governance: (dataflow: Dataflow, marketingActions: readonly string[]) => readonly Issue[];
  /** Syntax and types of a PQL expression. */
  readonly checkExpression: (expression: string) => readonly Issue[];
}

/** Everything that keeps a dataflow from being saved, and what only deserves a warning. */
export interface DataflowVerdict {
  readonly violations: readonly Issue[];
  readonly warnings: readonly Issue[];
  readonly limits: readonly LimitCheck[];
}

/**
 * Checks a dataflow before it is saved; all violations at once. It may be saved when `violations` is empty.
 * Codes: `dataflow.*`, `mapping.*`, `schedule.invalid`, `limit.<id>`, and those of the injected checks.
 */
export function validateDataflow(dataflow: Dataflow, check: DataflowCheck): DataflowVerdict {
  const limits = preflight({ planned: planned(dataflow, check), counts: check.counts }, check.limits);
  const limitIssues = limits.map(({ kind, limit, message, whatToDo }): readonly [string, Issue] => [
    kind,
    {
      code: `limit.${limit.id}`,
      path: [],
      message: `${message} ${whatToDo} (${limit.source.document})`,
    },
  ]);
  return {
    violations: [
      ...identityOfDataflow(dataflow, check),
      ...audienceIssues(dataflow, check),
      ...mappingIssues(dataflow, check),
      ...scheduleIssues(dataflow, check),
      ...limitIssues.filter(([kind]) => kind === "hard-violation").map(([, issue]) => issue),
      ...check.governance(dataflow, check.destination.capabilities.marketingActions),
    ],
    warnings: limitIssues.filter(([kind]) => kind === "soft-violation").map(([, issue]) => issue),
    limits,
  };
}

function issue(code: string, path: readonly (string | number)[], expected: string, came: unknown): Issue {
  return {
    code,
    path,
    expected,
    came: describe(came),
    message: `${path.join(".")}: expected ${expected}, got ${describe(came)}. Correct the dataflow and save again.`,
  };
}

function identityOfDataflow(dataflow: Dataflow, { destination }: DataflowCheck): readonly Issue[] {
  const issues: Issue[] = [];
  if (dataflow.name.trim() === "") issues.push(issue("dataflow.name", ["name"], "a name", dataflow.name));
  if (dataflow.destinationId !== destination.id) {
    issues.push(
      issue("dataflow.destination", ["destinationId"], "the id of its destination", dataflow.destinationId),
    );
  }
  return issues;
}

function audienceIssues(dataflow: Dataflow, check: DataflowCheck): readonly Issue[] {
  const issues: Issue[] = [];
  const seen = new Set<string>();
  if (dataflow.audiences.length === 0)
    issues.push(issue("dataflow.no-audience", ["audiences"], "at least one audience", []));
  for (const [index, { id, namespace, startsAt, endsAt }] of dataflow.audiences.entries()) {
    const path = ["audiences", index];
    if (!check.audiences[namespace]?.has(id)) {
      issues.push(
        issue("dataflow.unknown-audience", path, "an audience of this sandbox that is published", id),
      );
    }
    const key = `${namespace}\n${id}`;
    if (seen.has(key)) issues.push(issue("dataflow.twice", path, "each audience once", id));
    seen.add(key);
    const [start, end] = [startsAt, endsAt].map((time) =>
      time === undefined ? undefined : parseInstant(time),
    );
    if (start?.ok === false)
      issues.push(issue("dataflow.time", [...path, "startsAt"], "an ISO 8601 time", startsAt));
    if (end?.ok === false)
      issues.push(issue("dataflow.time", [...path, "endsAt"], "an ISO 8601 time", endsAt));
    if (start?.ok && end?.ok && start.value >= end.value) {
      issues.push(issue("dataflow.time", [...path, "endsAt"], "an end after the start", endsAt));
    }
  }
  return issues;
}

function mappingIssues(dataflow: Dataflow, check: DataflowCheck): readonly Issue[] {
  const { capabilities, kind } = check.destination;
  if (dataflow.mapping.length === 0 && mappingOf(dataflow, capabilities).length > 0) return [];
  const { mapping } = dataflow;
  const issues: Issue[] = [];
  const targets = new Set<string>();
  for (const [index, field] of mapping.entries()) {
    issues.push(...fieldIssues(field, index, check));
    const many = field.source.kind === "identity" && kind !== "batch-file";
    if (targets.has(field.target) && !many) {
      issues.push(
        issue("mapping.target-twice", ["mapping", index, "target"], "each target field once", field.target),
      );
    }
    targets.add(field.target);
  }
  const identityTargets = mapping.flatMap(({ source, target }) =>
    source.kind === "identity" ? [target] : [],
  );
  const { requiredNamespaces = [] } = capabilities;
  if (kind === "streaming-audience" && identityTargets.length === 0) {
    issues.push(issue("mapping.no-identity", ["mapping"], "at least one identity", identityTargets));
  } else if (
    requiredNamespaces.length > 0 &&
    !requiredNamespaces.some((code) => identityTargets.includes(code))
  ) {
    issues.push(
      issue(
        "mapping.required-namespace",
        ["mapping"],
        `one of ${requiredNamespaces.join(", ")}`,
        identityTargets,
      ),
    );
  }
  if (kind === "batch-file") issues.push(...dedupIssues(mapping));
  return issues;
}

function fieldIssues(field: FieldMapping, index: number, check: DataflowCheck): readonly Issue[] {
  const { source, target, transform } = field;
  const { capabilities } = check.destination;
  const at = (part: string): readonly (string | number)[] => ["mapping", index, part];
  const issues: Issue[] = [];
  if (target.trim() === "" || target.length > 255) {
    issues.push(issue("mapping.target", at("target"), "a name of 1 to 255 characters", target));
  }
  if (check.destination.kind === "profile-request" && (source.kind !== "attribute" || transform)) {
    const expected = "an attribute as it is: the edge answers from the profile it holds";
    issues.push(issue("mapping.profile-request", at("source"), expected, transform ?? source.kind));
    return issues;
  }
  if (source.kind === "identity") {
    const type = check.namespaces[source.namespace];
    if (type === undefined)
      issues.push(issue("mapping.namespace", at("source"), "a namespace of this sandbox", source.namespace));
    if (capabilities.namespaces !== "any" && !capabilities.namespaces.includes(target)) {
      issues.push(
        issue("mapping.identity-type", at("target"), `one of ${capabilities.namespaces.join(", ")}`, target),
      );
    }
    const problem =
      type && identityMismatch(source.namespace, type, target, check.namespaces[target], transform);
    if (problem !== undefined) issues.push(issue("mapping.identity-type", at("target"), problem, target));
    return issues;
  }
  if (!capabilities.attributes && source.kind !== "membership-status") {
    issues.push(
      issue(
        "mapping.attributes",
        at("source"),
        "identities only: this destination takes no attributes",
        source.kind,
      ),
    );
  }
  if (source.kind === "pql")
    return [
      ...issues,
      ...check.checkExpression(source.expression).map((i) => ({ ...i, path: at("source") })),
    ];
  if (source.kind === "attribute") {
    const found = schemaAt(check.schema, source.path);
    if (found === undefined && !source.path.startsWith("xEvent") && !isEventPath(source.path)) {
      issues.push(issue("mapping.unknown-path", at("source"), "a field of the profile schema", source.path));
    }
  }
  return issues;
}

/** Why an identity may not go into a target of another type; hashing turns a raw e-mail or phone into its hashed kind. */
function identityMismatch(
  namespace: string,
  ...[type, target, targetType, transform]: readonly [
    IdentityType,
    string,
    IdentityType | undefined,
    "sha256" | undefined,
  ]
): string | undefined {
  if (targetType !== undefined && targetType !== type) return `an identity of type ${targetType}`;
  const hashedTarget = /sha256/i.test(target);
  const hashedSource = /sha256/i.test(namespace) || transform === "sha256";
  if (hashedTarget && !hashedSource) return "a hashed identity: set the transformation sha256";
  if (/sha256/i.test(namespace) && transform === "sha256")
    return "no second hash: the identity is hashed already";
  if (!hashedTarget && hashedSource && targetType !== undefined) return "a raw identity, not a hashed one";
  return undefined;
}

function dedupIssues(mapping: readonly FieldMapping[]): readonly Issue[] {
  const keys = mapping.filter(({ dedup }) => dedup);
  const namespaces = keys.filter(({ source }) => source.kind === "identity");
  const path = ["mapping"];
  const all = new Set(
    mapping.flatMap(({ source }) => (source.kind === "identity" ? [source.namespace] : [])),
  );
  const issues: Issue[] = [];
  if (all.size > 1)
    issues.push(issue("mapping.namespaces", path, "one identity namespace in a file", [...all]));
  if (namespaces.length > 0 && namespaces.length < keys.length) {
    issues.push(
      issue("mapping.dedup", path, "either an identity or attributes as deduplication key, not both", keys),
    );
  } else if (namespaces.length > 1) {
    issues.push(issue("mapping.dedup", path, "one identity namespace as deduplication key", keys));
  } else if (keys.length > 2) {
    issues.push(issue("mapping.dedup", path, "one or two attributes as deduplication key", keys));
  }
  return issues;
}

function scheduleIssues(dataflow: Dataflow, { destination }: DataflowCheck): readonly Issue[] {
  return dataflow.audiences.flatMap(({ schedule }, index) => {
    if (destination.kind !== "batch-file") {
      return schedule === undefined
        ? []
        : [
            issue(
              "schedule.streaming",
              ["audiences", index, "schedule"],
              "no schedule: this destination streams",
              schedule,
            ),
          ];
    }
    const parsed = parseSchedule(schedule);
    return parsed.ok ? [] : [{ ...parsed.error, path: ["audiences", index, ...(parsed.error.path ?? [])] }];
  });
}

function planned(
  dataflow: Dataflow,
  { destination, schema, newDestination, audiencesInHour }: DataflowCheck,
): PlannedDataflow {
  const paths = dataflow.mapping.flatMap(({ source }) => (source.kind === "attribute" ? [source.path] : []));
  const [schedule] = dataflow.audiences.flatMap((a) =>
    a.schedule && parseSchedule(a.schedule).ok ? [a.schedule] : [],
  );
  return {
    kind: "dataflow",
    destination: limitKindOf(destination),
    newDestination,
    audiences: dataflow.audiences.length,
    attributes: dataflow.mapping.filter(({ source }) => source.kind === "attribute" || source.kind === "pql")
      .length,
    eventFields: paths.filter(isEventPath).length,
    arrayFields: paths.filter((path) => !isEventPath(path) && isListOrMap(schemaAt(schema, path))).length,
    ...(schedule && {
      schedule: {
        mode: schedule.mode,
        everyHours: schedule.mode === "full" ? 24 : schedule.everyHours,
        ...(audiencesInHour !== undefined && { audiencesInHour }),
      },
    }),
  };
}

function limitKindOf({ kind, capabilities }: DataflowCheck["destination"]): PlannedDataflow["destination"] {
  if (capabilities.limits !== undefined) return capabilities.limits;
  if (kind === "profile-request") return "personalization";
  return kind === "batch-file" ? "file" : "streaming";
}

function isEventPath(path: string): boolean {
  return path === "xEvent" || path.startsWith("xEvent.") || path.startsWith("xEvent[");
}

function isListOrMap(schema: JsonSchema | undefined): boolean {
  if (schema === undefined) return false;
  return (
    schema.type === "array" ||
    (schema.type === "object" && typeof schema.additionalProperties === "object" && !schema.properties)
  );
}

/** The schema of a dotted path; `undefined` where there is none. */
function schemaAt(root: JsonSchema, path: string): JsonSchema | undefined {
  let at: JsonSchema | undefined = root;
  for (const field of path.split(".")) {
    const known: JsonSchema | undefined =
      at.properties && Object.hasOwn(at.properties, field) ? at.properties[field] : undefined;
    const more: JsonSchema | boolean | undefined = at.additionalProperties;
    at = known ?? (more === true ? { additionalProperties: true } : more || undefined);
    if (at === undefined) return undefined;
  }
  return at;
}

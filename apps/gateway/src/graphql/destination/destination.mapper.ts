import type { Dataflow, DestinationCapabilities, FieldMapping } from "@tessera/destinations";
import type { Hub } from "@tessera/hub";
import { err, formatInstant, isObject, type Issue, ok, type Result } from "@tessera/xdm";
import type { DataflowType, Destination, DestinationCapabilitiesType } from "./destination.type.ts";

type LiveDestination = ReturnType<Hub["destinations"]> extends ReadonlyMap<string, infer D> ? D : never;

/** A destination as the API tells it. */
export function destinationOf({ stored, configured, dataflows }: LiveDestination): Destination {
  const { id, name, type, settings, createdAt } = stored;
  return {
    id,
    name,
    type,
    kind: configured.kind,
    status: statusOf(stored, dataflows),
    settings,
    capabilities: capabilitiesOf(configured.capabilities),
    createdAt: formatInstant(createdAt),
    dataflows: dataflows.map(dataflowOf),
  };
}

/** The largest number that GraphQL's Int holds. */
const LARGEST_INT = 2 ** 31 - 1;

/** What a destination takes, as the API tells it. */
export function capabilitiesOf({
  namespaces,
  requiredNamespaces = [],
  batchMax,
  removals,
  attributes,
  audienceDefinitions,
  backfill,
  requestsPerSecond,
  marketingActions,
}: DestinationCapabilities): DestinationCapabilitiesType {
  return {
    namespaces: namespaces === "any" ? undefined : namespaces,
    requiredNamespaces,
    batchMax: batchMax <= LARGEST_INT ? batchMax : undefined,
    removals,
    attributes,
    audienceDefinitions,
    backfill,
    requestsPerSecond,
    marketingActions,
  };
}

function statusOf({ removal }: LiveDestination["stored"], dataflows: readonly Dataflow[]): string {
  if (removal !== undefined) return "leaving";
  return dataflows.length === 0 || dataflows.some(({ enabled }) => enabled) ? "enabled" : "disabled";
}

/** A dataflow as the API tells it. */
export function dataflowOf({ id, destinationId, name, audiences, mapping, enabled }: Dataflow): DataflowType {
  return {
    id,
    destinationId,
    name,
    audiences: audiences.map((audience) => ({
      id: audience.id,
      name: audience.name,
      startsAt: audience.startsAt,
      endsAt: audience.endsAt,
      schedule: audience.schedule,
    })),
    mapping,
    enabled,
  };
}

/** Reads the lines of a mapping; all that is wrong at once. */
export function mappingOf(lines: readonly unknown[]): Result<readonly FieldMapping[], readonly Issue[]> {
  const issues: Issue[] = [];
  const mapping = lines.flatMap((line, index): FieldMapping[] => {
    const source = isObject(line) ? sourceOf(line["source"]) : undefined;
    const target = isObject(line) ? line["target"] : undefined;
    if (!isObject(line) || source === undefined || typeof target !== "string" || target === "") {
      issues.push({
        code: "mapping.line",
        path: ["mapping", index],
        message: `mapping.${index}: expected { source: { kind: "attribute", path } or { kind: "identity", namespace } or { kind: "pql", expression } or { kind: "membership-status" }, target }. Correct it and try again.`,
      });
      return [];
    }
    return [
      {
        source,
        target,
        ...(line["required"] === true && { required: true }),
        ...(line["dedup"] === true && { dedup: true }),
        ...(line["transform"] === "sha256" && { transform: "sha256" as const }),
      },
    ];
  });
  return issues.length > 0 ? err(issues) : ok(mapping);
}

function sourceOf(input: unknown): FieldMapping["source"] | undefined {
  if (!isObject(input)) return undefined;
  const { kind, path, namespace, expression } = input;
  if (kind === "attribute" && typeof path === "string") return { kind, path };
  if (kind === "identity" && typeof namespace === "string") return { kind, namespace };
  if (kind === "pql" && typeof expression === "string") return { kind, expression };
  return kind === "membership-status" ? { kind } : undefined;
}

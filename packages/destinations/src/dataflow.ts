import type { MappedAudience } from "./activation-batch.ts";
import type { DestinationCapabilities } from "./definition.ts";
import type { FieldMapping } from "./mapping.ts";
import type { ExportSchedule } from "./schedule.ts";

/** An audience in a dataflow, with the time it is activated and, for files, its own schedule. */
export interface DataflowAudience extends MappedAudience {
  /** ISO 8601; activation begins then. */
  readonly startsAt?: string;
  /** ISO 8601, exclusive; activation ends then. */
  readonly endsAt?: string;
  /** For file destinations. */
  readonly schedule?: ExportSchedule;
}

/** What goes to a destination: which audiences, which fields under which names, and when. */
export interface Dataflow {
  readonly id: string;
  readonly destinationId: string;
  readonly name: string;
  readonly audiences: readonly DataflowAudience[];
  readonly mapping: readonly FieldMapping[];
  readonly enabled: boolean;
}

/**
 * The mapping in force. A destination that names its identities and takes no attributes needs no mapping step: without
 * a mapping, each of its namespaces goes under its own name.
 */
export function mappingOf(
  { mapping }: Pick<Dataflow, "mapping">,
  { namespaces, attributes }: Pick<DestinationCapabilities, "namespaces" | "attributes">,
): readonly FieldMapping[] {
  if (mapping.length > 0 || namespaces === "any" || attributes) return mapping;
  return namespaces.map((namespace) => ({ source: { kind: "identity", namespace }, target: namespace }));
}

/**
 * The dataflow with the audiences whose time it is at `at` (ISO 8601). When an audience starts or ends, pass the dataflow
 * as it was and as it is to `planMappingChange`: starts are told like mappings, ends like unmappings.
 */
export function activeAt(dataflow: Dataflow, at: string): Dataflow {
  const audiences = dataflow.audiences.filter(
    ({ startsAt, endsAt }) => (startsAt ?? at) <= at && (endsAt === undefined || at < endsAt),
  );
  return { ...dataflow, audiences };
}

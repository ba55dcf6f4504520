import type { MappedAudience } from "./activation-batch.ts";
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

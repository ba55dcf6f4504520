import type { DataflowDestination } from "@tessera/guardrails";
import type { MarketingAction } from "@tessera/governance";
import type { Issue, JsonSchema, Result } from "@tessera/xdm";
import type { ActivationBatch } from "./activation-batch.ts";
import type { DeliveryOutcome } from "./outcome.ts";
import type { HttpRequest, PlannedRequest } from "./planned-request.ts";
import type { RawResponse } from "./raw-response.ts";

/**
 * How a destination learns of people.
 * - `profile-request`: it asks for one profile at a time, on the edge; nothing is exported.
 * - `streaming-audience`: entries and exits of mapped audiences as they happen.
 * - `streaming-profile`: the mapped profile whenever anything mapped, or any identity, changes.
 * - `batch-file`: files on a schedule, one an audience.
 */
export type DestinationKind = "profile-request" | "streaming-audience" | "streaming-profile" | "batch-file";

/** What a destination can take, as data: mappings, planning and the delivery engine keep to it. */
export interface DestinationCapabilities {
  /** Identity namespaces it takes, or `any`. */
  readonly namespaces: readonly string[] | "any";
  /** Namespaces of which a mapping needs at least one; none when absent. */
  readonly requiredNamespaces?: readonly string[];
  /** Items in one `ProfileBatch` or `AudienceBatch` at most. */
  readonly batchMax: number;
  /** Bytes of the items' JSON in one batch, roughly; no bound when absent. An item larger than this goes alone. */
  readonly batchMaxBytes?: number;
  /** Milliseconds that the first item of a batch waits for others, unless the batch is full before; none when absent. */
  readonly batchMaxAgeMs?: number;
  /** Whether exits are sent. A destination that cannot remove refuses exits with a code. */
  readonly removals: boolean;
  /** Whether mapped attributes are sent. */
  readonly attributes: boolean;
  /** Whether it keeps audience definitions of its own (takes `AudienceBatch`). */
  readonly audienceDefinitions: boolean;
  /** Whether members that qualified before the mapping are sent when it is made. */
  readonly backfill: boolean;
  /** Marketing actions its use stands for, checked against data usage policies (`exportToThirdParty`, …). */
  readonly marketingActions: readonly MarketingAction[];
  /** Whose limits its dataflows are checked by; the general ones of its kind when absent. */
  readonly limits?: DataflowDestination;
  /** Calls a second at most; unlimited when absent. */
  readonly requestsPerSecond?: number;
  /** Tries of one item at most, the first included; the engine's default when absent. */
  readonly maxAttempts?: number;
  /** Calls in flight at once at most; the engine's default when absent. */
  readonly concurrency?: number;
}

/** What a plan may know besides its batch. */
export interface PlanContext {
  /** ISO 8601. */
  readonly now: string;
  readonly destinationId: string;
  /** The name the user gave this destination. */
  readonly destinationName: string;
  readonly orgId: string;
  readonly sandbox: string;
}

/** How the result of an accepted job is asked for. Pure, as everything here. */
export interface PollDefinition<S> {
  /** The call that asks. Its `items` are the job's. */
  readonly plan: (job: AcceptedJob, settings: S, context: PlanContext) => HttpRequest;
  /** `pending`, or one outcome for each item of the job (none of them `accepted`). */
  readonly interpret: (job: AcceptedJob, response: RawResponse) => JobState;
}

/** A job that a destination took, and the items in it. */
export interface AcceptedJob {
  readonly job: string;
  readonly items: readonly string[];
}

/** Where an accepted job stands. */
export type JobState =
  | { readonly kind: "pending"; readonly checkAfterMs?: number }
  | { readonly kind: "finished"; readonly outcomes: readonly DeliveryOutcome[] };

/**
 * A destination, whole: from this one object come its settings form, the checks of its mappings, its delivery and
 * its conformance tests. All functions are pure; retry, timeout, rate limits, redaction and I/O happen once, in the
 * delivery engine.
 */
export interface DestinationDefinition<S> {
  /** Stable, lower case, words joined by `-`. */
  readonly slug: string;
  readonly title: string;
  readonly description: string;
  readonly kind: DestinationKind;
  /** For forms and checks; a secret is written as `SECRET_REFERENCE`. */
  readonly settings: JsonSchema;
  /** Every violation at once. */
  readonly parseSettings: (input: unknown) => Result<S, readonly Issue[]>;
  readonly capabilities: DestinationCapabilities;
  /** Capabilities that the settings narrow: a batch size or a rate that the user chose. */
  readonly narrowed?: (settings: S) => Partial<DestinationCapabilities>;
  /**
   * The requests that tell this batch. Every item stands in at least one request or settled outcome; an item in
   * several is done when all of them are. Deterministic; leaves its arguments alone.
   */
  readonly plan: (batch: ActivationBatch, settings: S, context: PlanContext) => readonly PlannedRequest[];
  /** Exactly one outcome for each of the request's items; never throws, whatever came. */
  readonly interpret: (request: PlannedRequest, response: RawResponse) => readonly DeliveryOutcome[];
  /** For destinations that answer `accepted`. */
  readonly poll?: PollDefinition<S>;
}

/** A definition with its settings filled in: what the delivery engine works with. */
export interface ConfiguredDestination {
  readonly id: string;
  readonly name: string;
  readonly slug: string;
  readonly kind: DestinationKind;
  readonly capabilities: DestinationCapabilities;
  readonly plan: (batch: ActivationBatch, context: PlanContext) => readonly PlannedRequest[];
  readonly interpret: (request: PlannedRequest, response: RawResponse) => readonly DeliveryOutcome[];
  readonly poll?: {
    readonly plan: (job: AcceptedJob, context: PlanContext) => HttpRequest;
    readonly interpret: (job: AcceptedJob, response: RawResponse) => JobState;
  };
}

/** A definition whose settings type is hidden, so that a catalogue can list destinations of every kind. */
export interface CatalogEntry extends Pick<
  DestinationDefinition<unknown>,
  "slug" | "title" | "description" | "kind" | "settings" | "capabilities"
> {
  /** Parses the settings and binds them; the issues of `parseSettings` otherwise. */
  readonly configure: (
    destination: { readonly id: string; readonly name: string },
    settings: unknown,
  ) => Result<ConfiguredDestination, readonly Issue[]>;
}

/** The catalogue entry of a definition: `const catalog = [catalogEntry(target), catalogEntry(webhook)]`. */
export function catalogEntry<S>(definition: DestinationDefinition<S>): CatalogEntry {
  const { slug, title, description, kind, settings, capabilities } = definition;
  return {
    slug,
    title,
    description,
    kind,
    settings,
    capabilities,
    configure: ({ id, name }, input) => {
      const parsed = definition.parseSettings(input);
      if (!parsed.ok) return parsed;
      const values = parsed.value;
      const { poll } = definition;
      return {
        ok: true,
        value: {
          id,
          name,
          slug,
          kind,
          capabilities: { ...capabilities, ...definition.narrowed?.(values) },
          plan: (batch, context) => definition.plan(batch, values, context),
          interpret: definition.interpret,
          ...(poll && {
            poll: { plan: (job, context) => poll.plan(job, values, context), interpret: poll.interpret },
          }),
        },
      };
    },
  };
}

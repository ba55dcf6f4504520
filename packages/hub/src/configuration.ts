import { ADOBE_LIMITS, type Limits } from "@tessera/guardrails";
import {
  defaultLinkingRules,
  type GraphDecision,
  type LinkingRules,
  type NamespaceRegistry,
} from "@tessera/identity-graph";
import { type Dataset, DEFAULT_MERGE_POLICY, type HubStore, type MergePolicy } from "@tessera/profile-store";
import { type AudiencePlan, compileAudiences } from "@tessera/segment-engine";
import {
  type ComputedAttribute,
  prepareAttribute,
  type PreparedAttribute,
} from "./computed/computed-attribute.ts";
import { readSchemas, type SchemaBook } from "./schemas.ts";
import type { AudienceDefinition, AudienceStatus } from "@tessera/xdm";
import { IDENTITY_NAMESPACES, readRegistry } from "./identity-namespaces.ts";
import { limitsFrom } from "./limits.ts";

/** An audience as the hub keeps it. Times are milliseconds. */
export interface StoredAudience extends AudienceDefinition {
  readonly description?: string;
  readonly status: AudienceStatus;
  /** Since when the present version is in force. */
  readonly since: number;
  readonly createdAt: number;
  readonly updatedAt: number;
  /** When all persons were last evaluated for the present version; absent while the first evaluation is due. */
  readonly evaluatedAt?: number;
  /** The version of the stored document, for guarded edits. */
  readonly revision: number;
}

/** What the hub decides by: read from the store's documents, swapped as a whole when one changes. */
export interface Configuration {
  readonly rules: LinkingRules;
  /** The namespaces that records may use: the registered ones, and those that the rules name. */
  readonly registry: NamespaceRegistry;
  /** The standard namespaces and those of the sandbox. */
  readonly registered: NamespaceRegistry;
  readonly decisions: readonly GraphDecision[];
  readonly limits: Limits;
  /** The default merge policy: of lookups, destinations, and batch audiences that name none. */
  readonly policy: MergePolicy;
  /** The merge policy that is active on edge: of streaming and edge audiences. */
  readonly edgePolicy: MergePolicy;
  readonly policies: readonly MergePolicy[];
  readonly datasets: ReadonlyMap<string, Dataset>;
  readonly audiences: ReadonlyMap<string, StoredAudience>;
  /** The published audiences that follow every event (streaming and edge), compiled together. */
  readonly continuous: AudiencePlan;
  /** All published audiences, batch ones included. */
  readonly whole: AudiencePlan;
  /** Since when each continuous audience is in force. */
  readonly since: ReadonlyMap<string, number>;
  /** When the first of them came into force; `Infinity` without any. */
  readonly firstSince: number;
  /** The moments at which continuous audiences came into force. */
  readonly beginnings: ReadonlySet<number>;
  readonly schemas: SchemaBook;
  /** Attributes that are worked out of events. */
  readonly computed: readonly PreparedAttribute[];
}

/** The kind of documents that define computed attributes. */
export const COMPUTED_ATTRIBUTE = "computedAttribute";

/** Reads the configuration of a sandbox; what was never set has its default. */
export async function readConfiguration(store: HubStore): Promise<Configuration> {
  const [rules, namespaces, decisions, policies, datasets, audiences, guardrails] = await Promise.all([
    store.document("linkingRules", "current"),
    store.document(IDENTITY_NAMESPACES, "current"),
    store.documents("graphDecision"),
    store.documents("mergePolicy"),
    store.documents("dataset"),
    store.documents("audience"),
    store.document("guardrails", "current"),
  ]);
  const stored = audiences.map(
    ({ body, version }) =>
      ({ ...(body as unknown as StoredAudience), revision: version }) satisfies StoredAudience,
  );
  const kept = policies.map(({ body }) => body as unknown as MergePolicy);
  const all = kept.length === 0 ? [DEFAULT_MERGE_POLICY] : kept;
  const published = stored.filter((audience) => audience.status === "published");
  const continuous = published.filter((audience) => audience.evaluation !== "batch");
  const limits = limitsFrom(guardrails?.body, ADOBE_LIMITS);
  const linking = linkingOf(rules?.body["rules"], limits);
  const settings = readRegistry(namespaces?.body ?? {});
  if (!settings.ok) throw new Error("Stored namespaces were checked when they were set.");
  const registered = settings.value;
  const known = new Map(datasets.map(({ id, body }) => [id, body as unknown as Dataset]));
  return {
    rules: linking,
    registry: registryOf(registered, linking, limits),
    registered,
    decisions: decisions.map(({ body }) => body as unknown as GraphDecision),
    limits,
    policies: all,
    policy: all.find((policy) => policy.isDefault) ?? DEFAULT_MERGE_POLICY,
    edgePolicy: all.find((policy) => policy.isActiveOnEdge) ?? DEFAULT_MERGE_POLICY,
    datasets: known,
    schemas: await readSchemas(store, known),
    computed: (await store.documents(COMPUTED_ATTRIBUTE)).map(({ body }) =>
      prepareAttribute(body as unknown as ComputedAttribute),
    ),
    audiences: new Map(stored.map((audience) => [audience.id, audience])),
    continuous: compiled(continuous),
    whole: compiled(published),
    since: new Map(continuous.map((audience) => [audience.id, audience.since])),
    firstSince: Math.min(...continuous.map((audience) => audience.since)),
    beginnings: new Set(continuous.map((audience) => audience.since)),
  };
}

/** The rules that were set, or the default ones with the cap of the sandbox. A set cap was asked when it was set. */
function linkingOf(stored: unknown, limits: Limits): LinkingRules {
  if (stored !== undefined) return stored as LinkingRules;
  return { ...defaultLinkingRules, cap: limits["identity.graph-identities"].value };
}

/** Registered namespaces and those that only the linking rules name. */
function registryOf(
  registered: NamespaceRegistry,
  { namespaces }: LinkingRules,
  limits: Limits,
): NamespaceRegistry {
  const known = new Map(registered.namespaces);
  for (const { namespace: code, type } of namespaces) {
    if (!known.has(code)) known.set(code, { code, name: code, type, custom: true, normalise: "none" });
  }
  const most = {
    identities: limits["identity.record-identities"].value,
    length: limits["identity.value-length"].value,
  };
  return { ...registered, namespaces: known, limits: most };
}

/** Audiences were checked when they were saved, so a plan that does not compile is a bug. */
function compiled(audiences: readonly AudienceDefinition[]): AudiencePlan {
  const plan = compileAudiences(audiences);
  if (!plan.ok)
    throw new Error(
      `Stored audiences do not compile: ${plan.error.map((issue) => issue.message).join("; ")}`,
    );
  return plan.value;
}

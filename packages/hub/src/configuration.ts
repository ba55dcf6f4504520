import { ADOBE_LIMITS, type Limits } from "@tessera/guardrails";
import {
  defaultLinkingRules,
  type GraphDecision,
  type LinkingRules,
  type NamespaceRegistry,
} from "@tessera/identity-graph";
import { type Dataset, DEFAULT_MERGE_POLICY, type HubStore, type MergePolicy } from "@tessera/profile-store";
import { type AudiencePlan, compileAudiences, type Composition } from "@tessera/segment-engine";
import {
  type ComputedAttribute,
  prepareAttribute,
  type PreparedAttribute,
} from "./computed/computed-attribute.ts";
import { readSchemas, type SchemaBook } from "./schemas.ts";
import type { AudienceDefinition, AudienceStatus } from "@tessera/xdm";
import { completeRules, IDENTITY_NAMESPACES, readRegistry } from "./identity-namespaces.ts";
import { limitsFrom } from "./limits.ts";
import { waitingId } from "./waiting-version.ts";

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
  /** The version that is worked out beside the one in force, and takes its place when that is done. */
  readonly next?: WaitingVersion;
  /** For one that comes out of a composition: which, and which part of it. Its expression says who takes part. */
  readonly composition?: { readonly id: string; readonly part: string };
  /** Set from the switch to a new version until every stored person has been brought to it. */
  readonly switched?: SwitchedVersion;
  /** The version of the stored document, for guarded edits. */
  readonly revision: number;
}

/** A version of an audience that waits until it is worked out for every person. */
export interface WaitingVersion {
  readonly definition: Pick<
    StoredAudience,
    | "name"
    | "description"
    | "expression"
    | "evaluation"
    | "mergePolicyId"
    | "excludeOptOut"
    | "version"
    | "updatedAt"
  >;
  /** Since when it is followed for every event (ms). */
  readonly since: number;
}

/** What is left to do after a switch. */
interface SwitchedVersion {
  readonly at: number;
  /** How many members the version had when it took over: the count until all persons are brought to it. */
  readonly members: number;
}

/** What the hub decides by: read from the store's documents, swapped as a whole when one changes. */
export interface Configuration {
  /** The linking rules in force, with every namespace in its place. */
  readonly rules: LinkingRules;
  /** The linking rules as they were set. */
  readonly ruleSettings: LinkingRules;
  /** The namespaces that records may use: the registered ones, and those that the rules name. */
  readonly registry: NamespaceRegistry;
  /** The standard namespaces and those of the sandbox. */
  readonly registered: NamespaceRegistry;
  readonly decisions: readonly GraphDecision[];
  readonly limits: Limits;
  /** How queries may be evaluated: by Tessera's own rule (any window, any sequence) or by the documented ones. */
  readonly eligibility: EligibilityRule;
  /** The default merge policy: of lookups, destinations, and batch audiences that name none. */
  readonly policy: MergePolicy;
  /** The merge policy that is active on edge: of streaming and edge audiences. */
  readonly edgePolicy: MergePolicy;
  readonly policies: readonly MergePolicy[];
  readonly datasets: ReadonlyMap<string, Dataset>;
  readonly audiences: ReadonlyMap<string, StoredAudience>;
  /** The published audiences that follow every event (streaming and edge), compiled together. */
  readonly continuous: AudiencePlan;
  /** All published audiences, batch ones included; not those that come out of compositions. */
  readonly whole: AudiencePlan;
  /** Since when each continuous audience is in force. */
  readonly since: ReadonlyMap<string, number>;
  /** When the first of them came into force; `Infinity` without any. */
  readonly firstSince: number;
  /** The moments at which continuous audiences came into force. */
  readonly beginnings: ReadonlySet<number>;
  readonly schemas: SchemaBook;
  readonly compositions: ReadonlyMap<string, StoredComposition>;
  /** Attributes that are worked out of events. */
  readonly computed: readonly PreparedAttribute[];
}

/** The rule by which a sandbox says how queries may be evaluated. */
export type EligibilityRule = "wide" | "documented";

/** The kind of the document that says which rule a sandbox goes by. */
export const ELIGIBILITY = "eligibility";

/** The kind of documents that define compositions. */
export const COMPOSITION = "composition";

/** A composition of audiences as the hub keeps it. Times are milliseconds. */
export interface StoredComposition extends Composition {
  readonly name: string;
  readonly description?: string;
  /** The audience that each part becomes, by the name of the part. */
  readonly audienceIds: { readonly [part: string]: string };
  readonly version: number;
  readonly createdAt: number;
  readonly updatedAt: number;
  readonly revision: number;
}

/** The kind of documents that define computed attributes. */
export const COMPUTED_ATTRIBUTE = "computedAttribute";

/** Reads the configuration of a sandbox; what was never set has its default. */
export async function readConfiguration(store: HubStore): Promise<Configuration> {
  const [rules, namespaces, decisions, policies, datasets, audiences, guardrails, eligibility] =
    await Promise.all([
      store.document("linkingRules", "current"),
      store.document(IDENTITY_NAMESPACES, "current"),
      store.documents("graphDecision"),
      store.documents("mergePolicy"),
      store.documents("dataset"),
      store.documents("audience"),
      store.document("guardrails", "current"),
      store.document(ELIGIBILITY, "current"),
    ]);
  const stored = audiences.map(
    ({ body, version }) =>
      ({ ...(body as unknown as StoredAudience), revision: version }) satisfies StoredAudience,
  );
  const kept = policies.map(({ body }) => body as unknown as MergePolicy);
  const all = kept.length === 0 ? [DEFAULT_MERGE_POLICY] : kept;
  const published = stored
    .filter((audience) => audience.status === "published" && audience.composition === undefined)
    .flatMap((audience) => [audience, ...waitingOf(audience)]);
  const continuous = published.filter((audience) => audience.evaluation !== "batch");
  const limits = limitsFrom(guardrails?.body, ADOBE_LIMITS);
  const linking = linkingOf(rules?.body["rules"], limits);
  const settings = readRegistry(namespaces?.body ?? {});
  if (!settings.ok) throw new Error("Stored namespaces were checked when they were set.");
  const registered = settings.value;
  const known = new Map(datasets.map(({ id, body }) => [id, body as unknown as Dataset]));
  return {
    rules: completeRules(linking, registered),
    ruleSettings: linking,
    registry: registryOf(registered, linking, limits),
    registered,
    decisions: decisions.map(({ body }) => body as unknown as GraphDecision),
    limits,
    eligibility: eligibility?.body["rule"] === "documented" ? "documented" : "wide",
    policies: all,
    policy: all.find((policy) => policy.isDefault) ?? DEFAULT_MERGE_POLICY,
    edgePolicy: all.find((policy) => policy.isActiveOnEdge) ?? DEFAULT_MERGE_POLICY,
    datasets: known,
    schemas: await readSchemas(store, known),
    compositions: new Map(
      (await store.documents(COMPOSITION)).map(({ id, body, version }) => [
        id,
        { ...(body as unknown as StoredComposition), revision: version },
      ]),
    ),
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

/** The version of an audience that waits, as an audience of its own. */
function waitingOf(audience: StoredAudience): readonly StoredAudience[] {
  const { next, ...rest } = audience;
  if (next === undefined) return [];
  const { mergePolicyId: _policy, excludeOptOut: _optOut, ...base } = rest;
  return [{ ...base, ...next.definition, id: waitingId(audience.id), since: next.since }];
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

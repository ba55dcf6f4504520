import type { Dataflow, FieldMapping } from "@tessera/destinations";
import {
  CORE_POLICIES,
  type FieldLabels,
  type GovernanceCatalog,
  type GovernedAudience,
  type GovernedDataflow,
  type GovernedDataset,
  type Label,
  type MarketingAction,
  parseLabel,
  parseMarketingAction,
  type Policy,
} from "@tessera/governance";
import type { Dataset, MergePolicy } from "@tessera/profile-store";
import { compileAudiences } from "@tessera/segment-engine";
import type { Configuration, StoredAudience } from "../configuration.ts";
import type { LiveDestination } from "../destination-lifecycle.ts";

/** What the questions of policies are answered from, as it stands in one sandbox. */
export interface GovernedSandbox {
  readonly configuration: Configuration;
  readonly destinations: ReadonlyMap<string, LiveDestination>;
  readonly policies: readonly Policy[];
  /** Labels on fields, whatever dataset brought them: dotted path of persons or of events to labels. */
  readonly fieldLabels: FieldLabels;
}

/** Labels that are not of one dataset stand in a catalog as those of the union schema. */
const UNION = "union-schema";
const EVENT = "xEvent.";

/** The catalog of a sandbox: its datasets, merge policies, audiences, destinations, dataflows and policies. */
export function governanceCatalog(sandbox: GovernedSandbox): GovernanceCatalog {
  const { configuration, destinations, policies, fieldLabels } = sandbox;
  const audiences = [...configuration.audiences.values()].filter(({ status }) => status !== "deleted");
  return {
    datasets: [...unionSchema(fieldLabels), ...[...configuration.datasets.values()].map(governedDataset)],
    mergePolicies: configuration.policies.map(governedMergePolicy),
    defaultMergePolicyId: configuration.policy.id,
    audiences: audiences.map((audience) => governedAudience(audience, sandbox)),
    destinations: [...destinations.values()].map(({ stored, configured }) => ({
      id: stored.id,
      name: stored.name,
      marketingActions: configured.capabilities.marketingActions.map(reference),
    })),
    dataflows: [...destinations.values()].flatMap(({ dataflows }) =>
      dataflows.map((dataflow) => governedDataflow(dataflow, sandbox)),
    ),
    policies,
  };
}

/** All policies of a sandbox: the core ones, disabled unless one was saved otherwise, then its own. */
export function policiesOf(saved: readonly Policy[]): readonly Policy[] {
  const byId = new Map(saved.map((policy) => [policy.id, policy]));
  const core = CORE_POLICIES.map((policy) => byId.get(policy.id) ?? policy);
  const own = saved.filter(({ id }) => !CORE_POLICIES.some((policy) => policy.id === id));
  return [...core, ...own];
}

/** A dataset as policies see it. */
export function governedDataset({ id, name, kind, labels }: Dataset): GovernedDataset {
  return {
    id,
    name,
    kind: kind === "event" ? "event" : "record",
    labels: labelsIn(labels),
    fieldLabels: {},
  };
}

/** The union schema's labels, once for persons and once for events. */
export function unionSchema(fieldLabels: FieldLabels): readonly GovernedDataset[] {
  return (["record", "event"] as const).map((kind) => ({
    id: `${UNION}-${kind}`,
    name: kind === "record" ? "Union schema" : "Union schema of events",
    kind,
    labels: [],
    fieldLabels: fieldLabels as GovernedDataset["fieldLabels"],
  }));
}

/** A merge policy as policies see it; the attributes of every dataset take part, whatever their precedence. */
export function governedMergePolicy({
  id,
  name,
  identityGraph,
}: MergePolicy): GovernanceCatalog["mergePolicies"][number] {
  return { id, name, datasets: "all", identityGraph };
}

/** An audience as policies see it: the fields its expression reads, and the audiences it names. */
export function governedAudience(
  { id, name, mergePolicyId, expression, evaluation, version }: StoredAudience,
  sandbox: GovernedSandbox,
): GovernedAudience {
  const plan = compileAudiences([{ id, name, expression, evaluation, version }]);
  const audiences = [...sandbox.configuration.audiences.keys()].filter(
    (other) => other !== id && expression.value.includes(other),
  );
  return {
    id,
    name,
    ...(mergePolicyId === undefined ? {} : { mergePolicyId }),
    fields: plan.ok ? fieldsRead(plan.value.fields, expression.value, sandbox.fieldLabels) : [],
    ...(audiences.length === 0 ? {} : { audiences }),
  };
}

/** A dataflow as policies see it. Audiences made elsewhere read no fields of the sandbox and are left out. */
export function governedDataflow(dataflow: Dataflow, sandbox: GovernedSandbox): GovernedDataflow {
  const { id, name, destinationId, audiences, mapping } = dataflow;
  return {
    id,
    name,
    destinationId,
    audienceIds: audiences
      .map((audience) => audience.id)
      .filter((one) => sandbox.configuration.audiences.has(one)),
    mappedFields: [...new Set(mapping.flatMap((line) => mappedFields(line, sandbox.fieldLabels)))],
  };
}

function mappedFields({ source }: FieldMapping, labelled: FieldLabels): readonly string[] {
  if (source.kind === "attribute") return [source.path];
  if (source.kind !== "pql") return [];
  const plan = compileAudiences([
    {
      id: "mapping",
      name: "mapping",
      expression: { type: "PQL", format: "pql/text", value: source.expression },
      evaluation: "batch",
      version: 1,
    },
  ]);
  return plan.ok ? fieldsRead(plan.value.fields, source.expression, labelled) : [];
}

/** The whole profile (`*`) reads every labelled field. Consents are read for everyone and count when they are named. */
function fieldsRead(
  { attributes, events }: { readonly attributes: readonly string[]; readonly events: readonly string[] },
  text: string,
  labelled: FieldLabels,
): readonly string[] {
  const spread = (paths: readonly string[]): readonly string[] =>
    paths.includes("*") ? Object.keys(labelled) : paths;
  return [
    ...spread(attributes).filter((path) => path !== "consents" || text.includes("consents")),
    ...spread(events).map((path) => `${EVENT}${path}`),
  ];
}

/** Destinations may name a core action without its prefix; policies name it with. */
function reference(action: MarketingAction): MarketingAction {
  const parsed = parseMarketingAction(action);
  return parsed.ok ? parsed.value : action;
}

function labelsIn(labels: readonly string[]): readonly Label[] {
  return labels.flatMap((label) => {
    const parsed = parseLabel(label);
    return parsed.ok ? [parsed.value] : [];
  });
}

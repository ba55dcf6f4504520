import type { Issue } from "@tessera/xdm";
import type {
  GovernanceCatalog,
  GovernedAudience,
  GovernedDataflow,
  GovernedDataset,
  GovernedMergePolicy,
} from "./catalog.ts";
import { FieldLabelIndex } from "./field-labels.ts";
import type { Label } from "./label.ts";
import type { LabelLineage, LineageNode } from "./lineage.ts";

/** What inheritance found: labels with their ways, and references that lead nowhere. */
export interface InheritedLabels {
  readonly labels: readonly LabelLineage[];
  readonly issues: readonly Issue[];
}

/** The label of audiences whose merge policy stitches identities. */
const STITCHED: Label = "core/C10";
const NONE: InheritedLabels = { labels: [], issues: [] };

/**
 * Carries labels along: dataset and field -> merge policy -> audience (the fields of its rule, and the audiences it
 * is made of) -> dataflow (its audiences and mapped fields) -> destination. One per catalog; audiences are worked
 * out once, however many dataflows use them.
 */
export class LabelInheritance {
  readonly #datasets: ReadonlyMap<string, GovernedDataset>;
  readonly #mergePolicies: ReadonlyMap<string, GovernedMergePolicy>;
  readonly #audiences: ReadonlyMap<string, GovernedAudience>;
  readonly #catalog: GovernanceCatalog;
  readonly #fields: FieldLabelIndex;
  readonly #known = new Map<string, InheritedLabels>();
  readonly #open = new Set<string>();

  constructor(catalog: GovernanceCatalog) {
    this.#catalog = catalog;
    this.#datasets = new Map(catalog.datasets.map((dataset) => [dataset.id, dataset]));
    this.#mergePolicies = new Map(catalog.mergePolicies.map((policy) => [policy.id, policy]));
    this.#audiences = new Map(catalog.audiences.map((audience) => [audience.id, audience]));
    this.#fields = new FieldLabelIndex(catalog.datasets);
  }

  /** The labels of an audience, each way ending at the audience. */
  ofAudience(id: string): InheritedLabels {
    const known = this.#known.get(id);
    if (known) return known;
    const audience = this.#audiences.get(id);
    if (!audience) return { labels: [], issues: [missing("audience", id)] };
    if (this.#open.has(id)) return { labels: [], issues: [circular(id)] };
    this.#open.add(id);
    const node: LineageNode = { kind: "audience", id, name: audience.name };
    const parts = [
      this.#ofMergePolicy(audience, node),
      ...(audience.audiences ?? []).map((inner) => this.ofAudience(inner)),
    ];
    const own = (audience.labels ?? []).map((label) => ({ label, lineage: [labelNode(label)] }));
    const found = {
      labels: oneWayPerSource([...parts.flatMap(({ labels }) => labels), ...own]).map(
        ({ label, lineage }) => ({
          label,
          lineage: [...lineage, node],
        }),
      ),
      issues: parts.flatMap(({ issues }) => issues),
    };
    this.#open.delete(id);
    this.#known.set(id, found);
    return found;
  }

  /** The labels of a dataflow, each way ending at its destination; only those in `among`, when it is given. */
  ofDataflow(dataflow: GovernedDataflow, among?: ReadonlySet<Label>): InheritedLabels {
    const destination = this.#catalog.destinations.find(({ id }) => id === dataflow.destinationId);
    const end: LineageNode = {
      kind: "destination",
      id: dataflow.destinationId,
      ...(destination ? { name: destination.name } : {}),
    };
    const audiences = dataflow.audienceIds.map((id) => this.ofAudience(id));
    const mapped = this.#ofMappedFields(dataflow);
    const labels: LabelLineage[] = [];
    for (const part of [...audiences, mapped]) {
      for (const { label, lineage } of part.labels) {
        if (!among || among.has(label)) labels.push({ label, lineage: [...lineage, end] });
      }
    }
    return {
      labels,
      issues: [
        ...(destination ? [] : [missing("destination", dataflow.destinationId)]),
        ...audiences.flatMap(({ issues }) => issues),
        ...mapped.issues,
      ],
    };
  }

  #ofMergePolicy(audience: GovernedAudience, node: LineageNode): InheritedLabels {
    const id = audience.mergePolicyId ?? this.#catalog.defaultMergePolicyId;
    if (id === undefined) {
      return audience.fields.length === 0
        ? NONE
        : { labels: [], issues: [missing("merge policy of audience", node.id)] };
    }
    const policy = this.#mergePolicies.get(id);
    if (!policy) return { labels: [], issues: [missing("merge policy", id)] };
    const via: LineageNode = { kind: "merge-policy", id, name: policy.name };
    const { datasets, issues } = this.#datasetsOf(policy);
    const labels: LabelLineage[] = [];
    if (policy.identityGraph === "pdg") labels.push({ label: STITCHED, lineage: [labelNode(STITCHED), via] });
    for (const dataset of datasets) {
      for (const label of dataset.labels) {
        labels.push({ label, lineage: [labelNode(label), datasetNode(dataset), via] });
      }
    }
    labels.push(...this.#ofFields(audience.fields, new Set(datasets), via));
    return { labels, issues };
  }

  #ofFields(
    fields: readonly string[],
    datasets: ReadonlySet<GovernedDataset>,
    via: LineageNode,
  ): readonly LabelLineage[] {
    return [...new Set(fields.flatMap((field) => this.#fields.of(field)))]
      .filter(({ dataset }) => datasets.has(dataset))
      .map(({ dataset, path, label }) => ({
        label,
        lineage: [labelNode(label), datasetNode(dataset), { kind: "field", id: path }, via],
      }));
  }

  /** Mapped fields come from the merged person: from every dataset of the merge policies of the dataflow's audiences. */
  #ofMappedFields({ audienceIds, mappedFields }: GovernedDataflow): InheritedLabels {
    if (mappedFields.length === 0) return NONE;
    const fallback = this.#catalog.defaultMergePolicyId;
    const ids = new Set(audienceIds.map((id) => this.#audiences.get(id)?.mergePolicyId ?? fallback));
    const labels: LabelLineage[] = [];
    const issues: Issue[] = [];
    for (const id of ids) {
      const policy = this.#mergePolicies.get(id ?? "");
      if (!policy) {
        issues.push(missing("merge policy", id ?? "(default)"));
        continue;
      }
      const via: LineageNode = { kind: "merge-policy", id: policy.id, name: policy.name };
      const datasets = new Set(this.#datasetsOf(policy).datasets);
      for (const field of mappedFields) {
        const mapping: LineageNode = { kind: "mapping", id: field };
        for (const { label, lineage } of this.#ofFields([field], datasets, via)) {
          labels.push({ label, lineage: [...lineage, mapping] });
        }
      }
    }
    return { labels, issues };
  }

  #datasetsOf({ datasets }: GovernedMergePolicy): {
    readonly datasets: readonly GovernedDataset[];
    readonly issues: readonly Issue[];
  } {
    if (datasets === "all") return { datasets: this.#catalog.datasets, issues: [] };
    const found = datasets.flatMap((id) => this.#datasets.get(id) ?? []);
    const lost = datasets.filter((id) => !this.#datasets.has(id));
    return { datasets: found, issues: lost.map((id) => missing("dataset", id)) };
  }
}

function labelNode(label: Label): LineageNode {
  return { kind: "label", id: label };
}

function datasetNode({ id, name }: GovernedDataset): LineageNode {
  return { kind: "dataset", id, name };
}

/**
 * An audience made of audiences can meet the same source many ways; the shortest tells enough, and keeps deep
 * trees of audiences from multiplying their ways.
 */
function oneWayPerSource(labels: readonly LabelLineage[]): readonly LabelLineage[] {
  const shortest = new Map<string, LabelLineage>();
  for (const way of labels) {
    const source = way.lineage.findIndex(({ kind }) => kind === "audience");
    const key = JSON.stringify(
      way.lineage.slice(0, source < 0 ? undefined : Math.max(source, 2)).map(({ id }) => id),
    );
    const known = shortest.get(key);
    if (!known || way.lineage.length < known.lineage.length) shortest.set(key, way);
  }
  return [...shortest.values()];
}

function circular(id: string): Issue {
  return {
    code: "governance.reference",
    expected: "an audience that is not made of itself",
    came: id,
    message: `The audience ${id} is made of itself, so its labels are not known. Take it out of its own rule.`,
  };
}

function missing(what: string, id: string): Issue {
  return {
    code: "governance.reference",
    expected: `an existing ${what}`,
    came: id,
    message: `The ${what} ${id} is not there, so its labels are not known. Restore it or choose another.`,
  };
}

import {
  type Dataset,
  deleteMergePolicy,
  type HubStore,
  type MergePolicy,
  openDataset,
  parseDataset,
  parseMergePolicy,
  saveMergePolicy,
  emptyCommit,
} from "@tessera/profile-store";
import { err, type Issue, type JsonObject, ok, parseJson, type Result } from "@tessera/xdm";
import { type Configuration, ELIGIBILITY, type EligibilityRule } from "./configuration.ts";
import { saveDocument } from "./destination-lifecycle.ts";
import { governedDataset, governedMergePolicy } from "./governance/governance-catalog.ts";
import type { Guard } from "./governance/governance.ts";
import { limitIssues } from "./limit-issues.ts";
import { schemaIssues } from "./schemas.ts";

/** The kinds of documents that edges work by and that are kept as they are given. */
type EdgeDocumentKind = "datastream" | "activity" | "audienceManager";

/** Datasets, merge policies and edge documents of one sandbox. */
export interface SandboxSettings {
  readonly datasets: () => readonly Dataset[];
  readonly saveDataset: (input: unknown) => Promise<Result<Dataset, readonly Issue[]>>;
  readonly mergePolicies: () => readonly MergePolicy[];
  /** Saves a merge policy; without an id a new one. The default and edge flags move by themselves. */
  readonly saveMergePolicy: (input: unknown, id?: string) => Promise<Result<MergePolicy, readonly Issue[]>>;
  /** Saves a datastream or an activity under its `id`; the edge reads it with its next snapshot. */
  readonly saveEdgeDocument: (
    kind: EdgeDocumentKind,
    body: JsonObject,
  ) => Promise<Result<JsonObject, readonly Issue[]>>;
  /** Deletes a datastream or an activity; gives it as it was. */
  readonly deleteEdgeDocument: (
    kind: EdgeDocumentKind,
    id: string,
  ) => Promise<Result<JsonObject, readonly Issue[]>>;
  /** Chooses the rule that says how queries may be evaluated, from the next check and edit on. */
  readonly setEligibility: (rule: EligibilityRule) => Promise<Result<EligibilityRule, readonly Issue[]>>;
  readonly edgeDocuments: (kind: EdgeDocumentKind) => Promise<readonly JsonObject[]>;
  /** Deletes a merge policy that is neither the default nor active on edge. */
  readonly deleteMergePolicy: (id: string) => Promise<Result<MergePolicy, readonly Issue[]>>;
}

/** What the settings of a sandbox are made of. */
export interface SandboxSettingsOptions {
  readonly store: HubStore;
  readonly newId: () => string;
  readonly configuration: () => Configuration;
  readonly reload: () => Promise<void>;
  /** Asks the policies before labels or merge policies change. */
  readonly guard: Guard;
}

const CONFLICT: Issue = {
  code: "conflict",
  message: "Someone else changed this meanwhile. Read it again and repeat.",
};

/** The settings side of a hub. */
export function createSandboxSettings(options: SandboxSettingsOptions): SandboxSettings {
  const { store, newId, configuration, reload, guard } = options;
  return {
    datasets: () => [...configuration().datasets.values()],
    saveDataset: async (input) => {
      const dataset = parseDataset(input);
      if (!dataset.ok) return dataset;
      const before = configuration().datasets.get(dataset.value.id);
      if (before !== undefined && before.kind !== dataset.value.kind) {
        const message = `A dataset keeps its kind: ${before.id} is of kind ${before.kind}. Make another dataset.`;
        return err([{ code: "dataset.kind", path: ["kind"], message }]);
      }
      const { value } = dataset;
      const { eventExpirationDays: days } = value;
      const refused = [
        ...schemaIssues(value, before, configuration().schemas),
        ...limitIssues(
          configuration().limits,
          days === undefined ? [] : [["profile.event-expiration", days, ["eventExpirationDays"]]],
        ),
      ];
      if (refused.length > 0) return err(refused);
      const saved = await guard(
        () => ({ kind: "dataset", dataset: governedDataset(value) }),
        () => saveDocument(store, "dataset", value.id, value),
      );
      if (!saved.ok) return saved;
      await reload();
      return dataset;
    },
    mergePolicies: () => configuration().policies,
    saveMergePolicy: async (input, id = newId()) => {
      const before = configuration().policies.find((policy) => policy.id === id);
      const policy = parseMergePolicy(input, id, (before?.version ?? 0) + 1);
      if (!policy.ok) return policy;
      const { policies, limits } = configuration();
      const all = saveMergePolicy(policies, policy.value, limits["merge-policy.policies"].value);
      if (!all.ok) return err([all.error]);
      const documents = await Promise.all(
        all.value.map(async (one) => {
          const json = parseJson(one);
          if ("badPath" in json) throw new Error("A merge policy is JSON data.");
          const stored = await store.document("mergePolicy", one.id);
          return {
            kind: "mergePolicy",
            id: one.id,
            expectedVersion: stored?.version ?? 0,
            body: json.value as JsonObject,
          };
        }),
      );
      const saved = await guard(
        () => ({ kind: "merge-policy", mergePolicy: governedMergePolicy(policy.value) }),
        async () => (await store.commit({ ...emptyCommit, documents })).ok,
      );
      if (!saved.ok) return saved;
      await reload();
      return policy;
    },
    saveEdgeDocument: async (kind, body) => {
      const id = body["id"];
      if (typeof id !== "string" || id === "") {
        return err([
          {
            code: `${kind}.id`,
            path: ["id"],
            message: "id: expected a non-empty string. Name it, and send it again.",
          },
        ]);
      }
      return (await saveDocument(store, kind, id, body)) ? ok(body) : err([CONFLICT]);
    },
    deleteEdgeDocument: async (kind, id) => {
      const stored = await store.document(kind, id);
      if (stored === undefined)
        return err([{ code: "notFound", path: ["id"], message: `No such ${kind} in this sandbox.` }]);
      const documents = [{ kind, id, expectedVersion: stored.version }];
      return (await store.commit({ ...emptyCommit, documents })).ok ? ok(stored.body) : err([CONFLICT]);
    },
    setEligibility: async (rule) => {
      if (!(await saveDocument(store, ELIGIBILITY, "current", { rule }))) return err([CONFLICT]);
      await reload();
      return ok(rule);
    },
    edgeDocuments: async (kind) => (await store.documents(kind)).map(({ body }) => body),
    deleteMergePolicy: async (id) => {
      const policy = configuration().policies.find((one) => one.id === id);
      const user = [...configuration().audiences.values()].find(
        ({ mergePolicyId, status }) => mergePolicyId === id && status !== "deleted",
      );
      if (user !== undefined) {
        const message = `The audience ${user.name} uses this merge policy. Give it another one first.`;
        return err([{ code: "mergePolicy.inUse", message }]);
      }
      const kept = deleteMergePolicy(configuration().policies, id);
      if (!kept.ok) return err([kept.error]);
      const stored = await store.document("mergePolicy", id);
      if (policy === undefined || stored === undefined) return err([CONFLICT]);
      const documents = [{ kind: "mergePolicy", id, expectedVersion: stored.version }];
      if (!(await store.commit({ ...emptyCommit, documents })).ok) return err([CONFLICT]);
      await reload();
      return ok(policy);
    },
  };
}

/** The dataset that items of an id go to: the one that was defined, or one that opens by itself. */
export function datasetOf(configuration: Configuration, id: string, kind: Dataset["kind"]): Dataset {
  return configuration.datasets.get(id) ?? openDataset(id, kind);
}

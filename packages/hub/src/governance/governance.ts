import {
  activationConsent,
  applyChange,
  type ChangeDecision,
  CORE_MARKETING_ACTIONS,
  CORE_POLICIES,
  type ConsentPolicy,
  coreConsentPolicies,
  decideChange,
  enableCorePolicies,
  type FieldLabels,
  type GovernanceCatalog,
  type GovernanceChange,
  type Label,
  type OnViolation,
  parseLabel,
  parsePolicy,
  type Policy,
} from "@tessera/governance";
import type { HubStore } from "@tessera/profile-store";
import { err, type Issue, isObject, ok, type Result } from "@tessera/xdm";
import type { Configuration } from "../configuration.ts";
import { type LiveDestination, saveDocument } from "../destination-lifecycle.ts";
import { type GovernedSandbox, governanceCatalog, policiesOf, unionSchema } from "./governance-catalog.ts";

/** Something that was saved, with what it means for the dataflows that are there. */
interface Governed<T> {
  readonly value: T;
  /** The dataflows that start or cease to violate, and those that were paused. */
  readonly decision: ChangeDecision;
}

/** Policies, labels and consent policies of one sandbox. */
export interface Governance {
  /** The data usage policies: the core ones as they stand, then the sandbox's own. */
  readonly policies: () => Promise<readonly Policy[]>;
  /** Saves a policy. Of a core policy only the status can change. */
  readonly savePolicy: (input: unknown) => Promise<Result<Governed<Policy>, readonly Issue[]>>;
  /** The one switch: enables the core policies (all, or those named) and asks for the consents they go with. */
  readonly enableCorePolicies: (
    ids?: readonly string[],
  ) => Promise<Result<Governed<readonly Policy[]>, readonly Issue[]>>;
  readonly consentPolicies: () => Promise<readonly ConsentPolicy[]>;
  /** Enables or disables one of the consent policies by its id. */
  readonly setConsentPolicy: (
    id: string,
    status: ConsentPolicy["status"],
    undecided?: "permit" | "refuse",
  ) => Promise<Result<ConsentPolicy, readonly Issue[]>>;
  /** Labels on fields of persons and events: dotted path to labels. */
  readonly fieldLabels: () => Promise<FieldLabels>;
  /** Sets the labels of a field, whatever dataset brings it; none removes them. */
  readonly labelField: (
    path: string,
    labels: readonly string[],
  ) => Promise<Result<Governed<FieldLabels>, readonly Issue[]>>;
  /** What becomes of existing dataflows that a change makes violate a policy. `refuse` until it is set. */
  readonly onViolation: () => Promise<OnViolation>;
  readonly setOnViolation: (choice: OnViolation) => Promise<Result<OnViolation, readonly Issue[]>>;
  /** What a change would do, without saving anything. */
  readonly reviewChange: (change: GovernanceChange) => Promise<ChangeDecision>;
}

/** Lets an edit pass or refuses it: `save` runs only when policies permit the change. */
export type Guard = (
  change: (sandbox: GovernedSandbox) => GovernanceChange,
  save: () => Promise<boolean>,
) => Promise<Result<ChangeDecision, readonly Issue[]>>;

/** What the governance of a sandbox is made of. */
export interface GovernanceOptions {
  readonly store: HubStore;
  readonly configuration: () => Configuration;
  readonly destinations: () => ReadonlyMap<string, LiveDestination>;
  /** Reads destinations and dataflows anew. */
  readonly reload: () => Promise<void>;
}

const CONFLICT: Issue = {
  code: "conflict",
  message: "Someone else changed this meanwhile. Read it again and repeat.",
};
const NOTHING: ChangeDecision = { kind: "saved", reviews: [], pause: [], issues: [] };
const PATH = /^[A-Za-z_$][\w$:-]*(\.[A-Za-z_$][\w$:-]*){0,20}$/;

/** What policies say of an edit, without making it. */
export type Review = (change: (sandbox: GovernedSandbox) => GovernanceChange) => Promise<readonly Issue[]>;

/** What the rest of a hub asks governance. */
export interface GovernanceGate {
  readonly guard: Guard;
  readonly review: Review;
  /** The marketing actions that a person's consents refuse under the enabled consent policies. */
  readonly refusedActions: (consents: unknown) => readonly string[];
  /** Reads the consent policies anew. */
  readonly reload: () => Promise<void>;
}

/** The governance side of a hub, and what its other sides ask it. */
export async function createGovernance(
  options: GovernanceOptions,
): Promise<{ readonly governance: Governance; readonly gate: GovernanceGate }> {
  const { store, configuration, destinations } = options;
  let enforced = await readConsentPolicies(store);
  const reloadGate = async (): Promise<void> => {
    enforced = await readConsentPolicies(store);
  };
  const reload = async (): Promise<void> => {
    await reloadGate();
    await options.reload();
  };
  const savedPolicies = async (): Promise<readonly Policy[]> =>
    (await store.documents("policy")).map(({ body }) => body as unknown as Policy);
  const policies = async (): Promise<readonly Policy[]> => policiesOf(await savedPolicies());
  const fieldLabels = async (): Promise<FieldLabels> => {
    const labels = (await store.document("fieldLabels", "current"))?.body["labels"];
    return isObject(labels) ? (labels as FieldLabels) : {};
  };
  const onViolation = async (): Promise<OnViolation> => {
    const choice = (await store.document("governance", "current"))?.body["onViolation"];
    return choice === "report" || choice === "pause" ? choice : "refuse";
  };
  const sandbox = async (): Promise<GovernedSandbox> => ({
    configuration: configuration(),
    destinations: destinations(),
    policies: await policies(),
    fieldLabels: await fieldLabels(),
  });
  const pause = async (ids: readonly string[]): Promise<void> => {
    for (const { dataflows } of destinations().values()) {
      for (const dataflow of dataflows) {
        if (ids.includes(dataflow.id) && dataflow.enabled)
          await saveDocument(store, "dataflow", dataflow.id, { ...dataflow, enabled: false });
      }
    }
  };
  /** Edits follow one another, so that two of them cannot each pass on what the other is about to change. */
  let last: Promise<unknown> = Promise.resolve();
  const inTurn = <T>(work: () => Promise<T>): Promise<T> => {
    const turn = last.then(work, work);
    last = turn;
    return turn;
  };
  const change = async (
    edit: (catalog: GovernanceCatalog, at: GovernedSandbox) => ChangeDecision,
    save: () => Promise<boolean>,
  ): Promise<Result<ChangeDecision, readonly Issue[]>> => {
    const at = await sandbox();
    const decision = edit(governanceCatalog(at), at);
    if (decision.kind === "refused") return err(decision.issues);
    if (!(await save())) return err([CONFLICT]);
    await pause(decision.pause);
    await reload();
    return ok(decision);
  };
  const guard: Guard = (changeOf, save) =>
    inTurn(async () => {
      // Reading what every audience reads is for sandboxes with policies; most have none enabled, or are just filled.
      const asked = (await policies()).some(({ status }) => status !== "DISABLED");
      if (!asked) return (await save()) ? ok(NOTHING) : err([CONFLICT]);
      const choice = await onViolation();
      return change((catalog, at) => {
        const edit = changeOf(at);
        // What is being activated is refused whatever the choice: that is for dataflows that were there before.
        return decideChange(catalog, edit, edit.kind === "dataflow" ? "refuse" : choice);
      }, save);
    });
  const governed = async <T>(
    value: T,
    decided: Promise<Result<ChangeDecision, readonly Issue[]>>,
  ): Promise<Result<Governed<T>, readonly Issue[]>> => {
    const decision = await decided;
    return decision.ok ? ok({ value, decision: decision.value }) : decision;
  };
  const putPolicy = (policy: Policy) =>
    governed(
      policy,
      inTurn(async () => {
        const choice = await onViolation();
        return change(
          (catalog) => decideChange(catalog, { kind: "policy", policy }, choice),
          () => saveDocument(store, "policy", policy.id, policy),
        );
      }),
    );
  const consentPolicies = (): Promise<readonly ConsentPolicy[]> => readConsentPolicies(store);

  const governance: Governance = {
    policies,
    savePolicy: async (input) => {
      const policy = parsePolicy(input);
      if (!policy.ok) return policy;
      const core = CORE_POLICIES.find(({ id }) => id === policy.value.id);
      return putPolicy(core === undefined ? policy.value : { ...core, status: policy.value.status });
    },
    enableCorePolicies: async (ids) => {
      const wanted = enableCorePolicies(CORE_POLICIES, ids).filter(({ status }) => status === "ENABLED");
      const decided = await inTurn(async () => {
        const choice = await onViolation();
        return change(
          (catalog) =>
            decideAll(
              catalog,
              wanted.map((policy) => ({ kind: "policy", policy }) as const),
              choice,
            ),
          async () => {
            for (const policy of wanted)
              if (!(await saveDocument(store, "policy", policy.id, policy))) return false;
            return true;
          },
        );
      });
      if (!decided.ok) return decided;
      for (const policy of await consentPolicies())
        await saveDocument(store, "consentPolicy", policy.id, { ...policy, status: "ENABLED" });
      await reload();
      return ok({ value: await policies(), decision: decided.value });
    },
    consentPolicies,
    setConsentPolicy: async (id, status, undecided) => {
      const found = (await consentPolicies()).find((policy) => policy.id === id);
      if (found === undefined)
        return err([{ code: "notFound", path: ["id"], message: "No such consent policy. List them first." }]);
      const policy = { ...found, status, ...(undecided === undefined ? {} : { undecided }) };
      if (!(await saveDocument(store, "consentPolicy", id, policy))) return err([CONFLICT]);
      await reload();
      return ok(policy);
    },
    fieldLabels,
    labelField: async (path, given) => {
      const issues: Issue[] = [];
      if (!PATH.test(path)) {
        issues.push({
          code: "label.path",
          path: ["path"],
          message: "path: expected a dotted path such as person.name.",
        });
      }
      const labels: Label[] = [];
      given.forEach((label, index) => {
        const read = parseLabel(label);
        if (read.ok) labels.push(read.value);
        else issues.push({ ...read.error, path: ["labels", index] });
      });
      if (issues.length > 0) return err(issues);
      const { [path]: _before, ...others } = await fieldLabels();
      const next: FieldLabels = labels.length === 0 ? others : { ...others, [path]: labels };
      const decided = await inTurn(async () => {
        const choice = await onViolation();
        // Labels on fields of any dataset stand in the catalog twice, for persons and for events.
        const edits = unionSchema(next).map((dataset) => ({ kind: "dataset", dataset }) as const);
        return change(
          (catalog) => decideAll(catalog, edits, choice),
          () => saveDocument(store, "fieldLabels", "current", { labels: next }),
        );
      });
      return governed(next, Promise.resolve(decided));
    },
    onViolation,
    setOnViolation: async (choice) =>
      (await saveDocument(store, "governance", "current", { onViolation: choice }))
        ? ok(choice)
        : err([CONFLICT]),
    reviewChange: async (edit) => decideChange(governanceCatalog(await sandbox()), edit, await onViolation()),
  };
  const gate: GovernanceGate = {
    guard,
    review: async (changeOf) => {
      const at = await sandbox();
      if (at.policies.every(({ status }) => status === "DISABLED")) return [];
      return decideChange(governanceCatalog(at), changeOf(at), "refuse").issues;
    },
    refusedActions: (consents) => refusedBy(consents, enforced),
    reload: reloadGate,
  };
  return { governance, gate };
}

function refusedBy(consents: unknown, policies: readonly ConsentPolicy[]): readonly string[] {
  const refused = new Set<string>();
  for (const policy of policies) {
    if (policy.status !== "ENABLED") continue;
    for (const action of policy.marketingActions) {
      const asked = { consents, marketingActions: [action], policies: [policy] };
      // Destinations may name a core action without its prefix.
      if (!activationConsent(asked).permitted) refused.add(action).add(action.replace(/^core\//, ""));
    }
  }
  return [...refused];
}

/** The consent policies of a sandbox: one for each marketing action that needs a consent, as they stand. */
async function readConsentPolicies(store: HubStore): Promise<readonly ConsentPolicy[]> {
  const saved = new Map(
    (await store.documents("consentPolicy")).map(({ id, body }) => [id, body as unknown as ConsentPolicy]),
  );
  return coreConsentPolicies(CORE_MARKETING_ACTIONS.map(({ name }) => `core/${name}`)).map(
    (policy) => saved.get(policy.id) ?? policy,
  );
}

/** Several changes as one: each is decided as if those before it were made, and one refusal refuses them all. */
function decideAll(
  catalog: GovernanceCatalog,
  changes: readonly GovernanceChange[],
  choice: OnViolation,
): ChangeDecision {
  const decisions: ChangeDecision[] = [];
  let at = catalog;
  for (const edit of changes) {
    decisions.push(decideChange(at, edit, choice));
    at = applyChange(at, edit);
  }
  return {
    kind: decisions.some(({ kind }) => kind === "refused") ? "refused" : "saved",
    reviews: decisions.flatMap(({ reviews }) => reviews),
    pause: [...new Set(decisions.flatMap(({ pause }) => pause))],
    issues: decisions.flatMap(({ issues }) => issues),
  };
}

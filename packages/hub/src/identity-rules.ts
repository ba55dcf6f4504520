import {
  type Graph,
  type GraphDecision,
  type LinkExplanation,
  type LinkingRules,
  normalIdentity,
  whyLinked,
} from "@tessera/identity-graph";
import { type HubStore } from "@tessera/profile-store";
import {
  err,
  type Identity,
  identityKey,
  type IdentityKey,
  type Issue,
  type JsonObject,
  type MembershipChange,
  ok,
  parseJson,
  type Result,
} from "@tessera/xdm";
import { saveDocument } from "./destination-lifecycle.ts";
import { checkRules } from "./identity-namespaces.ts";
import type { Ingestion } from "./ingest.ts";
import { limitIssues } from "./limit-issues.ts";
import { clustersOf, rederiveClusters } from "./rederive.ts";

/** What became of a decision about who is who. */
type Decided = Result<GraphDecision, readonly Issue[]>;

/**
 * What people decide about who is who, and what follows from it for the persons. Identities may be given in any form in
 * which records may have them (an e-mail address in upper case, say).
 */
export interface IdentityRules {
  /** Whether rules could be put in force: how they are formed, and that types agree with the namespaces. */
  readonly checkLinkingRules: (input: unknown) => Result<LinkingRules, readonly Issue[]>;
  /** Puts rules in force and derives all persons anew under them, cluster by cluster. */
  readonly setLinkingRules: (
    input: unknown,
    progress?: (done: number, total: number) => void,
  ) => Promise<Result<LinkingRules, readonly Issue[]>>;
  /** Two identities are two persons: both get back what is theirs. */
  readonly unlinkIdentities: (a: Identity, b: Identity, relink?: "never" | "observed") => Promise<Decided>;
  /** Takes an unlink back: what records say of the two counts again, as if they had never been unlinked. */
  readonly relinkIdentities: (a: Identity, b: Identity) => Promise<Decided>;
  /** A bad value: it links nothing any more, anywhere. */
  readonly blockIdentity: (identity: Identity) => Promise<Decided>;
  /** Takes a block back. */
  readonly unblockIdentity: (identity: Identity) => Promise<Decided>;
  /** All decisions that were ever taken, oldest first; of those about the same identities the newest counts. */
  readonly identityDecisions: () => readonly GraphDecision[];
  readonly explainLink: (a: Identity, b: Identity) => Promise<LinkExplanation>;
}

/** What identity rules are made of. `begin` gives the state of things, `reload` reads the configuration anew. */
export interface IdentityRulesOptions {
  readonly store: HubStore;
  readonly clock: () => number;
  readonly newId: () => string;
  readonly begin: () => Ingestion;
  readonly reload: () => Promise<void>;
  readonly told: (changes: readonly MembershipChange[]) => void;
}

const CONFLICT = (what: string): readonly Issue[] => [
  { code: "conflict", message: `Someone else ${what} at the same time. Read it again and repeat.` },
];

const SAME: Issue = {
  code: "identity.same",
  path: ["b"],
  expected: "two identities",
  came: "the same one twice",
  message: "b: expected an identity other than a, got the same one. Nothing was changed.",
};

/** The identity side of a hub. */
export function createIdentityRules(options: IdentityRulesOptions): IdentityRules {
  const { store, clock, newId, begin, reload, told } = options;
  const normal = (identity: Identity): Identity => normalIdentity(identity, begin().configuration.registry);
  /** Now, but after every earlier decision: the newest one counts, within one millisecond as well. */
  const next = (): number =>
    begin().configuration.decisions.reduce((latest, { t }) => Math.max(latest, t + 1), clock());

  /**
   * All identities that history ever brought near one. Read from the whole history: a blocked identity is in no link that
   * would lead to those whom it was seen with.
   */
  const everNear = async (identity: Identity): Promise<readonly IdentityKey[]> => {
    const key = identityKey(identity);
    return (await clustersOf(store)).find((keys) => keys.includes(key)) ?? [key];
  };

  const decided = async (
    decision: GraphDecision,
    around: readonly IdentityKey[] = keysOf(decision),
  ): Promise<Decided> => {
    const json = parseJson(decision);
    if ("badPath" in json) throw new Error("A decision is JSON data.");
    const document = {
      kind: "graphDecision",
      id: newId(),
      expectedVersion: 0,
      body: json.value as JsonObject,
    };
    const ingestion = begin();
    const { configuration } = ingestion;
    const ruled = {
      ...ingestion,
      configuration: { ...configuration, decisions: [...configuration.decisions, decision] },
    };
    const changes = await rederiveClusters(around, ruled, { documents: [document] });
    if (changes === "conflict") return err(CONFLICT("decided"));
    await reload();
    told(changes);
    return ok(decision);
  };
  const pair = (one: Identity, other: Identity): Result<readonly [Identity, Identity], readonly Issue[]> => {
    const [a, b] = [normal(one), normal(other)];
    return identityKey(a) === identityKey(b) ? err([SAME]) : ok([a, b]);
  };

  return {
    checkLinkingRules: (input) => checkRules(input, begin().configuration),
    setLinkingRules: async (input, progress) => {
      const rules = checkRules(input, begin().configuration);
      if (!rules.ok) return rules;
      const { limits } = begin().configuration;
      const refused = limitIssues(limits, [["identity.graph-identities", rules.value.cap, ["cap"]]]);
      if (refused.length > 0) return err(refused);
      if (!(await saveDocument(store, "linkingRules", "current", { rules: rules.value, since: clock() })))
        return err(CONFLICT("set linking rules"));
      await reload();
      const clusters = await clustersOf(store);
      for (const [index, keys] of clusters.entries()) {
        const changes = await rederiveClusters(keys, begin(), { documents: [] });
        if (changes !== "conflict") told(changes);
        progress?.(index + 1, clusters.length);
      }
      return rules;
    },
    unlinkIdentities: async (one, other, relink = "never") => {
      const two = pair(one, other);
      if (!two.ok) return two;
      const [a, b] = two.value;
      return decided({ kind: "unlink", a, b, t: next(), relink });
    },
    relinkIdentities: async (one, other) => {
      const two = pair(one, other);
      if (!two.ok) return two;
      const [a, b] = two.value;
      return decided({ kind: "relink", a, b, t: next() });
    },
    blockIdentity: (identity) => decided({ kind: "block", identity: normal(identity), t: next() }),
    unblockIdentity: async (blocked) => {
      const identity = normal(blocked);
      return decided({ kind: "unblock", identity, t: next() }, await everNear(identity));
    },
    identityDecisions: () => begin().configuration.decisions.toSorted((x, y) => x.t - y.t),
    explainLink: async (one, other) => {
      const [a, b] = [normal(one), normal(other)];
      const { persons } = await store.load([identityKey(a), identityKey(b)], []);
      return whyLinked(
        [...persons.values()].map(({ graph }) => graph as Graph),
        a,
        b,
      );
    },
  };
}

function keysOf(decision: GraphDecision): readonly IdentityKey[] {
  return "identity" in decision
    ? [identityKey(decision.identity)]
    : [identityKey(decision.a), identityKey(decision.b)];
}

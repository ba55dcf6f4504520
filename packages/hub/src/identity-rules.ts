import {
  blockIdentity,
  type GraphDecision,
  type LinkExplanation,
  type LinkingRules,
  type Graph,
  parseLinkingRules,
  unlink,
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
import type { Ingestion } from "./ingest.ts";
import { clustersOf, rederiveClusters } from "./rederive.ts";

/** What people decide about who is who, and what follows from it for the persons. */
export interface IdentityRules {
  /** Puts rules in force and derives all persons anew under them, cluster by cluster. */
  readonly setLinkingRules: (
    input: unknown,
    progress?: (done: number, total: number) => void,
  ) => Promise<Result<LinkingRules, readonly Issue[]>>;
  /** Two identities are two persons: both get back what is theirs. */
  readonly unlinkIdentities: (
    a: Identity,
    b: Identity,
    relink?: "never" | "observed",
  ) => Promise<Result<GraphDecision, readonly Issue[]>>;
  /** A bad value: it links nothing any more, anywhere. */
  readonly blockIdentity: (identity: Identity) => Promise<Result<GraphDecision, readonly Issue[]>>;
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

/** The identity side of a hub. */
export function createIdentityRules(options: IdentityRulesOptions): IdentityRules {
  const { store, clock, newId, begin, reload, told } = options;

  const decided = async (
    decision: GraphDecision,
    keys: readonly IdentityKey[],
  ): Promise<Result<GraphDecision, readonly Issue[]>> => {
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
    const changes = await rederiveClusters(keys, ruled, { documents: [document] });
    if (changes === "conflict")
      return err([{ code: "conflict", message: "Someone else decided at the same time. Try again." }]);
    await reload();
    told(changes);
    return ok(decision);
  };

  return {
    setLinkingRules: async (input, progress) => {
      const rules = parseLinkingRules(input);
      if (!rules.ok) return rules;
      if (!(await saveDocument(store, "linkingRules", "current", { rules: rules.value, since: clock() }))) {
        return err([
          {
            code: "conflict",
            message: "Someone else set linking rules at the same time. Read them and repeat.",
          },
        ]);
      }
      await reload();
      const clusters = await clustersOf(store);
      for (const [index, keys] of clusters.entries()) {
        const changes = await rederiveClusters(keys, begin(), { documents: [] });
        if (changes !== "conflict") told(changes);
        progress?.(index + 1, clusters.length);
      }
      return rules;
    },
    unlinkIdentities: (a, b, relink = "never") =>
      decided(unlink(a, b, { t: clock(), relink }), [identityKey(a), identityKey(b)]),
    blockIdentity: (identity) => decided(blockIdentity(identity, { t: clock() }), [identityKey(identity)]),
    explainLink: async (a, b) => {
      const { persons } = await store.load([identityKey(a), identityKey(b)], []);
      return whyLinked(
        [...persons.values()].map(({ graph }) => graph as Graph),
        a,
        b,
      );
    },
  };
}

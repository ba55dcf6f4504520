import {
  addToRehearsal,
  type Graph,
  emptyRehearsal,
  type LinkingRules,
  rehearseCluster,
  type Rehearsal,
} from "@tessera/identity-graph";
import { type IdentityKey, isMember, type Issue, ok, type Result } from "@tessera/xdm";
import { checkRules, completeRules } from "./identity-namespaces.ts";
import type { Ingestion } from "./ingest.ts";
import { loadCluster } from "./load-cluster.ts";
import { clustersOf, rederive } from "./rederive.ts";

/** What other linking rules would do to the stored history. */
export interface RulesRehearsal extends Rehearsal {
  /** Of all clusters; fewer were looked at when it was cancelled. */
  readonly total: number;
  /** Memberships that would follow, by audience id. */
  readonly memberships: {
    readonly [audienceId: string]: { readonly entries: number; readonly exits: number };
  };
}

/** How a rehearsal tells where it is, and is ended early. */
export interface RehearsalOptions {
  /** Told while the history is read (0 of 0), then after each cluster; when it throws the rehearsal ends there. */
  readonly onProgress?: (done: number, total: number) => void;
  /** Ends the rehearsal before the next cluster: it rejects with the signal's reason. */
  readonly signal?: AbortSignal;
}

/** Tries linking rules on the stored history. */
export interface RulesRehearsals {
  /** Replays all of the stored history under other rules, cluster by cluster, and changes nothing. */
  readonly rehearseLinkingRules: (
    input: unknown,
    options?: RehearsalOptions,
  ) => Promise<Result<RulesRehearsal, readonly Issue[]>>;
}

/** Clusters after which others get a turn: a store that answers at once would let no signal through. */
const TURN = 64;

/** Lets others have a turn. */
function turn(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, 0));
}

/** The rehearsing side of a hub. */
export function createRulesRehearsals(options: { readonly begin: () => Ingestion }): RulesRehearsals {
  return {
    rehearseLinkingRules: async (input, { onProgress, signal } = {}) => {
      const { configuration } = options.begin();
      const checked = checkRules(input, configuration);
      if (!checked.ok) return checked;
      const rules = completeRules(checked.value, configuration.registered);
      const clusters = await clustersOf(options.begin().store, async () => {
        await turn();
        signal?.throwIfAborted();
        onProgress?.(0, 0);
      });
      let rehearsal = emptyRehearsal;
      // The same history gives the same sample.
      const random = seeded(clusters.length);
      const memberships: Record<string, { entries: number; exits: number }> = {};
      for (const [index, keys] of clusters.entries()) {
        if (index % TURN === 0) await turn();
        signal?.throwIfAborted();
        const found = await rehearseOne(keys, rules, options.begin());
        rehearsal = addToRehearsal(rehearsal, found, random);
        for (const { audienceId, to } of found.memberships) {
          const counts = (memberships[audienceId] ??= { entries: 0, exits: 0 });
          if (to !== "none" && isMember(to)) counts.entries += 1;
          else counts.exits += 1;
        }
        onProgress?.(index + 1, clusters.length);
      }
      return ok({ ...rehearsal, total: clusters.length, memberships });
    },
  };
}

/** Numbers from 0 to below 1, the same for the same seed (Lehmer's generator). */
function seeded(seed: number): () => number {
  let state = (seed % 2_147_483_646) + 1;
  return () => (state = (state * 48_271) % 2_147_483_647) / 2_147_483_647;
}

async function rehearseOne(keys: readonly IdentityKey[], rules: LinkingRules, ingestion: Ingestion) {
  const { decisions } = ingestion.configuration;
  const cluster = await loadCluster({ store: ingestion.store, keys, decisions });
  const graphs = [...cluster.persons.values()].map(({ graph }) => graph as Graph);
  const change = rehearseCluster({ graphs, observations: cluster.observations }, rules, decisions);
  if (change === undefined) return { persons: graphs.length, change, memberships: [] };
  const ruled: Ingestion = {
    ...ingestion,
    activate: () => [],
    configuration: { ...ingestion.configuration, rules },
  };
  return { persons: graphs.length, change, memberships: rederive(cluster, ruled).memberships };
}

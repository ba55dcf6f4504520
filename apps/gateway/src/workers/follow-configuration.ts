import { setTimeout as wait } from "node:timers/promises";
import type { MongoStore } from "@tessera/store-mongodb";

/** Kinds of documents that a hub and a gateway keep in memory. */
const KINDS: readonly string[] = [
  "activity",
  "audience",
  "composition",
  "computedAttribute",
  "consentPolicy",
  "dataflow",
  "dataset",
  "datastream",
  "destination",
  "eligibility",
  "fieldGroup",
  "fieldLabels",
  "governance",
  "graphDecision",
  "guardrails",
  "identityNamespaces",
  "linkingRules",
  "mergePolicy",
  "policy",
  "schema",
  "suppression",
];
const PERIOD = 500;

/** Kinds of documents that say who may do what, where. */
export const ACCESS_KINDS: readonly string[] = ["apiKey", "role", "sandbox"];

/** Reads the configuration anew whenever another process changed it; `kinds` are those of a hub without it. */
export function followConfiguration(
  store: Pick<MongoStore, "versionsOf">,
  options: {
    readonly reload: () => Promise<void>;
    readonly onError: (what: string, error: unknown) => void;
    readonly periodMs?: number;
    readonly kinds?: readonly string[];
  },
): { readonly close: () => Promise<void> } {
  const { reload, onError, periodMs = PERIOD, kinds = KINDS } = options;
  const stop = new AbortController();
  let known: string | undefined;
  const loop = async (): Promise<void> => {
    while (!stop.signal.aborted) {
      try {
        const now = await store.versionsOf(kinds);
        if (now !== known) await reload();
        known = now;
      } catch (error) {
        onError("following the configuration", error);
      }
      await wait(periodMs, undefined, { signal: stop.signal }).catch(() => undefined);
    }
  };
  const running = loop();
  return {
    close: async () => {
      stop.abort();
      await running;
    },
  };
}

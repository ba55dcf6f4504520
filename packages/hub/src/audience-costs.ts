import type { HubStore } from "@tessera/profile-store";
import { compileAudiences } from "@tessera/segment-engine";
import type { Configuration } from "./configuration.ts";
import { evaluationViewsOf } from "./evaluation-view.ts";

/** What evaluating one audience costs. */
interface AudienceCost {
  readonly audienceId: string;
  /** Seconds for one person, alone and without what it shares with other audiences. */
  readonly secondsPerPerson: number;
  /** Persons it was measured over. */
  readonly persons: number;
}

/** Costs of audiences, measured. */
export interface AudienceCosts {
  /** Measures what each published audience costs, one after the other; those that build on others are left out. */
  readonly audienceCosts: (how: CostMeasurement) => Promise<readonly AudienceCost[]>;
}

/** How costs are measured. */
interface CostMeasurement {
  /** A clock that only goes forward, in seconds. */
  readonly seconds: () => number;
  /** Awaited between audiences, so that others get their turn. */
  readonly breathe: () => Promise<void>;
  /** Persons it is measured over (100). */
  readonly sample?: number;
}

const SAMPLE = 100;

/** The measuring side of a hub. */
export function createAudienceCosts(options: {
  readonly store: HubStore;
  readonly configuration: () => Configuration;
  readonly clock: () => number;
}): AudienceCosts {
  const { store, configuration, clock } = options;
  return {
    audienceCosts: async ({ seconds, breathe, sample = SAMPLE }) => {
      const now = clock();
      const persons = await store.scan("", sample);
      const viewed = persons.map((person) => evaluationViewsOf(store, person, configuration(), now));
      const views = (await Promise.all(viewed)).flat();
      const costs: AudienceCost[] = [];
      if (views.length === 0) return costs;
      for (const definition of configuration().whole.audiences) {
        const plan = compileAudiences([definition]);
        if (!plan.ok) continue;
        const begin = seconds();
        for (const view of views) plan.value.evaluate(view, now);
        const secondsPerPerson = (seconds() - begin) / persons.length;
        costs.push({ audienceId: definition.id, secondsPerPerson, persons: persons.length });
        await breathe();
      }
      return costs;
    },
  };
}

import { emptyCommit, type HubStore } from "@tessera/profile-store";
import { type MembershipChange, UPS } from "@tessera/xdm";
import { newestOf, saveAudience } from "./audience-lifecycle.ts";
import type { Configuration, StoredAudience } from "./configuration.ts";
import { memberCounter } from "./member-tally.ts";
import { saveDocument } from "./destination-lifecycle.ts";
import { evaluateBatchAudiences } from "./evaluate-batch.ts";
import type { Ingestion } from "./ingest.ts";
import { deriveAnew, reevaluate } from "./reevaluate.ts";
import { waitingId } from "./waiting-version.ts";

/** Work on edited audiences. */
export interface VersionSwitches {
  /**
   * Works out the versions of edited audiences that wait, person by person beside the versions in force, and switches
   * each when it is done: from then on every reader sees the new one, whole. Whatever happens meanwhile is taken first.
   * Cut short, it goes on where it stood. Gives the ids of the audiences that were switched.
   */
  readonly switchVersions: (progress?: (done: number, total: number) => void) => Promise<readonly string[]>;
  /** Whether there is such work. */
  readonly hasWaitingVersions: () => boolean;
}

/** What switching is made of. */
interface SwitchingOptions {
  readonly store: HubStore;
  readonly configuration: () => Configuration;
  readonly clock: () => number;
  readonly begin: () => Ingestion;
  readonly reload: () => Promise<void>;
  readonly told: (changes: readonly MembershipChange[]) => void;
  /** Resolves when what had come in before is done. */
  readonly caughtUp: () => Promise<void>;
}

/** Few, so that what comes in waits for few. */
const PAGE = 100;
/** Documents that say how far the work on an audience came, by its id. */
const PROGRESS = "audienceProgress";

/** The switching side of a hub. */
export function createVersionSwitches(options: SwitchingOptions): VersionSwitches {
  const { store, configuration, clock, begin, reload, told, caughtUp } = options;

  const waiting = (): readonly StoredAudience[] =>
    [...configuration().audiences.values()].filter(
      ({ next, switched, status }) =>
        (next !== undefined && status === "published") || switched !== undefined,
    );

  /** Writes what became of an audience, unless someone else changed it meanwhile. */
  const save = async (audience: StoredAudience): Promise<boolean> => {
    const saved = await saveAudience(store, audience);
    await reload();
    return saved;
  };

  /**
   * Goes through all persons, a page at a time, from where this work was left; false when `step` ended it. How far it
   * came is kept apart from the definitions: nothing is compiled anew for it.
   */
  const everyone = async (
    work: { readonly id: string; readonly name: string },
    step: (personIds: readonly string[]) => Promise<boolean>,
  ): Promise<boolean> => {
    const left = (await store.document(PROGRESS, work.id))?.body;
    let after = left?.["work"] === work.name ? String(left["after"]) : "";
    for (;;) {
      await caughtUp();
      const page = await store.scan(after, PAGE);
      const last = page.at(-1)?.personId;
      if (last === undefined) return true;
      if (!(await step(page.map(({ personId }) => personId)))) return false;
      after = last;
      await saveDocument(store, PROGRESS, work.id, { work: work.name, after });
    }
  };

  const switchOne = async (id: string, progress: (count: number) => void): Promise<boolean> => {
    const version = configuration().audiences.get(id)?.next?.definition.version;
    const waits = (): StoredAudience | undefined => {
      const audience = configuration().audiences.get(id);
      return audience?.next?.definition.version === version ? audience : undefined;
    };
    const whole = await everyone({ id, name: `version ${version}` }, async (personIds) => {
      const isBatch = waits()?.next?.definition.evaluation === "batch";
      // From the truth: another process may have followed some of them before it knew of this version.
      if (isBatch) await evaluateBatchAudiences(personIds, new Set([waitingId(id)]), begin());
      else told(await deriveAnew(personIds, begin()));
      progress(personIds.length);
      return waits() !== undefined;
    });
    const current = waits();
    if (!whole || current?.next === undefined) return false;
    const now = clock();
    const members =
      (await store.counters())[memberCounter({ namespace: UPS, audienceId: waitingId(id) })] ?? 0;
    // One document: whoever reads sees the version before or the new one, never a mixture.
    return save({
      ...newestOf(current),
      since: now,
      evaluatedAt: now,
      switched: { at: now, members },
    });
  };

  /** Brings every stored person to the version that was switched to; destinations are told of who came and went. */
  const settle = async (id: string, progress: (count: number) => void): Promise<void> => {
    const at = configuration().audiences.get(id)?.switched?.at;
    const isSame = (): boolean => configuration().audiences.get(id)?.switched?.at === at;
    if (at === undefined) return;
    const whole = await everyone({ id, name: `switch ${at}` }, async (personIds) => {
      told(await reevaluate(personIds, begin()));
      progress(personIds.length);
      return isSame();
    });
    const current = configuration().audiences.get(id);
    if (!whole || current === undefined || !isSame()) return;
    const { switched: _switched, ...settled } = current;
    if (!(await save(settled))) return;
    const left = await store.document(PROGRESS, id);
    if (left === undefined) return;
    const gone = { kind: PROGRESS, id, expectedVersion: left.version };
    await store.commit({ ...emptyCommit, documents: [gone] });
  };

  return {
    hasWaitingVersions: () => waiting().length > 0,
    switchVersions: async (progress) => {
      const done: string[] = [];
      const tried = new Set<string>();
      const { persons } = await store.totals();
      let count = 0;
      const untried = (): readonly StoredAudience[] =>
        waiting().filter((audience) => !tried.has(nameOf(audience)));
      const tell = (more: number): void => {
        count += more;
        // Each is gone through twice: to work the new version out, and to bring persons to it.
        const total = Math.max(count, (tried.size + untried().length) * 2 * persons);
        progress?.(count, total);
      };
      // Also what is edited meanwhile.
      for (let [audience] = untried(); audience !== undefined; [audience] = untried()) {
        tried.add(nameOf(audience));
        await settle(audience.id, tell);
        if (await switchOne(audience.id, tell)) done.push(audience.id);
        await settle(audience.id, tell);
      }
      return done;
    },
  };
}

function nameOf(audience: StoredAudience): string {
  return `${audience.id} ${newestOf(audience).version}`;
}

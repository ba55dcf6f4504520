import { mergeAttributes, type HubStore, type PersonState } from "@tessera/profile-store";
import { partOf, rankPersons, valueAt } from "@tessera/segment-engine";
import { isMember, type JsonObject, type MembershipChange, UPS } from "@tessera/xdm";
import { applyMemberships, type Found } from "./apply-memberships.ts";
import type { Configuration, StoredComposition } from "./configuration.ts";
import type { Ingestion } from "./ingest.ts";
import { settleVersions, withoutWaiting } from "./waiting-version.ts";

const PAGE = 500;

/**
 * Evaluates a composition for everyone, by the memberships of its audiences as they stand. A rank is worked out over
 * everyone first, with no more than its limit of persons in memory.
 */
export async function evaluateComposition(
  composition: StoredComposition,
  { store, begin }: { readonly store: HubStore; readonly begin: () => Ingestion },
  seen: {
    readonly told: (changes: readonly MembershipChange[]) => void;
    readonly progress: (persons: number) => void;
  },
): Promise<void> {
  const { end } = composition;
  const asked = Object.values(composition.audienceIds).filter(
    (id) => begin().configuration.audiences.get(id)?.status === "published",
  );
  let chosen: ReadonlySet<string> | undefined;
  if (end.kind === "rank") {
    const rank = rankPersons(end);
    for await (const persons of everyone(store)) {
      const { configuration } = begin();
      for (const person of persons) {
        const composed = composedOf(person, configuration);
        if (partOf(composition, composed) !== undefined)
          rank.add(person.personId, valueAt(composed.attributes, end.path));
      }
    }
    chosen = new Set(rank.chosen());
  }
  for await (const persons of everyone(store)) {
    const ingestion = begin();
    const { configuration } = ingestion;
    const find = async (person: PersonState): Promise<readonly Found[]> => {
      const isOut = chosen !== undefined && !chosen.has(person.personId);
      const part = isOut ? undefined : partOf(composition, composedOf(person, configuration));
      return asked.map((audienceId) => ({
        audienceId,
        version: configuration.audiences.get(audienceId)?.version ?? composition.version,
        member: part !== undefined && composition.audienceIds[part] === audienceId,
      }));
    };
    const ids = persons.map(({ personId }) => personId);
    seen.told(await applyMemberships(ids, find, ingestion));
    seen.progress(persons.length);
  }
}

/** A person as compositions look at them. */
export function composedOf(
  person: PersonState,
  { audiences, policy }: Pick<Configuration, "audiences" | "policy">,
): {
  readonly personId: string;
  readonly members: ReadonlySet<string>;
  readonly attributes: JsonObject;
} {
  const held = withoutWaiting(settleVersions(person.memberships, audiences));
  return {
    personId: person.personId,
    members: new Set(
      held.flatMap(({ namespace, audienceId, status }) =>
        namespace === UPS && isMember(status) ? [audienceId] : [],
      ),
    ),
    attributes: mergeAttributes(person.fragments, policy),
  };
}

async function* everyone(store: HubStore): AsyncGenerator<readonly PersonState[]> {
  for (let after = ""; ;) {
    const page = await store.scan(after, PAGE);
    const last = page.at(-1);
    if (last === undefined) return;
    yield page;
    after = last.personId;
  }
}

import type { HubStore, PersonState } from "@tessera/profile-store";

/** Persons as a commit left them, and ids that are no more, with the person who goes on in their place. */
export interface CommittedPersons {
  readonly persons: readonly PersonState[];
  readonly removed: readonly { readonly personId: string; readonly successor?: string }[];
}

/** The same store, which tells of every commit that wrote persons, once it is durable. */
export function observeCommits(
  store: HubStore,
  tell: ((committed: CommittedPersons) => void) | undefined,
): HubStore {
  if (tell === undefined) return store;
  return {
    load: (identities, eventIds) => store.load(identities, eventIds),
    persons: (personIds) => store.persons(personIds),
    events: (owners, from) => store.events(owners, from),
    records: (owners) => store.records(owners),
    commit: async (commit) => {
      const result = await store.commit(commit);
      if (result.ok && commit.persons.length > 0) {
        tell({
          persons: commit.persons.flatMap((write) => (write.kind === "put" ? [write.person] : [])),
          removed: commit.persons.flatMap((write) =>
            write.kind === "put"
              ? []
              : [
                  {
                    personId: write.personId,
                    ...(write.successor === undefined ? {} : { successor: write.successor }),
                  },
                ],
          ),
        });
      }
      return result;
    },
    due: (now, limit) => store.due(now, limit),
    nextDue: () => store.nextDue(),
    scan: (after, limit) => store.scan(after, limit),
    membershipLog: (personId) => store.membershipLog(personId),
    document: (kind, id) => store.document(kind, id),
    documents: (kind) => store.documents(kind),
    counters: () => store.counters(),
    totals: () => store.totals(),
    outbox: (destinationId, after, limit) => store.outbox(destinationId, after, limit),
    acknowledge: (entryIds) => store.acknowledge(entryIds),
    quarantined: (limit, after) => store.quarantined(limit, after),
    releaseQuarantined: (ids) => store.releaseQuarantined(ids),
    expiring: (before, step) => store.expiring(before, step),
    exportItems: (step) => store.exportItems(step),
    importItems: (items) => store.importItems(items),
    dropDerived: () => store.dropDerived(),
    owners: (after, limit) => store.owners(after, limit),
    close: () => store.close(),
  };
}

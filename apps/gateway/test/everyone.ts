import type { HubStore } from "@tessera/profile-store";

/**
 * Everyone in a store, as they stand there. How often a person was written is not part of who they are, nor is how the
 * engine remembers events and up to when it followed them, which depends on how items met in batches; audiences, made with
 * new ids each time, go by their names.
 */
export async function everyoneIn(store: HubStore): Promise<readonly unknown[]> {
  const names = new Map<string, unknown>();
  for (const { id, body } of await store.documents("audience")) names.set(id, body["name"]);
  const all: unknown[] = [];
  for (let after = ""; ;) {
    const some = await store.scan(after, 500);
    for (const {
      version: _version,
      eventState: _state,
      evaluatedAt: _until,
      memberships,
      ...person
    } of some) {
      const named = memberships.map(({ audienceId, ...rest }) => ({ name: names.get(audienceId), ...rest }));
      all.push({
        ...person,
        memberships: named.sort((a, b) => (String(a.name) < String(b.name) ? -1 : 1)),
      });
    }
    const last = some.at(-1);
    if (last === undefined) return JSON.parse(JSON.stringify(all)) as unknown[];
    after = last.personId;
  }
}

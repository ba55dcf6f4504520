import type { MembershipState, PersonState } from "@tessera/profile-store";
import { isMember, type MembershipChange } from "@tessera/xdm";

/** Counts how many more members each audience has. */
export class MemberTally {
  readonly #counters = new Map<string, Map<string, number>>();
  readonly #gone = new Set<PersonState>();

  /** Someone who goes on: what changed is all there is to count. */
  changes(changes: readonly MembershipChange[]): void {
    for (const change of changes) {
      this.#add(change, (isMemberOf(change.to) ? 1 : 0) - (isMemberOf(change.from) ? 1 : 0));
    }
  }

  /** Someone made of others, or of nobody. */
  person(after: PersonState, sources: readonly PersonState[]): void {
    for (const held of after.memberships) if (isMember(held.status)) this.#add(held, 1);
    for (const source of sources) this.gone(source);
  }

  /** Someone who is no more as they were; several may be made of them. */
  gone(person: PersonState): void {
    if (this.#gone.size === this.#gone.add(person).size) return;
    for (const held of person.memberships) if (isMember(held.status)) this.#add(held, -1);
  }

  counters(): Readonly<Record<string, number>> {
    const counters: Record<string, number> = {};
    for (const [namespace, deltas] of this.#counters) {
      for (const [audienceId, delta] of deltas)
        if (delta !== 0) {
          const name = memberCounter({ namespace, audienceId });
          counters[name] = (counters[name] ?? 0) + delta;
        }
    }
    return counters;
  }

  #add({ namespace, audienceId }: Held, by: number): void {
    if (by === 0) return;
    let deltas = this.#counters.get(namespace);
    if (deltas === undefined) this.#counters.set(namespace, (deltas = new Map()));
    deltas.set(audienceId, (deltas.get(audienceId) ?? 0) + by);
  }
}

function isMemberOf(status: MembershipChange["from"]): boolean {
  return status !== "none" && isMember(status);
}

/** An audience by its namespace and id. */
type Held = Pick<MembershipState, "namespace" | "audienceId">;

/** The name of the counter of an audience's members. */
export function memberCounter({ namespace, audienceId }: Held): string {
  return `members:${namespace}:${audienceId}`;
}

import type { PersonState } from "@tessera/profile-store";
import { Recent } from "./recent.ts";

/** A person as it is on disk, together with its row. */
export interface WarmPerson {
  readonly row: number;
  readonly person: PersonState;
}

/** The persons used last, decoded, by row and by id. */
export class WarmPersons {
  readonly #byRow: Recent<number, WarmPerson>;
  readonly #byId: Recent<string, WarmPerson>;

  /** Keeps at least `size` of them. */
  constructor(size: number) {
    this.#byRow = new Recent(size);
    this.#byId = new Recent(size);
  }

  at(row: number): WarmPerson | undefined {
    return this.#byRow.get(row);
  }

  of(personId: string): WarmPerson | undefined {
    return this.#byId.get(personId);
  }

  keep(warm: WarmPerson): void {
    this.#byRow.set(warm.row, warm);
    this.#byId.set(warm.person.personId, warm);
  }

  forget(row: number, personId: string): void {
    this.#byRow.delete(row);
    this.#byId.delete(personId);
  }

  clear(): void {
    this.#byRow.clear();
    this.#byId.clear();
  }
}

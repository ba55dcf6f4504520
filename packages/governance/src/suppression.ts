import { digest, type Identity, identityKey, parseInstant } from "@tessera/xdm";

/**
 * What is kept of a deleted identity: a salted hash, never the value. `until` is the moment of the deletion: data
 * dated up to then does not come back. `scope: "always"` keeps out later data as well.
 */
export interface SuppressionEntry {
  readonly hash: string;
  /** ISO 8601. */
  readonly until: string;
  readonly scope: "past" | "always";
}

/** The hash of an identity under the organisation's salt (at least 16 characters, kept like a key, never changed). */
export function suppressionHash(identity: Identity, salt: string): string {
  return digest(`${salt}\n${identityKey(identity)}`);
}

/** The entry that a deletion leaves behind. */
export function suppressionEntry(
  identity: Identity,
  {
    salt,
    at,
    scope = "past",
  }: { readonly salt: string; readonly at: string; readonly scope?: "past" | "always" },
): SuppressionEntry {
  return { hash: suppressionHash(identity, salt), until: at, scope };
}

/** The entries in force, by hash. A later deletion of the same identity moves the moment on; `always` stays. */
export class SuppressionList {
  readonly #salt: string;
  readonly #entries = new Map<string, { readonly until: number; readonly always: boolean }>();

  constructor(entries: Iterable<SuppressionEntry>, salt: string) {
    this.#salt = salt;
    for (const entry of entries) this.#put(entry);
  }

  /** How many identities are on it. */
  get size(): number {
    return this.#entries.size;
  }

  /** The same list with an entry more. */
  with(entry: SuppressionEntry): SuppressionList {
    const list = new SuppressionList([], this.#salt);
    for (const [hash, known] of this.#entries) list.#entries.set(hash, known);
    list.#put(entry);
    return list;
  }

  /**
   * Whether data of this time (milliseconds) about this identity stays out: a replay or a late event from before the
   * deletion. Asked for every identity of every event: an empty list costs nothing, another one hash.
   */
  isSuppressed(identity: Identity, time: number): boolean {
    if (this.#entries.size === 0) return false;
    const entry = this.#entries.get(suppressionHash(identity, this.#salt));
    return entry !== undefined && (entry.always || time <= entry.until);
  }

  /** Until when data about this identity stays out, in milliseconds: the moment of its deletion; undefined when it was not deleted. */
  deletedAt(identity: Identity): number | undefined {
    if (this.#entries.size === 0) return undefined;
    const entry = this.#entries.get(suppressionHash(identity, this.#salt));
    return entry?.always === true ? Infinity : entry?.until;
  }

  #put({ hash, until, scope }: SuppressionEntry): void {
    const time = parseInstant(until);
    const known = this.#entries.get(hash);
    this.#entries.set(hash, {
      // an unreadable time keeps everything out, rather than letting a deleted person back in
      until: Math.max(known?.until ?? -Infinity, time.ok ? time.value : Infinity),
      always: scope === "always" || known?.always === true,
    });
  }
}

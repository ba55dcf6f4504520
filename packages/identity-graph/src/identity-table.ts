import type { Identity, IdentityKey } from "@tessera/xdm";

/** Numbers for identities, in order of arrival, by open addressing over a hash of the value. Grows; never forgets. */
export class IdentityTable {
  count = 0;
  namespaces: string[] = [];
  ids: string[] = [];
  namespaceOf: Uint16Array = new Uint16Array(1024);
  /** Pairs of a number plus one and its hash side by side: what is not it is passed over without looking further away. */
  private slots: Int32Array = new Int32Array(4096);

  /** The number of an identity, or -1 when it is new. */
  find(identity: Identity): number {
    const namespace = this.namespaces.indexOf(identity.namespace);
    return namespace < 0 ? -1 : this.search(namespace, identity.id, hashOf(namespace, identity.id));
  }

  /** The number of an identity; a new one gets the next number (so `count` tells whether it was new). */
  intern(identity: Identity): number {
    const namespace = this.namespaceNumber(identity.namespace);
    const { id } = identity;
    const hash = hashOf(namespace, id);
    const known = this.search(namespace, id, hash);
    if (known >= 0) return known;
    const number = this.count++;
    if (number >= this.namespaceOf.length) this.grow();
    this.ids.push(id);
    this.namespaceOf[number] = namespace;
    place(this.slots, number + 1, hash);
    return number;
  }

  key(number: number): IdentityKey {
    return `${this.namespace(number)}:${this.ids[number] ?? ""}`;
  }

  namespace(number: number): string {
    return this.namespaces[this.namespaceOf[number] ?? 0] ?? "";
  }

  private namespaceNumber(code: string): number {
    const known = this.namespaces.indexOf(code);
    return known >= 0 ? known : this.namespaces.push(code) - 1;
  }

  private search(namespace: number, id: string, hash: number): number {
    const { slots, namespaceOf, ids } = this;
    const mask = slots.length - 2;
    for (let slot = (hash << 1) & mask; ; slot = (slot + 2) & mask) {
      const number = (slots[slot] ?? 0) - 1;
      if (number < 0) return -1;
      if (slots[slot + 1] === hash && ids[number] === id && namespaceOf[number] === namespace) return number;
    }
  }

  private grow(): void {
    const capacity = this.namespaceOf.length * 2;
    this.namespaceOf = grown(this.namespaceOf, new Uint16Array(capacity));
    const slots = new Int32Array(capacity * 4);
    for (let slot = 0; slot < this.slots.length; slot += 2) {
      const entry = this.slots[slot] ?? 0;
      if (entry !== 0) place(slots, entry, this.slots[slot + 1] ?? 0);
    }
    this.slots = slots;
  }
}

function place(slots: Int32Array, entry: number, hash: number): void {
  const mask = slots.length - 2;
  let slot = (hash << 1) & mask;
  while (slots[slot] !== 0) slot = (slot + 2) & mask;
  slots[slot] = entry;
  slots[slot + 1] = hash;
}

/** `next` with the content of `current` at its start. */
export function grown<T extends Int32Array | Uint16Array | Uint32Array | Float64Array | Uint8Array>(
  current: T,
  next: T,
): T {
  next.set(current);
  return next;
}

function hashOf(namespace: number, id: string): number {
  let hash = 0x811c9dc5 ^ namespace;
  for (let i = 0; i < id.length; i++) hash = Math.imul(hash ^ id.charCodeAt(i), 0x01000193);
  hash ^= hash >>> 15;
  return Math.imul(hash, 0x2c1b3c6d) ^ (hash >>> 13);
}

import type { Identity, IdentityKey } from "@tessera/xdm";

/** Numbers for identities, in order of arrival, by open addressing over a hash of the value. Grows; never forgets. */
export class IdentityTable {
  count = 0;
  namespaces: string[] = [];
  ids: string[] = [];
  namespaceOf: Uint16Array = new Uint16Array(1024);
  private hashes: Int32Array = new Int32Array(1024);
  private slots: Int32Array = new Int32Array(2048);

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
    if (number >= this.hashes.length) this.grow();
    this.ids.push(id);
    this.namespaceOf[number] = namespace;
    this.hashes[number] = hash;
    this.place(number, hash);
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
    const { slots, hashes, namespaceOf, ids } = this;
    const mask = slots.length - 1;
    for (let slot = hash & mask; ; slot = (slot + 1) & mask) {
      const number = (slots[slot] ?? 0) - 1;
      if (number < 0) return -1;
      if (hashes[number] === hash && namespaceOf[number] === namespace && ids[number] === id) return number;
    }
  }

  private place(number: number, hash: number): void {
    const { slots } = this;
    const mask = slots.length - 1;
    let slot = hash & mask;
    while (slots[slot] !== 0) slot = (slot + 1) & mask;
    slots[slot] = number + 1;
  }

  private grow(): void {
    const capacity = this.hashes.length * 2;
    this.hashes = grown(this.hashes, new Int32Array(capacity));
    this.namespaceOf = grown(this.namespaceOf, new Uint16Array(capacity));
    this.slots = new Int32Array(capacity * 2);
    for (let number = 0; number < this.count - 1; number++) this.place(number, this.hashes[number] ?? 0);
  }
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

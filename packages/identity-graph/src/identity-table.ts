import type { Identity, IdentityKey } from "@tessera/xdm";
import { Texts } from "./records.ts";

/** Numbers for identities, in order of arrival, by open addressing over a hash of the value. Grows; never forgets. */
export class IdentityTable {
  count = 0;
  namespaces: string[] = [];
  private readonly ids = new Texts();
  private namespaceOf: Uint16Array = new Uint16Array(4096);
  /** Pairs of a number plus one and its hash side by side: what is not it is passed over without looking further away. */
  private slots: Int32Array = new Int32Array(8192);

  /** The number of an identity, or -1 when it is new. */
  find(identity: Identity): number {
    const namespace = this.namespaces.indexOf(identity.namespace);
    if (namespace < 0) return -1;
    return this.search(namespace, identity.id, this.hashOf(namespace, identity.id));
  }

  /** The number of an identity; a new one gets the next number (so `count` tells whether it was new). */
  intern(identity: Identity): number {
    const namespace = this.namespaceNumber(identity.namespace);
    return this.internHashed(namespace, identity.id, this.hashOf(namespace, identity.id));
  }

  /** The same with the number of the namespace and the hash of both, for those who have them. */
  internHashed(namespace: number, id: string, hash: number): number {
    const known = this.search(namespace, id, hash);
    if (known >= 0) return known;
    const number = this.count++;
    if (number >= this.namespaceOf.length) {
      this.namespaceOf = grown(this.namespaceOf, new Uint16Array(this.namespaceOf.length * 2));
    }
    // At most three quarters of the slots are taken.
    if (this.count * 8 > this.slots.length * 3) this.rehash();
    this.ids.set(number, id);
    this.namespaceOf[number] = namespace;
    place(this.slots, number + 1, hash);
    return number;
  }

  key(number: number): IdentityKey {
    return `${this.namespace(number)}:${this.ids.at(number)}`;
  }

  id(number: number): string {
    return this.ids.at(number);
  }

  namespace(number: number): string {
    return this.namespaces[this.namespaceOf[number] ?? 0] ?? "";
  }

  /** The number of an identity's namespace. */
  namespaceAt(number: number): number {
    return this.namespaceOf[number] ?? 0;
  }

  namespaceNumber(code: string): number {
    const { namespaces } = this;
    for (let number = 0; number < namespaces.length; number++) if (namespaces[number] === code) return number;
    return namespaces.push(code) - 1;
  }

  /** The number that the search for a hash most likely ends with, or -1. */
  guess(hash: number): number {
    const { slots } = this;
    const slot = (hash << 1) & (slots.length - 2);
    return slots[slot + 1] === hash ? (slots[slot] ?? 0) - 1 : -1;
  }

  /** Reads what a search compares, for those who want it at hand later. */
  peek(number: number): number {
    const id = this.ids.at(number);
    return (this.namespaceOf[number] ?? 0) ^ id.charCodeAt(id.length - 1);
  }

  /** A hash in two lanes, which a processor works on at the same time. */
  hashOf(namespace: number, id: string): number {
    const { length } = id;
    let one = 0x811c9dc5 ^ namespace;
    let two = 0x2c1b3c6d ^ length;
    let i = 0;
    for (; i + 1 < length; i += 2) {
      one = Math.imul(one ^ id.charCodeAt(i), 0x01000193);
      two = Math.imul(two ^ id.charCodeAt(i + 1), 0x01000193);
    }
    if (i < length) one = Math.imul(one ^ id.charCodeAt(i), 0x01000193);
    const hash = Math.imul(one ^ (one >>> 15), 0x2c1b3c6d) ^ Math.imul(two ^ (two >>> 13), 0x297a2d39);
    return hash ^ (hash >>> 16);
  }

  private search(namespace: number, id: string, hash: number): number {
    const { slots, namespaceOf, ids } = this;
    const mask = slots.length - 2;
    for (let slot = (hash << 1) & mask; ; slot = (slot + 2) & mask) {
      const number = (slots[slot] ?? 0) - 1;
      if (number < 0) return -1;
      if (slots[slot + 1] === hash && namespaceOf[number] === namespace && ids.at(number) === id)
        return number;
    }
  }

  private rehash(): void {
    const slots = new Int32Array(this.slots.length * 2);
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

function grown(current: Uint16Array, next: Uint16Array): Uint16Array {
  next.set(current);
  return next;
}

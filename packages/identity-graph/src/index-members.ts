import { compareKeys, type Identity, type IdentityKey, identityOfKey } from "@tessera/xdm";
import { comparePairs, type Graph, type GraphIdentity, positionOf, type RemovedLink } from "./graph.ts";
import { IdentityTable } from "./identity-table.ts";
import { LinkTable } from "./link-table.ts";
import { compareSteps, type Moment, type Step } from "./moment.ts";
import { Records } from "./records.ts";

/** Fields of an identity: its component, the next member of it, its first link, and the size of the component it names. */
const COMPONENT = 0;
const NEXT = 1;
const HEAD = 2;
const SIZE = 3;
/** Of 8 bytes: when it was first and last seen, behind the other four. */
export const FIRST = 2;
const LAST = 3;
const FIELDS = 8;

/** What was taken from a component, with the numbers of the ends two by two, and the latest step that shaped it. */
interface Removals {
  readonly removed: readonly RemovedLink[];
  readonly ends: readonly number[];
  readonly latest: Step;
}

/**
 * Identities and their links in columns: each component is a circular chain of its members and has the number of one of
 * them. An identity that was only looked at is not seen yet (`first` is infinite).
 */
export class Members {
  readonly table: IdentityTable = new IdentityTable();
  readonly records: Records = new Records(FIELDS);
  readonly removals: Map<number, Removals> = new Map();
  private readonly links = new LinkTable();

  find(identity: Identity): number {
    const number = this.table.find(identity);
    return number >= 0 && this.isSeen(number) ? number : -1;
  }

  /** The number of an identity; a new one stands alone and is not seen yet. */
  intern(namespace: number, id: string): number {
    const { table, records } = this;
    const before = table.count;
    const number = table.internIn(namespace, id);
    if (number < before) return number;
    records.reserve(number);
    const chunk = records.chunk(number);
    const at = records.offset(number);
    chunk[at + COMPONENT] = number;
    chunk[at + NEXT] = number;
    chunk[at + HEAD] = -1;
    chunk[at + SIZE] = 1;
    records.setDouble(number, FIRST, Infinity);
    records.setDouble(number, LAST, -Infinity);
    return number;
  }

  isSeen(number: number): boolean {
    return this.records.double(number, FIRST) !== Infinity;
  }

  isLinked(number: number): boolean {
    return this.records.int(number, HEAD) >= 0;
  }

  componentOf(number: number): number {
    return this.records.int(number, COMPONENT);
  }

  nextOf(number: number): number {
    return this.records.int(number, NEXT);
  }

  sizeOf(component: number): number {
    return this.records.int(component, SIZE);
  }

  see(number: number, t: number): void {
    const { records } = this;
    if (t < records.double(number, FIRST)) records.setDouble(number, FIRST, t);
    if (t > records.double(number, LAST)) records.setDouble(number, LAST, t);
  }

  /** Whether two identities are linked, and this step was the last to show it. */
  isLast(a: number, b: number, step: Step): boolean {
    const link = this.links.find(this.records.int(a, HEAD), a, b);
    return link >= 0 && this.links.isLast(link, step);
  }

  observe(a: number, b: number, moment: Moment): void {
    const link = this.links.find(this.records.int(a, HEAD), a, b);
    if (link >= 0) this.links.confirm(link, moment);
    else this.addLink(a, b, { first: moment, last: moment, count: 1 });
  }

  /** Makes the members of one component members of another. */
  absorb(into: number, from: number): void {
    const { records } = this;
    let member = from;
    do {
      records.setInt(member, COMPONENT, into);
      member = records.int(member, NEXT);
    } while (member !== from);
    const after = records.int(into, NEXT);
    records.setInt(into, NEXT, records.int(from, NEXT));
    records.setInt(from, NEXT, after);
    records.setInt(into, SIZE, records.int(into, SIZE) + records.int(from, SIZE));
  }

  membersAt(component: number): readonly number[] {
    const members: number[] = [];
    let member = component;
    do {
      members.push(member);
      member = this.records.int(member, NEXT);
    } while (member !== component);
    return members;
  }

  identitiesAt(number: number): readonly Identity[] {
    if (number < 0) return [];
    const { table, records } = this;
    const identities: Identity[] = [];
    let member = number;
    do {
      identities.push({ namespace: table.namespace(member), id: table.id(member) });
      member = records.int(member, NEXT);
    } while (member !== number);
    return identities;
  }

  /** Every component once. */
  *components(): Generator<number> {
    for (let number = 0; number < this.table.count; number++) {
      if (this.componentOf(number) === number && this.isSeen(number)) yield number;
    }
  }

  size(): { readonly identities: number; readonly graphs: number } {
    let [identities, graphs] = [0, 0];
    for (let number = 0; number < this.table.count; number++) {
      if (!this.isSeen(number)) continue;
      identities++;
      if (this.componentOf(number) === number) graphs++;
    }
    return { identities, graphs };
  }

  /** A component as a graph. */
  graph(component: number): Graph {
    const { table, records, links } = this;
    const members = this.membersAt(component);
    const identities = members.map((member): GraphIdentity => {
      const key = table.key(member);
      const [firstSeen, lastSeen] = [records.double(member, FIRST), records.double(member, LAST)];
      return { namespace: table.namespace(member), id: table.id(member), key, firstSeen, lastSeen };
    });
    identities.sort((x, y) => compareKeys(x.key, y.key));
    const found = members.flatMap((member) => links.chain(records.int(member, HEAD), member, true));
    const list = found.map((number) => links.link(number, table)).sort(comparePairs);
    const removal = this.removals.get(component);
    let latest: Step | null = removal?.latest ?? null;
    if (!removal) {
      for (const { last } of list) if (!latest || compareSteps(last, latest) > 0) latest = last;
      if (latest) latest = { t: latest.t, key: latest.key };
    }
    return { identities, links: list, removed: removal?.removed ?? [], apart: [], latest, trimmed: false };
  }

  /** Notes what was taken from a component, and the latest step that shaped it. */
  mark(component: number, removed: readonly RemovedLink[], latest: Step): void {
    const ends = removed.flatMap(({ a, b }) => [this.numberOf(a), this.numberOf(b)]);
    this.removals.set(component, { removed, ends, latest });
  }

  /** Forgets the links of a component and what was taken from it; its members are placed anew. */
  release(component: number): void {
    const { links, records } = this;
    const members = this.membersAt(component);
    links.release(members.flatMap((member) => links.chain(records.int(member, HEAD), member, true)));
    for (const member of members) records.setInt(member, HEAD, -1);
    this.removals.delete(component);
  }

  /** Makes the identities of a graph one component without links; gives its number. */
  place({ identities }: Graph): number {
    const { records } = this;
    const members = identities.map(({ key }) => this.numberOf(key));
    const [first = 0] = members;
    members.forEach((member, index) => {
      const { firstSeen, lastSeen } = identities[index] ?? { firstSeen: 0, lastSeen: 0 };
      records.setInt(member, COMPONENT, first);
      records.setInt(member, NEXT, members[index + 1] ?? first);
      records.setInt(member, HEAD, -1);
      records.setDouble(member, FIRST, firstSeen);
      records.setDouble(member, LAST, lastSeen);
    });
    records.setInt(first, SIZE, members.length);
    return first;
  }

  /** Takes the links of a placed graph, and what was taken from it. */
  take(component: number, { identities, links, removed, latest }: Graph): void {
    const members = identities.map(({ key }) => this.numberOf(key));
    const memberOf = (key: IdentityKey): number => members[positionOf(identities, key)] ?? 0;
    for (const link of links) this.addLink(memberOf(link.a), memberOf(link.b), link);
    const isShown = latest === null || links.some(({ last }) => compareSteps(last, latest) === 0);
    if (latest && (removed.length > 0 || !isShown)) this.mark(component, removed, latest);
  }

  private addLink(a: number, b: number, seen: Parameters<LinkTable["add"]>[1]): void {
    const { records } = this;
    const link = this.links.add({ a, b, nextA: records.int(a, HEAD), nextB: records.int(b, HEAD) }, seen);
    records.setInt(a, HEAD, link);
    records.setInt(b, HEAD, link);
  }

  private numberOf(key: IdentityKey): number {
    return this.table.intern(identityOfKey(key));
  }
}

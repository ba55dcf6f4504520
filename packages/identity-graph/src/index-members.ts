import { compareKeys, type Identity, type IdentityKey, identityOfKey } from "@tessera/xdm";
import { type ComponentTally, NOTED } from "./component-tally.ts";
import { comparePairs, type Graph, type GraphIdentity, positionOf, type RemovedLink } from "./graph.ts";
import { IdentityTable } from "./identity-table.ts";
import { LinkTable } from "./link-table.ts";
import { compareSteps, type Moment, type Step } from "./moment.ts";
import { Records } from "./records.ts";
import { sortFew } from "./sort-few.ts";

/** Fields of an identity: its component, the next member of it, its first link, and the tally of the component it names. */
const COMPONENT = 0;
const NEXT = 1;
const HEAD = 2;
const TALLY = 3;
/** Of 8 bytes: when it was first and last seen, behind the other four. */
const FIRST = 2;
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
 * them. An identity that was only looked at is not seen yet (`first` is infinite). Of components that are noted there is
 * more to know elsewhere: what was taken from them (`removals`), or graphs that the owner of the columns holds.
 */
export class Members {
  readonly table: IdentityTable = new IdentityTable();
  readonly removals: Map<number, Removals> = new Map();
  private readonly records: Records = new Records(FIELDS);
  private readonly links = new LinkTable(this.records, HEAD);
  private readonly tally: ComponentTally;
  private readonly guesses: number[] = [];
  private readonly ids: string[] = [];
  /** The keys that were made last, each way, so that what is taken out of the columns is put back without being looked up. */
  private readonly keys = new Map<number, IdentityKey>();
  private readonly numbers = new Map<IdentityKey, number>();

  constructor(tally: ComponentTally) {
    this.tally = tally;
  }

  find(identity: Identity): number {
    const number = this.table.find(identity);
    return number >= 0 && this.isSeen(number) ? number : -1;
  }

  /** Makes the next number an identity that stands alone and is not seen yet; `tally` is that of such an identity. */
  begin(number: number, tally: number): void {
    const { records } = this;
    records.reserve(number);
    const chunk = records.chunk(number);
    const at = records.offset(number);
    chunk[at + COMPONENT] = number;
    chunk[at + NEXT] = number;
    chunk[at + HEAD] = -1;
    chunk[at + TALLY] = tally;
    records.setDouble(number, FIRST, Infinity);
    records.setDouble(number, LAST, -Infinity);
  }

  /**
   * Reads what the identities with these hashes will need, as far as it can be guessed, and gives a number made of it. None
   * of the reads of a loop waits for the one before it, so a processor does many at the same time.
   */
  peek(hashes: readonly number[], count: number): number {
    const { guesses, ids, table, records, links } = this;
    let peeked = 0;
    let known = 0;
    for (let i = 0; i < count; i++) {
      const number = table.guess(hashes[i] ?? 0);
      guesses[known] = number;
      if (number >= 0) known++;
    }
    for (let i = 0; i < known; i++) ids[i] = table.id(guesses[i] ?? 0);
    for (let i = 0; i < known; i++) {
      const number = guesses[i] ?? 0;
      guesses[i] = records.int(number, HEAD);
      peeked ^= table.namespaceAt(number);
    }
    for (let i = 0; i < known; i++) {
      const id = ids[i] ?? "";
      peeked ^= id.charCodeAt(id.length - 1);
    }
    for (let i = 0; i < known; i++) {
      const link = guesses[i] ?? -1;
      if (link >= 0) peeked ^= links.peek(link);
    }
    return peeked;
  }

  isSeen(number: number): boolean {
    return this.records.double(number, FIRST) !== Infinity;
  }

  isLinked(number: number): boolean {
    return this.records.int(number, HEAD) >= 0;
  }

  /** Whether a step is earlier than the first sight of an identity. */
  isBefore(step: Step, number: number): boolean {
    const { records } = this;
    return step.t < (records.doublesOf(number)[(records.offset(number) >> 1) + FIRST] ?? 0);
  }

  firstSeen(number: number): number {
    return this.records.double(number, FIRST);
  }

  componentOf(number: number): number {
    return this.records.int(number, COMPONENT);
  }

  nextOf(number: number): number {
    return this.records.int(number, NEXT);
  }

  tallyOf(component: number): number {
    return this.records.int(component, TALLY);
  }

  see(number: number, step: Step): void {
    const { records } = this;
    const chunk = records.doublesOf(number);
    const at = records.offset(number) >> 1;
    if (step.t < (chunk[at + FIRST] ?? 0)) chunk[at + FIRST] = step.t;
    if (step.t > (chunk[at + LAST] ?? 0)) chunk[at + LAST] = step.t;
  }

  /** Whether two identities are linked, and this step was the last to show it. */
  isLast(a: number, b: number, step: Step): boolean {
    const link = this.links.find(a, b);
    return link >= 0 && this.links.isLast(link, step);
  }

  /** The first observation of a link. */
  begins(a: number, b: number, moment: Moment): void {
    this.links.begin(a, b, moment);
  }

  observe(a: number, b: number, moment: Moment): void {
    const link = this.links.find(a, b);
    if (link >= 0) this.links.confirm(link, moment);
    else this.links.begin(a, b, moment);
  }

  /** Makes the members of one component members of another; what is noted of both is forgotten. */
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
    records.setInt(into, TALLY, (records.int(into, TALLY) & ~NOTED) + (records.int(from, TALLY) & ~NOTED));
  }

  note(component: number): void {
    this.records.setInt(component, TALLY, this.tallyOf(component) | NOTED);
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

  /** Forgets the keys made for graphs. */
  forgetKeys(): void {
    this.keys.clear();
    this.numbers.clear();
  }

  /** A component as a graph. */
  graph(component: number): Graph {
    const { table, records, links } = this;
    const members = this.membersAt(component);
    const identities = members.map((member): GraphIdentity => {
      const key = this.keyOf(member);
      const [firstSeen, lastSeen] = [records.double(member, FIRST), records.double(member, LAST)];
      return { namespace: table.namespace(member), id: table.id(member), key, firstSeen, lastSeen };
    });
    sortFew(identities, (x, y) => compareKeys(x.key, y.key));
    const found = members.flatMap((member) => links.linksFrom(member));
    const list = sortFew(
      found.map((number) => links.link(number, this.keyOf)),
      comparePairs,
    );
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
    this.note(component);
  }

  /** Forgets the links of a component and what was taken from it; its members are placed anew. */
  release(component: number): void {
    const { links, records } = this;
    const members = this.membersAt(component);
    links.release(members.flatMap((member) => links.linksFrom(member)));
    for (const member of members) records.setInt(member, HEAD, -1);
    this.removals.delete(component);
  }

  /** Makes the identities of a graph one component without links, of which nothing is noted; gives its number. */
  place({ identities }: Graph): number {
    const { records } = this;
    const members = identities.map(({ key }) => this.numberOf(key));
    const [first = 0] = members;
    let tally = 0;
    members.forEach((member, index) => {
      const { namespace, firstSeen, lastSeen } = identities[index] ?? {
        namespace: "",
        firstSeen: 0,
        lastSeen: 0,
      };
      records.setInt(member, COMPONENT, first);
      records.setInt(member, NEXT, members[index + 1] ?? first);
      records.setInt(member, HEAD, -1);
      records.setDouble(member, FIRST, firstSeen);
      records.setDouble(member, LAST, lastSeen);
      tally += this.tally.of(namespace);
    });
    records.setInt(first, TALLY, tally);
    return first;
  }

  /** Takes the links of a placed graph, and what was taken from it. */
  take(component: number, { identities, links, removed, latest }: Graph): void {
    const members = identities.map(({ key }) => this.numberOf(key));
    const memberOf = (key: IdentityKey): number => members[positionOf(identities, key)] ?? 0;
    for (const link of links) this.links.add(memberOf(link.a), memberOf(link.b), link);
    const isShown = latest === null || links.some(({ last }) => compareSteps(last, latest) === 0);
    if (latest && (removed.length > 0 || !isShown)) this.mark(component, removed, latest);
  }

  private readonly keyOf = (number: number): IdentityKey => {
    const known = this.keys.get(number);
    if (known !== undefined) return known;
    const key = this.table.key(number);
    this.keys.set(number, key);
    this.numbers.set(key, number);
    return key;
  };

  private numberOf(key: IdentityKey): number {
    return this.numbers.get(key) ?? this.table.intern(identityOfKey(key));
  }
}

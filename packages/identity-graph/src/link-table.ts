import type { IdentityKey } from "@tessera/xdm";
import { type GraphLink, pairOf } from "./graph.ts";
import { compareSteps, type Moment, type Step } from "./moment.ts";
import { Records, Texts } from "./records.ts";

/** Fields of a link: its ends, the next links of each end, its count, and the datasets of its first and last sight. */
const END = 0;
const NEXT = 2;
const COUNT = 4;
const SOURCES = 5;
/** Of 8 bytes: the times of its first and its last sight, behind the other six. */
const TIMES = 3;
const FIELDS = 10;

/** Links in columns; each identity has a chain of its links, which begins in the identity's own record. */
export class LinkTable {
  private count = 0;
  private free = -1;
  private readonly records = new Records(FIELDS);
  private readonly keys = new Texts();
  private readonly datasets: string[] = [];
  private readonly identities: Records;
  private readonly head: number;

  /** `head` is the field of an identity's record that its chain begins in; -1 says that it has no links. */
  constructor(identities: Records, head: number) {
    this.identities = identities;
    this.head = head;
  }

  /** The link between two identities; -1 when there is none. Both chains are followed: one of them is often short. */
  find(a: number, b: number): number {
    const { records, identities, head } = this;
    let ofA = identities.int(a, head);
    let ofB = identities.int(b, head);
    while (ofA >= 0 && ofB >= 0) {
      const chunkA = records.chunk(ofA);
      const atA = records.offset(ofA);
      const chunkB = records.chunk(ofB);
      const atB = records.offset(ofB);
      const sideA = chunkA[atA] === a ? 0 : 1;
      if (chunkA[atA + 1 - sideA] === b) return ofA;
      const sideB = chunkB[atB] === b ? 0 : 1;
      if (chunkB[atB + 1 - sideB] === a) return ofB;
      ofA = chunkA[atA + NEXT + sideA] ?? -1;
      ofB = chunkB[atB + NEXT + sideB] ?? -1;
    }
    return -1;
  }

  /** Reads a link, for those who want it at hand later. */
  peek(link: number): number {
    return this.records.int(link, COUNT) ^ (this.keys.has(link * 2 + 1) ? 1 : 0);
  }

  /** One more observation of a link. */
  confirm(link: number, moment: Moment): void {
    const { records, keys } = this;
    const chunk = records.chunk(link);
    const at = records.offset(link);
    chunk[at + COUNT] = (chunk[at + COUNT] ?? 0) + 1;
    const { t } = moment;
    const times = records.doublesOf(link);
    const from = (at >> 1) + TIMES;
    const lastT = times[from + 1] ?? 0;
    if (t > lastT || (t === lastT && moment.key > keys.at(link * 2 + 1))) this.stamp(link, 1, moment);
    const firstT = times[from] ?? 0;
    if (t < firstT || (t === firstT && moment.key < keys.at(link * 2))) this.stamp(link, 0, moment);
  }

  /** A new link, observed for the first time. */
  begin(a: number, b: number, moment: Moment): void {
    const link = this.chained(a, b);
    const { records, keys } = this;
    records.setInt(link, COUNT, 1);
    records.setDouble(link, TIMES, moment.t);
    records.setDouble(link, TIMES + 1, moment.t);
    keys.set(link * 2, moment.key);
    keys.set(link * 2 + 1, moment.key);
    const source = this.sourceOf(moment.datasetId);
    records.setInt(link, SOURCES, source | (source << 16));
  }

  /** A link of a graph. */
  add(a: number, b: number, { first, last, count }: Pick<GraphLink, "first" | "last" | "count">): void {
    const link = this.chained(a, b);
    this.records.setInt(link, COUNT, count);
    this.stamp(link, 0, first);
    this.stamp(link, 1, last);
  }

  /** Whether the last sight of a link was this step. */
  isLast(link: number, step: Step): boolean {
    return this.records.double(link, TIMES + 1) === step.t && this.keys.at(link * 2 + 1) === step.key;
  }

  /** Forgets links; their places are used again. */
  release(links: readonly number[]): void {
    for (const link of links) {
      this.records.setInt(link, NEXT, this.free);
      this.free = link;
    }
  }

  /** The links of an identity that have it as their first end. */
  linksFrom(member: number): readonly number[] {
    const { records } = this;
    const links: number[] = [];
    let link = this.identities.int(member, this.head);
    while (link >= 0) {
      const side = records.int(link, END) === member ? 0 : 1;
      if (side === 0) links.push(link);
      link = records.int(link, NEXT + side);
    }
    return links;
  }

  /** A link as a graph has it. */
  link(link: number, keyOf: (number: number) => IdentityKey): GraphLink {
    const { records } = this;
    const pair = pairOf(keyOf(records.int(link, END)), keyOf(records.int(link, END + 1)));
    const first = this.moment(link, 0);
    const last = this.moment(link, 1);
    const count = records.int(link, COUNT);
    return { ...pair, first, last: compareSteps(first, last) === 0 ? first : last, count };
  }

  /** A place for a link, at the beginning of the chains of its ends. */
  private chained(a: number, b: number): number {
    const link = this.allocate();
    const { records, identities, head } = this;
    const chunk = records.chunk(link);
    const at = records.offset(link);
    chunk[at] = a;
    chunk[at + 1] = b;
    chunk[at + NEXT] = identities.int(a, head);
    chunk[at + NEXT + 1] = identities.int(b, head);
    identities.setInt(a, head, link);
    identities.setInt(b, head, link);
    return link;
  }

  private allocate(): number {
    if (this.free >= 0) {
      const link = this.free;
      this.free = this.records.int(link, NEXT);
      return link;
    }
    const link = this.count++;
    this.records.reserve(link);
    return link;
  }

  private stamp(link: number, which: 0 | 1, moment: Moment): void {
    const { records } = this;
    records.setDouble(link, TIMES + which, moment.t);
    this.keys.set(link * 2 + which, moment.key);
    const source = this.sourceOf(moment.datasetId);
    const sources = records.int(link, SOURCES);
    const kept = which === 0 ? sources & 0xffff0000 : sources & 0xffff;
    records.setInt(link, SOURCES, which === 0 ? kept | source : kept | (source << 16));
  }

  private sourceOf(datasetId: string): number {
    const known = this.datasets.indexOf(datasetId);
    return known >= 0 ? known : this.datasets.push(datasetId) - 1;
  }

  private moment(link: number, which: 0 | 1): Moment {
    const sources = this.records.int(link, SOURCES);
    const datasetId = this.datasets[which === 0 ? sources & 0xffff : sources >>> 16] ?? "";
    return { t: this.records.double(link, TIMES + which), key: this.keys.at(link * 2 + which), datasetId };
  }
}

import { type GraphLink, pairOf } from "./graph.ts";
import type { IdentityTable } from "./identity-table.ts";
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

/** Links in columns; each identity has a chain of its links. Chains begin at heads that the owner of the table keeps. */
export class LinkTable {
  private count = 0;
  private free = -1;
  private readonly records = new Records(FIELDS);
  private readonly keys = new Texts();
  private readonly datasets: string[] = [];

  /** The link between `a`, whose chain begins at `head`, and `b`; -1 when there is none. */
  find(head: number, a: number, b: number): number {
    const { records } = this;
    let link = head;
    while (link >= 0) {
      const chunk = records.chunk(link);
      const at = records.offset(link);
      const side = chunk[at] === a ? 0 : 1;
      if (chunk[at + 1 - side] === b) return link;
      link = chunk[at + NEXT + side] ?? -1;
    }
    return -1;
  }

  /** One more observation of a link. */
  confirm(link: number, moment: Moment): void {
    const { records, keys } = this;
    records.setInt(link, COUNT, records.int(link, COUNT) + 1);
    const { t, key } = moment;
    const lastT = records.double(link, TIMES + 1);
    if (t > lastT || (t === lastT && key > keys.at(link * 2 + 1))) this.stamp(link, 1, moment);
    const firstT = records.double(link, TIMES);
    if (t < firstT || (t === firstT && key < keys.at(link * 2))) this.stamp(link, 0, moment);
  }

  /** A new link; it begins the chains of both ends, whose heads were `nextA` and `nextB`. */
  add(
    {
      a,
      b,
      nextA,
      nextB,
    }: { readonly a: number; readonly b: number; readonly nextA: number; readonly nextB: number },
    { first, last, count }: Pick<GraphLink, "first" | "last" | "count">,
  ): number {
    const link = this.allocate();
    const { records } = this;
    const chunk = records.chunk(link);
    const at = records.offset(link);
    chunk[at] = a;
    chunk[at + 1] = b;
    chunk[at + NEXT] = nextA;
    chunk[at + NEXT + 1] = nextB;
    chunk[at + COUNT] = count;
    this.stamp(link, 0, first);
    this.stamp(link, 1, last);
    return link;
  }

  /** Whether the last sight of a link was this step. */
  isLast(link: number, { t, key }: Step): boolean {
    return this.records.double(link, TIMES + 1) === t && this.keys.at(link * 2 + 1) === key;
  }

  /** Forgets links; their places are used again. */
  release(links: readonly number[]): void {
    for (const link of links) {
      this.records.setInt(link, NEXT, this.free);
      this.free = link;
    }
  }

  /** The links of the chain of `member` that begins at `head`; with `first` only those that have it as their first end. */
  chain(head: number, member: number, first: boolean): readonly number[] {
    const { records } = this;
    const links: number[] = [];
    let link = head;
    while (link >= 0) {
      const side = records.int(link, END) === member ? 0 : 1;
      if (!first || side === 0) links.push(link);
      link = records.int(link, NEXT + side);
    }
    return links;
  }

  /** A link as a graph has it. */
  link(link: number, identities: IdentityTable): GraphLink {
    const { records } = this;
    const pair = pairOf(identities.key(records.int(link, END)), identities.key(records.int(link, END + 1)));
    const first = this.moment(link, 0);
    const last = this.moment(link, 1);
    const count = records.int(link, COUNT);
    return { ...pair, first, last: compareSteps(first, last) === 0 ? first : last, count };
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

  private stamp(link: number, which: 0 | 1, { t, key, datasetId }: Moment): void {
    const { records, datasets } = this;
    records.setDouble(link, TIMES + which, t);
    this.keys.set(link * 2 + which, key);
    let source = datasets.indexOf(datasetId);
    if (source < 0) source = datasets.push(datasetId) - 1;
    const sources = records.int(link, SOURCES);
    const kept = which === 0 ? sources & 0xffff0000 : sources & 0xffff;
    records.setInt(link, SOURCES, which === 0 ? kept | source : kept | (source << 16));
  }

  private moment(link: number, which: 0 | 1): Moment {
    const sources = this.records.int(link, SOURCES);
    const datasetId = this.datasets[which === 0 ? sources & 0xffff : sources >>> 16] ?? "";
    return { t: this.records.double(link, TIMES + which), key: this.keys.at(link * 2 + which), datasetId };
  }
}

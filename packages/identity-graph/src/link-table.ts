import { type GraphLink, pairOf } from "./graph.ts";
import { grown, type IdentityTable } from "./identity-table.ts";
import { compareSteps, type Moment } from "./moment.ts";

/** Links in columns; each identity has a chain of its links. */
export class LinkTable {
  private count = 0;
  private free = -1;
  private heads: Int32Array = new Int32Array(1024).fill(-1);
  private ends: Int32Array = new Int32Array(2048);
  private chains: Int32Array = new Int32Array(2048);
  private times: Float64Array = new Float64Array(2048);
  private counts: Uint32Array = new Uint32Array(1024);
  private sources: Uint16Array = new Uint16Array(2048);
  private keys: string[] = [];
  private datasets: string[] = [];

  /** One more observation of the link between two identities; true when the link is new. */
  observe(a: number, b: number, moment: Moment): boolean {
    const { t, key } = moment;
    const link = this.find(a, b);
    if (link < 0) {
      this.add(a, b, { first: moment, last: moment, count: 1 });
      return true;
    }
    const at = link * 2;
    this.counts[link] = (this.counts[link] ?? 0) + 1;
    const lastT = this.times[at + 1] ?? 0;
    if (t > lastT || (t === lastT && key > (this.keys[at + 1] ?? ""))) this.stamp(at + 1, moment);
    const firstT = this.times[at] ?? 0;
    if (t < firstT || (t === firstT && key < (this.keys[at] ?? ""))) this.stamp(at, moment);
    return false;
  }

  find(a: number, b: number): number {
    const { ends, chains } = this;
    let link = a < this.heads.length ? (this.heads[a] ?? -1) : -1;
    while (link >= 0) {
      const side = ends[link * 2] === a ? 0 : 1;
      if (ends[link * 2 + 1 - side] === b) return link;
      link = chains[link * 2 + side] ?? -1;
    }
    return -1;
  }

  /** Forgets the links of a component's members; their places are used again. */
  release(members: readonly number[]): void {
    const released = new Set<number>();
    for (const member of members) {
      for (const link of this.chain(member)) released.add(link);
    }
    for (const member of members) if (member < this.heads.length) this.heads[member] = -1;
    for (const link of released) {
      this.chains[link * 2] = this.free;
      this.free = link;
    }
  }

  /** The links of a component's members. */
  list(members: readonly number[], identities: IdentityTable): readonly GraphLink[] {
    const links: GraphLink[] = [];
    for (const member of members) {
      for (const link of this.chain(member)) {
        if (this.ends[link * 2] !== member) continue;
        const other = this.ends[link * 2 + 1] ?? -1;
        const pair = pairOf(identities.key(member), identities.key(other));
        const first = this.moment(link * 2);
        const last = this.moment(link * 2 + 1);
        const count = this.counts[link] ?? 0;
        links.push({ ...pair, first, last: compareSteps(first, last) === 0 ? first : last, count });
      }
    }
    return links;
  }

  private *chain(member: number): Generator<number> {
    let link = member < this.heads.length ? (this.heads[member] ?? -1) : -1;
    while (link >= 0) {
      yield link;
      link = this.chains[link * 2 + (this.ends[link * 2] === member ? 0 : 1)] ?? -1;
    }
  }

  private add(
    a: number,
    b: number,
    { first, last, count }: Pick<GraphLink, "first" | "last" | "count">,
  ): void {
    const link = this.allocate(Math.max(a, b));
    const at = link * 2;
    this.ends[at] = a;
    this.ends[at + 1] = b;
    this.chains[at] = this.heads[a] ?? -1;
    this.chains[at + 1] = this.heads[b] ?? -1;
    this.heads[a] = link;
    this.heads[b] = link;
    this.counts[link] = count;
    this.stamp(at, first);
    this.stamp(at + 1, last);
  }

  private allocate(identity: number): number {
    while (identity >= this.heads.length) {
      const { length } = this.heads;
      this.heads = grown(this.heads, new Int32Array(length * 2).fill(-1));
    }
    if (this.free >= 0) {
      const link = this.free;
      this.free = this.chains[link * 2] ?? -1;
      return link;
    }
    const link = this.count++;
    if (link >= this.counts.length) {
      const capacity = this.counts.length * 2;
      this.counts = grown(this.counts, new Uint32Array(capacity));
      this.ends = grown(this.ends, new Int32Array(capacity * 2));
      this.chains = grown(this.chains, new Int32Array(capacity * 2));
      this.times = grown(this.times, new Float64Array(capacity * 2));
      this.sources = grown(this.sources, new Uint16Array(capacity * 2));
    }
    return link;
  }

  private stamp(at: number, { t, key, datasetId }: Moment): void {
    this.times[at] = t;
    this.keys[at] = key;
    let source = this.datasets.indexOf(datasetId);
    if (source < 0) source = this.datasets.push(datasetId) - 1;
    this.sources[at] = source;
  }

  private moment(at: number): Moment {
    const datasetId = this.datasets[this.sources[at] ?? 0] ?? "";
    return { t: this.times[at] ?? 0, key: this.keys[at] ?? "", datasetId };
  }
}

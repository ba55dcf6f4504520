import { compareKeys, type Identity, identityOfKey } from "@tessera/xdm";
import { type CompiledRules, compileRules } from "./compiled-rules.ts";
import { type GraphDecision, type StandingDecisions, standingDecisions } from "./decision.ts";
import { comparePairs, type Graph, type GraphIdentity } from "./graph.ts";
import { grown, IdentityTable } from "./identity-table.ts";
import { link, type LinkObservation } from "./link.ts";
import { tooManyNew } from "./link-set.ts";
import { LinkTable } from "./link-table.ts";
import type { LinkingRules } from "./linking-rules.ts";
import { decidedGraph } from "./replay.ts";

/** All graphs of a history in memory, in columns: the same as `link` and `replay` give, at a multiple of the speed. */
export interface IdentityIndex {
  /** Links one observation; `late` (and nothing done) where `link` would say so. */
  readonly add: (observation: LinkObservation) => "linked" | "late";
  /** The graph that holds an identity. */
  readonly graphOf: (identity: Identity) => Graph | undefined;
  /** The members of the person an identity belongs to, without building the graph; empty when it is unknown. */
  readonly membersOf: (identity: Identity) => readonly Identity[];
  /** Every graph once, in no particular order. */
  readonly graphs: () => Generator<Graph>;
  /** The members of every person once, in no particular order, without building the graphs. */
  readonly persons: () => Generator<readonly Identity[]>;
  /** How many identities and graphs there are. */
  readonly size: () => { readonly identities: number; readonly graphs: number };
}

/** An empty index. It is meant for bulk work (rehearsal, rebuilding, analysis); it keeps everything in memory. */
export function createIdentityIndex(
  rules: LinkingRules,
  decisions: readonly GraphDecision[] = [],
): IdentityIndex {
  const columns = new Columns(rules, standingDecisions(decisions));
  return {
    add: (observation) => columns.add(observation),
    graphOf: (identity) => columns.graphAt(columns.find(identity)),
    membersOf: (identity) => columns.identitiesAt(columns.find(identity)),
    graphs: () => columns.graphs(),
    persons: () => columns.persons(),
    size: () => columns.size(),
  };
}

interface CountedColumns {
  readonly limit: number;
  readonly max: number;
  readonly window: number;
  readonly free: number;
}

/**
 * Components as circular chains of members. A component from which nothing was ever taken lives in columns; one with a
 * history of removals (or of decisions) is held as a `Graph` and goes through `link`.
 */
class Columns {
  private readonly rules: LinkingRules;
  private readonly compiled: CompiledRules;
  private readonly standing: StandingDecisions;
  private readonly table = new IdentityTable();
  private readonly links = new LinkTable();
  private readonly held = new Map<number, Graph>();
  private readonly decided: boolean;
  private component = new Int32Array(1024);
  private next = new Int32Array(1024);
  private sizes = new Int32Array(1024);
  private firstSeen = new Float64Array(1024);
  private lastSeen = new Float64Array(1024);
  private latestT = new Float64Array(1024);
  private latestKey: string[] = [];
  private readonly numbers: number[] = [];
  private readonly components: number[] = [];
  private readonly tally: Int32Array;
  /** By number of the namespace; undefined where nothing is counted. */
  private readonly columnOf: (CountedColumns | undefined)[] = [];

  constructor(rules: LinkingRules, standing: StandingDecisions) {
    this.rules = rules;
    this.compiled = compileRules(rules);
    this.standing = standing;
    this.decided = standing.apart.size > 0 || standing.blocked.size > 0;
    this.tally = new Int32Array(this.compiled.limited.length + this.compiled.windowed.length);
  }

  add(observation: LinkObservation): "linked" | "late" {
    const { numbers, components, held } = this;
    numbers.length = 0;
    components.length = 0;
    let slow = false;
    for (const identity of observation.identities) {
      if (!this.compiled.of(identity.namespace).builds) continue;
      const number = this.intern(identity, observation.t);
      if (numbers.includes(number)) continue;
      numbers.push(number);
      const component = this.component[number] ?? 0;
      if (components.includes(component)) continue;
      components.push(component);
      if (held.size > 0 && held.has(component)) slow = true;
    }
    if (numbers.length === 0) return "linked";
    if (slow) return this.addSlowly(observation);
    if (numbers.length === 1) return this.sight(numbers[0] ?? 0, observation.t);
    if (this.isLatest(observation)) return "linked";
    const checked = components.length > 1 || this.compiled.windowed.length > 0;
    if (checked && this.breaks(observation.t)) return this.addSlowly(observation);
    this.join(observation);
    return "linked";
  }

  find(identity: Identity): number {
    const number = this.table.find(identity);
    return number >= 0 && this.firstSeen[number] === Infinity ? -1 : number;
  }

  graphAt(number: number): Graph | undefined {
    if (number < 0) return undefined;
    const component = this.component[number] ?? 0;
    return this.held.get(component) ?? this.graphOfColumns(component);
  }

  identitiesAt(number: number): readonly Identity[] {
    if (number < 0) return [];
    const { table, next } = this;
    const component = this.component[number] ?? 0;
    const identities: Identity[] = [];
    let member = component;
    do {
      identities.push({ namespace: table.namespace(member), id: table.ids[member] ?? "" });
      member = next[member] ?? component;
    } while (member !== component);
    return identities;
  }

  *graphs(): Generator<Graph> {
    for (let number = 0; number < this.table.count; number++) {
      if (this.component[number] !== number || this.firstSeen[number] === Infinity) continue;
      const graph = this.graphAt(number);
      if (graph) yield graph;
    }
  }

  *persons(): Generator<readonly Identity[]> {
    for (let number = 0; number < this.table.count; number++) {
      if (this.component[number] !== number || this.firstSeen[number] === Infinity) continue;
      yield this.identitiesAt(number);
    }
  }

  size(): { readonly identities: number; readonly graphs: number } {
    let [identities, graphs] = [0, 0];
    for (let number = 0; number < this.table.count; number++) {
      if (this.firstSeen[number] === Infinity) continue;
      identities++;
      if (this.component[number] === number) graphs++;
    }
    return { identities, graphs };
  }

  /** The number of an identity; a new one stands alone, seen never (`firstSeen` infinite) until something is decided. */
  private intern(identity: Identity, t: number): number {
    const { table } = this;
    const before = table.count;
    const number = table.intern(identity);
    if (number < before) return number;
    if (number >= this.next.length) this.grow();
    this.component[number] = number;
    this.next[number] = number;
    this.sizes[number] = 1;
    this.firstSeen[number] = Infinity;
    this.lastSeen[number] = -Infinity;
    this.latestT[number] = -Infinity;
    this.latestKey[number] = "";
    const start = this.decided ? decidedGraph(table.key(number), t, this.standing) : undefined;
    if (start) {
      this.held.set(number, start);
      this.firstSeen[number] = t;
    }
    return number;
  }

  private sight(number: number, t: number): "linked" | "late" {
    const first = this.firstSeen[number] ?? Infinity;
    const linked = this.latestT[this.component[number] ?? 0] !== -Infinity;
    if (t < first && first !== Infinity && linked && this.compiled.windowed.length > 0) return "late";
    this.see(number, t);
    return "linked";
  }

  private see(number: number, t: number): void {
    if (t < (this.firstSeen[number] ?? 0)) this.firstSeen[number] = t;
    if (t > (this.lastSeen[number] ?? 0)) this.lastSeen[number] = t;
  }

  private isLatest({ t, key }: LinkObservation): boolean {
    for (const component of this.components) {
      if (this.latestT[component] === t && this.latestKey[component] === key) return true;
    }
    return false;
  }

  /** Whether the observed components together would break a rule or pass the cap. */
  private breaks(t: number): boolean {
    const { components, sizes, next, table, compiled, tally, columnOf } = this;
    let size = 0;
    for (const component of components) size += sizes[component] ?? 0;
    if (size > compiled.cap) return true;
    if (tally.length === 0) return false;
    while (columnOf.length < table.namespaces.length) columnOf.push(this.columnsOf(columnOf.length));
    tally.fill(0);
    let windowed = false;
    for (const component of components) {
      let member = component;
      do {
        const columns = columnOf[table.namespaceOf[member] ?? 0];
        if (columns) {
          if (columns.limit >= 0) {
            const count = (tally[columns.limit] ?? 0) + 1;
            if (count > columns.max) return true;
            tally[columns.limit] = count;
          }
          if (columns.window >= 0) {
            const count = (tally[columns.window] ?? 0) + 1;
            if (count > columns.free) windowed = true;
            tally[columns.window] = count;
          }
        }
        member = next[member] ?? component;
      } while (member !== component);
    }
    return windowed && this.breaksWindow(t);
  }

  /** Where the values of a namespace are counted: under its greatest number, and under the number free of any window. */
  private columnsOf(namespace: number): CountedColumns | undefined {
    const { limited, windowed, of } = this.compiled;
    const rule = of(this.table.namespaces[namespace] ?? "");
    const at = windowed.indexOf(rule);
    if (rule.limit < 0 && at < 0) return undefined;
    const window = at < 0 ? -1 : limited.length + at;
    return { limit: rule.limit, max: rule.max, window, free: rule.newValues?.count ?? Infinity };
  }

  private breaksWindow(t: number): boolean {
    return this.compiled.windowed.some(({ namespace, newValues }) => {
      const seen: number[] = [];
      for (const component of this.components) {
        for (const member of this.membersAt(component)) {
          const first = this.firstSeen[member] ?? Infinity;
          const at = this.numbers.includes(member) ? Math.min(first, t) : first;
          if (this.table.namespace(member) === namespace) seen.push(at);
        }
      }
      return newValues !== undefined && tooManyNew(seen, newValues);
    });
  }

  private join(observation: LinkObservation): void {
    const { numbers, components, sizes } = this;
    const { t, key } = observation;
    let into = components[0] ?? 0;
    for (const component of components) if ((sizes[component] ?? 0) > (sizes[into] ?? 0)) into = component;
    for (const component of components) if (component !== into) this.absorb(into, component);
    const latestT = this.latestT[into] ?? 0;
    if (t > latestT || (t === latestT && key > (this.latestKey[into] ?? ""))) {
      this.latestT[into] = t;
      this.latestKey[into] = key;
    }
    for (let i = 0; i < numbers.length; i++) {
      const a = numbers[i] ?? 0;
      this.see(a, t);
      for (let j = i + 1; j < numbers.length; j++) this.links.observe(a, numbers[j] ?? 0, observation);
    }
  }

  private absorb(into: number, from: number): void {
    const { next, component, sizes, latestT, latestKey } = this;
    let member = from;
    do {
      component[member] = into;
      member = next[member] ?? from;
    } while (member !== from);
    const after = next[into] ?? into;
    next[into] = next[from] ?? from;
    next[from] = after;
    sizes[into] = (sizes[into] ?? 0) + (sizes[from] ?? 0);
    const [t, other] = [latestT[into] ?? 0, latestT[from] ?? 0];
    if (other > t || (other === t && (latestKey[from] ?? "") > (latestKey[into] ?? ""))) {
      latestT[into] = other;
      latestKey[into] = latestKey[from] ?? "";
    }
  }

  /** Takes the touched components out of the columns and lets `link` decide. */
  private addSlowly(observation: LinkObservation): "linked" | "late" {
    const touched = this.components.filter((component) => this.firstSeen[component] !== Infinity);
    const graphs = touched.map((component) => this.held.get(component) ?? this.graphOfColumns(component));
    const linked = link(graphs, observation, this.rules);
    if (linked.kind === "late") return "late";
    for (const component of touched) {
      if (!this.held.delete(component)) this.links.release(this.membersAt(component));
    }
    for (const graph of linked.graphs) this.hold(graph);
    return "linked";
  }

  private hold(graph: Graph): void {
    const members = graph.identities.map((identity) => this.table.intern(identity));
    const [first = 0] = members;
    members.forEach((member, index) => {
      const { firstSeen, lastSeen } = graph.identities[index] ?? { firstSeen: 0, lastSeen: 0 };
      this.component[member] = first;
      this.next[member] = members[index + 1] ?? first;
      this.firstSeen[member] = firstSeen;
      this.lastSeen[member] = lastSeen;
    });
    this.sizes[first] = members.length;
    this.held.set(first, graph);
  }

  private membersAt(component: number): readonly number[] {
    const members: number[] = [];
    let member = component;
    do {
      members.push(member);
      member = this.next[member] ?? component;
    } while (member !== component);
    return members;
  }

  private graphOfColumns(component: number): Graph {
    const members = this.membersAt(component);
    const identities = members.map((member): GraphIdentity => {
      const key = this.table.key(member);
      const [firstSeen, lastSeen] = [this.firstSeen[member] ?? 0, this.lastSeen[member] ?? 0];
      return { ...identityOfKey(key), key, firstSeen, lastSeen };
    });
    identities.sort((x, y) => compareKeys(x.key, y.key));
    const links = this.links.list(members, this.table).toSorted(comparePairs);
    const t = this.latestT[component] ?? -Infinity;
    const latest = t === -Infinity ? null : { t, key: this.latestKey[component] ?? "" };
    return { identities, links, removed: [], apart: [], latest, trimmed: false };
  }

  private grow(): void {
    const capacity = this.next.length * 2;
    this.component = grown(this.component, new Int32Array(capacity));
    this.next = grown(this.next, new Int32Array(capacity));
    this.sizes = grown(this.sizes, new Int32Array(capacity));
    this.firstSeen = grown(this.firstSeen, new Float64Array(capacity));
    this.lastSeen = grown(this.lastSeen, new Float64Array(capacity));
    this.latestT = grown(this.latestT, new Float64Array(capacity));
  }
}

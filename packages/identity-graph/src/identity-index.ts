import { type Identity } from "@tessera/xdm";
import { type CompiledRules, compileRules } from "./compiled-rules.ts";
import { type GraphDecision, type StandingDecisions, standingDecisions } from "./decision.ts";
import type { Graph } from "./graph.ts";
import { FIRST, Members } from "./index-members.ts";
import { link, type LinkObservation } from "./link.ts";
import { mergeRemoved, tooManyNew } from "./link-set.ts";
import type { LinkingRules } from "./linking-rules.ts";
import type { Step } from "./moment.ts";
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
  const index = new Index(rules, standingDecisions(decisions));
  const { members } = index;
  return {
    add: (observation) => index.add(observation),
    graphOf: (identity) => index.graphAt(members.find(identity)),
    membersOf: (identity) => members.identitiesAt(members.find(identity)),
    graphs: () => index.graphs(),
    persons: () => index.persons(),
    size: () => members.size(),
  };
}

/** What is to know of a namespace, by its number: whether it builds graphs, and where its values are counted. */
interface Trait {
  readonly builds: boolean;
  readonly isCounted: boolean;
  readonly limit: number;
  readonly max: number;
  readonly window: number;
  readonly free: number;
}

/**
 * Observes into columns (`Members`) as long as nothing is to decide; where a rule would break, and where decisions or the
 * cap have left their marks, the component is made a `Graph` and `link` decides. Graphs with such marks are held.
 */
class Index {
  readonly members = new Members();
  private readonly rules: LinkingRules;
  private readonly compiled: CompiledRules;
  private readonly standing: StandingDecisions;
  private readonly held = new Map<number, Graph>();
  private readonly decided: boolean;
  private readonly numbers: number[] = [];
  private readonly components: number[] = [];
  private readonly traits: Trait[] = [];
  private readonly tally: Int32Array;
  private latest: Step = { t: -Infinity, key: "" };

  constructor(rules: LinkingRules, standing: StandingDecisions) {
    this.rules = rules;
    this.compiled = compileRules(rules);
    this.standing = standing;
    this.decided = standing.apart.size > 0 || standing.blocked.size > 0;
    this.tally = new Int32Array(this.compiled.limited.length + this.compiled.windowed.length);
  }

  add(observation: LinkObservation): "linked" | "late" {
    const { numbers, components, members } = this;
    numbers.length = 0;
    components.length = 0;
    const { t } = observation;
    let isHeld = false;
    let isMarked = false;
    let isEarlier = false;
    for (const identity of observation.identities) {
      const namespace = members.table.namespaceNumber(identity.namespace);
      if (!this.trait(namespace).builds) continue;
      const number = this.intern(namespace, identity.id, t);
      if (numbers.includes(number)) continue;
      numbers.push(number);
      if (t < members.records.double(number, FIRST)) isEarlier = true;
      const component = members.componentOf(number);
      if (components.includes(component)) continue;
      components.push(component);
      if (this.held.size > 0 && this.held.has(component)) isHeld = true;
      if (members.removals.size > 0 && members.removals.has(component)) isMarked = true;
    }
    const [first = -1, second = -1] = numbers;
    if (first < 0) return "linked";
    if (isHeld) return this.addSlowly(observation);
    if (second < 0) return this.sight(first, t, isMarked);
    if (isMarked) {
      if (!this.isInOrder(observation) || this.touchesRemoved()) return this.addSlowly(observation);
    } else if (components.length === 1 && members.isLast(first, second, observation)) return "linked";
    const isChecked = components.length > 1 || (isEarlier && this.compiled.windowed.length > 0);
    if (isChecked && this.breaks(t)) return this.addSlowly(observation);
    this.join(observation, isMarked);
    return "linked";
  }

  graphAt(number: number): Graph | undefined {
    if (number < 0) return undefined;
    const component = this.members.componentOf(number);
    return this.held.get(component) ?? this.members.graph(component);
  }

  *graphs(): Generator<Graph> {
    for (const component of this.members.components()) {
      const graph = this.graphAt(component);
      if (graph) yield graph;
    }
  }

  *persons(): Generator<readonly Identity[]> {
    for (const component of this.members.components()) yield this.members.identitiesAt(component);
  }

  private intern(namespace: number, id: string, t: number): number {
    const { members } = this;
    const before = members.table.count;
    const number = members.intern(namespace, id);
    if (number < before || !this.decided) return number;
    const start = decidedGraph(members.table.key(number), t, this.standing);
    if (start) {
      this.held.set(number, start);
      members.see(number, t);
    }
    return number;
  }

  private trait(namespace: number): Trait {
    const known = this.traits[namespace];
    if (known) return known;
    const { limited, windowed, of } = this.compiled;
    const rule = of(this.members.table.namespaces[namespace] ?? "");
    const at = windowed.indexOf(rule);
    const trait: Trait = {
      builds: rule.builds,
      isCounted: rule.limit >= 0 || at >= 0,
      limit: rule.limit,
      max: rule.max,
      window: at < 0 ? -1 : limited.length + at,
      free: rule.newValues?.count ?? Infinity,
    };
    this.traits[namespace] = trait;
    return trait;
  }

  private sight(number: number, t: number, isMarked: boolean): "linked" | "late" {
    const { members } = this;
    const first = members.records.double(number, FIRST);
    const isShaped = isMarked || (this.compiled.windowed.length > 0 && members.isLinked(number));
    if (t < first && first !== Infinity && isShaped) return "late";
    members.see(number, t);
    return "linked";
  }

  private isInOrder({ t, key }: Step): boolean {
    return t > this.latest.t || (t === this.latest.t && key > this.latest.key);
  }

  /** Whether removed links are observed again, or more of them come together than are kept. */
  private touchesRemoved(): boolean {
    const { numbers, components, members } = this;
    let count = 0;
    for (const component of components) {
      const removal = members.removals.get(component);
      if (!removal) continue;
      count += removal.removed.length;
      const { ends } = removal;
      for (let i = 0; i < ends.length; i += 2) {
        if (numbers.includes(ends[i] ?? -1) && numbers.includes(ends[i + 1] ?? -1)) return true;
      }
    }
    return count > this.rules.removedKept;
  }

  /** Whether the observed components together would break a rule or pass the cap. */
  private breaks(t: number): boolean {
    const { components, members, compiled, tally, traits } = this;
    let size = 0;
    for (const component of components) size += members.sizeOf(component);
    if (size > compiled.cap) return true;
    if (tally.length === 0) return false;
    tally.fill(0);
    let isWindowed = false;
    for (const component of components) {
      let member = component;
      do {
        const trait = traits[members.table.namespaceAt(member)];
        if (trait?.isCounted) {
          if (trait.limit >= 0) {
            const count = (tally[trait.limit] ?? 0) + 1;
            if (count > trait.max) return true;
            tally[trait.limit] = count;
          }
          if (trait.window >= 0) {
            const count = (tally[trait.window] ?? 0) + 1;
            if (count > trait.free) isWindowed = true;
            tally[trait.window] = count;
          }
        }
        member = members.nextOf(member);
      } while (member !== component);
    }
    return isWindowed && this.breaksWindow(t);
  }

  private breaksWindow(t: number): boolean {
    const { members, numbers } = this;
    return this.compiled.windowed.some(({ namespace, newValues }) => {
      const seen: number[] = [];
      for (const component of this.components) {
        for (const member of members.membersAt(component)) {
          if (members.table.namespace(member) !== namespace) continue;
          const first = members.records.double(member, FIRST);
          seen.push(numbers.includes(member) ? Math.min(first, t) : first);
        }
      }
      return newValues !== undefined && tooManyNew(seen, newValues);
    });
  }

  private join(observation: LinkObservation, isMarked: boolean): void {
    const { numbers, components, members } = this;
    const { t, key } = observation;
    let [into = 0] = components;
    for (const component of components)
      if (members.sizeOf(component) > members.sizeOf(into)) into = component;
    for (const component of components) if (component !== into) members.absorb(into, component);
    if (isMarked) {
      const lists = components.map((component) => members.removals.get(component)?.removed ?? []);
      for (const component of components) members.removals.delete(component);
      members.mark(into, mergeRemoved(lists), { t, key });
    }
    if (this.isInOrder(observation)) this.latest = { t, key };
    for (let i = 0; i < numbers.length; i++) {
      const a = numbers[i] ?? 0;
      members.see(a, t);
      for (let j = i + 1; j < numbers.length; j++) members.observe(a, numbers[j] ?? 0, observation);
    }
  }

  /** Takes the touched components out of the columns and lets `link` decide. */
  private addSlowly(observation: LinkObservation): "linked" | "late" {
    const { members, held } = this;
    const touched = this.components.filter((component) => members.isSeen(component));
    const graphs = touched.map((component) => held.get(component) ?? members.graph(component));
    const linked = link(graphs, observation, this.rules);
    if (linked.kind === "late") return "late";
    const { t, key } = observation;
    if (this.isInOrder(observation)) this.latest = { t, key };
    for (const component of touched) if (!held.delete(component)) members.release(component);
    for (const graph of linked.graphs) {
      const component = members.place(graph);
      if (isPlain(graph)) members.take(component, graph);
      else held.set(component, graph);
    }
    return "linked";
  }
}

/** Whether columns can hold a graph: links in force and removed ones, but no marks of decisions, the cap or trimming. */
function isPlain({ identities, apart, trimmed }: Graph): boolean {
  return (
    !trimmed &&
    apart.length === 0 &&
    identities.every(({ left, blocked }) => left === undefined && blocked === undefined)
  );
}

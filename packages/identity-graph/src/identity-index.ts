import { type Identity } from "@tessera/xdm";
import { ComponentTally, NOTED } from "./component-tally.ts";
import { compileRules } from "./compiled-rules.ts";
import { type GraphDecision, type StandingDecisions, standingDecisions } from "./decision.ts";
import type { Graph } from "./graph.ts";
import { IndexLimits, type Trait } from "./index-limits.ts";
import { Members } from "./index-members.ts";
import { type LinkObservation, linkSilently } from "./link.ts";
import { mergeRemoved } from "./link-set.ts";
import type { LinkingRules } from "./linking-rules.ts";
import type { Step } from "./moment.ts";
import { decidedGraph } from "./replay.ts";
import { includes, Touched } from "./touched.ts";

/** All graphs of a history in memory, in columns: the same as `link` and `replay` give, at a multiple of the speed. */
export interface IdentityIndex {
  /** Links one observation; `late` (and nothing done) where `link` would say so. */
  readonly add: (observation: LinkObservation) => "linked" | "late";
  /**
   * Links observations one after the other, as `add` would, and gives those that came too late. It looks ahead, and so is
   * much faster than one call for each.
   */
  readonly addAll: (observations: readonly LinkObservation[]) => readonly LinkObservation[];
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
    addAll: (observations) => index.addAll(observations),
    graphOf: (identity) => index.graphAt(members.find(identity)),
    membersOf: (identity) => members.identitiesAt(members.find(identity)),
    graphs: () => index.graphs(),
    persons: () => index.persons(),
    size: () => members.size(),
  };
}

/** How many observations are looked at before they are linked: what they need from memory is then fetched together. */
const AHEAD = 64;

/**
 * Observes into columns (`Members`) as long as nothing is to decide; where a rule would break, and where decisions or the
 * cap have left their marks, the component is made a `Graph` and `link` decides. Graphs with such marks are held.
 */
class Index {
  readonly members: Members;
  private readonly rules: LinkingRules;
  private readonly standing: StandingDecisions;
  private readonly held = new Map<number, Graph>();
  private readonly decided: boolean;
  private readonly hasWindows: boolean;
  private readonly touched = new Touched();
  private readonly hashes: number[] = [];
  /** Kept only so that it is read: see `Members.peek`. */
  peeked = 0;
  private readonly tally: ComponentTally;
  private readonly limits: IndexLimits;
  private latestT = -Infinity;
  private latestKey = "";

  constructor(rules: LinkingRules, standing: StandingDecisions) {
    this.rules = rules;
    const compiled = compileRules(rules);
    this.standing = standing;
    this.decided = standing.apart.size > 0 || standing.blocked.size > 0;
    this.hasWindows = compiled.windowed.length > 0;
    this.tally = new ComponentTally(compiled);
    this.members = new Members(this.tally);
    this.limits = new IndexLimits(compiled, this.tally, this.members);
  }

  add(observation: LinkObservation): "linked" | "late" {
    this.hash(observation, 0);
    return this.addHashed(observation, 0);
  }

  addAll(observations: readonly LinkObservation[]): readonly LinkObservation[] {
    const late: LinkObservation[] = [];
    for (let from = 0; from < observations.length; from += AHEAD) {
      const to = Math.min(from + AHEAD, observations.length);
      let count = 0;
      for (let i = from; i < to; i++) {
        const observation = observations[i];
        if (observation) count = this.hash(observation, count);
      }
      this.peeked = this.members.peek(this.hashes, count);
      let at = 0;
      for (let i = from; i < to; i++) {
        const observation = observations[i];
        if (!observation) continue;
        if (this.addHashed(observation, at) === "late") late.push(observation);
        at += observation.identities.length;
      }
    }
    return late;
  }

  /** Hashes the identities of an observation into the places from `at` on; gives the place behind them. */
  private hash({ identities }: LinkObservation, at: number): number {
    const { table } = this.members;
    const { hashes } = this;
    for (let i = 0; i < identities.length; i++) {
      const identity = identities[i];
      if (!identity) continue;
      hashes[at + i] = table.hashOf(table.namespaceNumber(identity.namespace), identity.id);
    }
    return at + identities.length;
  }

  private addHashed(observation: LinkObservation, at: number): "linked" | "late" {
    const { touched, members } = this;
    this.touch(observation, at);
    const { numbers, identities, isHeld, isMarked } = touched;
    const first = numbers[0] ?? -1;
    const second = numbers[1] ?? -1;
    if (identities === 0) return "linked";
    if (isHeld) return this.addSlowly(observation);
    if (identities === 1) return this.sight(first, observation, isMarked);
    const isApart = touched.count > 1;
    if (isMarked) {
      if (!this.isInOrder(observation) || this.touchesRemoved()) return this.addSlowly(observation);
    } else if (!isApart && members.isLast(first, second, observation)) return "linked";
    const isChecked = isApart || (touched.isEarlier && this.hasWindows);
    if (isChecked && this.limits.breaks(touched, observation)) return this.addSlowly(observation);
    this.join(observation, isMarked);
    return "linked";
  }

  graphAt(number: number): Graph | undefined {
    if (number < 0) return undefined;
    const component = this.members.componentOf(number);
    const graph = this.held.get(component) ?? this.members.graph(component);
    this.members.forgetKeys();
    return graph;
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

  /** Looks up what an observation touches. */
  private touch(observation: LinkObservation, at: number): void {
    const { touched, members, limits } = this;
    const { table } = members;
    const { numbers, components } = touched;
    const { identities } = observation;
    let count = 0;
    let componentCount = 0;
    let isHeld = false;
    let isMarked = false;
    let isEarlier = false;
    for (let i = 0; i < identities.length; i++) {
      const identity = identities[i];
      if (!identity) continue;
      const namespace = table.namespaceNumber(identity.namespace);
      const trait = limits.trait(namespace);
      if (!trait.builds) continue;
      const before = table.count;
      const number = table.internHashed(namespace, identity.id, this.hashes[at + i] ?? 0);
      if (number === before) this.begin(number, trait, observation);
      if (includes(numbers, count, number)) continue;
      numbers[count++] = number;
      if (members.isBefore(observation, number)) isEarlier = true;
      const component = members.componentOf(number);
      if (includes(components, componentCount, component)) continue;
      components[componentCount++] = component;
      if ((members.tallyOf(component) & NOTED) === 0) continue;
      if (this.held.has(component)) isHeld = true;
      else isMarked = true;
    }
    touched.identities = count;
    touched.count = componentCount;
    touched.isHeld = isHeld;
    touched.isMarked = isMarked;
    touched.isEarlier = isEarlier;
  }

  private begin(number: number, trait: Trait, observation: LinkObservation): void {
    const { members } = this;
    members.begin(number, trait.tally);
    if (!this.decided) return;
    const start = decidedGraph(members.table.key(number), observation.t, this.standing);
    if (!start) return;
    this.hold(number, start);
    members.see(number, observation);
  }

  private hold(component: number, graph: Graph): void {
    this.held.set(component, graph);
    this.members.note(component);
  }

  private sight(number: number, step: Step, isMarked: boolean): "linked" | "late" {
    const { members } = this;
    const isShaped = isMarked || (this.hasWindows && members.isLinked(number));
    if (isShaped && members.isSeen(number) && members.isBefore(step, number)) return "late";
    members.see(number, step);
    return "linked";
  }

  private isInOrder(step: Step): boolean {
    return step.t > this.latestT || (step.t === this.latestT && step.key > this.latestKey);
  }

  private keepLatest(step: Step): void {
    if (!this.isInOrder(step)) return;
    this.latestT = step.t;
    this.latestKey = step.key;
  }

  /** Whether removed links are observed again, or more of them come together than are kept. */
  private touchesRemoved(): boolean {
    const { touched, members } = this;
    let count = 0;
    for (const component of touched.componentList()) {
      const removal = members.removals.get(component);
      if (!removal) continue;
      count += removal.removed.length;
      const { ends } = removal;
      for (let i = 0; i < ends.length; i += 2) {
        if (touched.has(ends[i] ?? -1) && touched.has(ends[i + 1] ?? -1)) return true;
      }
    }
    return count > this.rules.removedKept;
  }

  private join(observation: LinkObservation, isMarked: boolean): void {
    const { touched, members, tally } = this;
    const { numbers, components, count, identities } = touched;
    let into = components[0] ?? 0;
    for (let i = 1; i < count; i++) {
      const component = components[i] ?? 0;
      const size = tally.sizeOf(members.tallyOf(component));
      if (size > tally.sizeOf(members.tallyOf(into))) into = component;
    }
    for (let i = 0; i < count; i++) {
      const component = components[i] ?? 0;
      if (component !== into) members.absorb(into, component);
    }
    if (isMarked) this.markJoined(into, observation);
    this.keepLatest(observation);
    // Two identities of different components cannot have been linked.
    if (identities === 2 && count === 2) {
      const a = numbers[0] ?? 0;
      const b = numbers[1] ?? 0;
      members.see(a, observation);
      members.see(b, observation);
      members.begins(a, b, observation);
      return;
    }
    for (let i = 0; i < identities; i++) {
      const a = numbers[i] ?? 0;
      members.see(a, observation);
      for (let j = i + 1; j < identities; j++) members.observe(a, numbers[j] ?? 0, observation);
    }
  }

  private markJoined(into: number, { t, key }: Step): void {
    const { members } = this;
    const components = this.touched.componentList();
    const lists = components.map((component) => members.removals.get(component)?.removed ?? []);
    for (const component of components) members.removals.delete(component);
    members.mark(into, mergeRemoved(lists), { t, key });
  }

  /** Takes the touched components out of the columns and lets `link` decide. */
  private addSlowly(observation: LinkObservation): "linked" | "late" {
    const { members, held } = this;
    const touched = this.touched.componentList().filter((component) => members.isSeen(component));
    const graphs = touched.map((component) => held.get(component) ?? members.graph(component));
    const linked = linkSilently(graphs, observation, this.rules);
    if (linked.kind === "late") {
      members.forgetKeys();
      return "late";
    }
    this.keepLatest(observation);
    for (const component of touched) if (!held.delete(component)) members.release(component);
    for (const graph of linked.graphs) {
      const component = members.place(graph);
      if (isPlain(graph)) members.take(component, graph);
      else this.hold(component, graph);
    }
    members.forgetKeys();
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

import { type ComponentTally, NOTED } from "./component-tally.ts";
import type { CompiledRules } from "./compiled-rules.ts";
import type { Members } from "./index-members.ts";
import { tooManyNew } from "./link-set.ts";
import type { Step } from "./moment.ts";
import type { Touched } from "./touched.ts";

/** What is to know of a namespace: whether it builds graphs, and where its values are counted. */
export interface Trait {
  readonly builds: boolean;
  /** The tally of one identity. */
  readonly tally: number;
  readonly isCounted: boolean;
  readonly limit: number;
  readonly max: number;
  readonly window: number;
  readonly free: number;
}

/** The limits of a rule set beside the components of an index. */
export class IndexLimits {
  private readonly compiled: CompiledRules;
  private readonly tally: ComponentTally;
  private readonly members: Members;
  private readonly traits: Trait[] = [];
  private readonly counts: Int32Array;

  constructor(compiled: CompiledRules, tally: ComponentTally, members: Members) {
    this.compiled = compiled;
    this.tally = tally;
    this.members = members;
    this.counts = new Int32Array(compiled.limited.length + compiled.windowed.length);
  }

  /** What is to know of a namespace, by its number. */
  trait(namespace: number): Trait {
    const known = this.traits[namespace];
    if (known) return known;
    const { limited, windowed, of } = this.compiled;
    const code = this.members.table.namespaces[namespace] ?? "";
    const rule = of(code);
    const at = windowed.indexOf(rule);
    const trait: Trait = {
      builds: rule.builds,
      isCounted: rule.limit >= 0 || at >= 0,
      limit: rule.limit,
      max: rule.max,
      window: at < 0 ? -1 : limited.length + at,
      free: rule.newValues?.count ?? Infinity,
      tally: this.tally.of(code),
    };
    this.traits[namespace] = trait;
    return trait;
  }

  /** Whether the observed components together would break a rule or pass the cap. */
  breaks(touched: Touched, step: Step): boolean {
    const { members, tally } = this;
    if (!tally.countsValues) return this.breaksCounted(touched, step);
    let sum = 0;
    for (let i = 0; i < touched.count; i++) {
      sum += members.tallyOf(touched.components[i] ?? 0) & ~NOTED;
      if (tally.isOver(sum)) return true;
    }
    return tally.hasMany(sum) && this.breaksWindow(touched, step);
  }

  /** The same by looking at every member, for rules with more numbers than a tally has room for. */
  private breaksCounted(touched: Touched, step: Step): boolean {
    const { members, compiled, counts, traits, tally } = this;
    let size = 0;
    for (const component of touched.componentList()) size += tally.sizeOf(members.tallyOf(component));
    if (size > compiled.cap) return true;
    if (counts.length === 0) return false;
    counts.fill(0);
    let isWindowed = false;
    for (const component of touched.componentList()) {
      let member = component;
      do {
        const trait = traits[members.table.namespaceAt(member)];
        if (trait?.isCounted) {
          if (trait.limit >= 0) {
            const count = (counts[trait.limit] ?? 0) + 1;
            if (count > trait.max) return true;
            counts[trait.limit] = count;
          }
          if (trait.window >= 0) {
            const count = (counts[trait.window] ?? 0) + 1;
            if (count > trait.free) isWindowed = true;
            counts[trait.window] = count;
          }
        }
        member = members.nextOf(member);
      } while (member !== component);
    }
    return isWindowed && this.breaksWindow(touched, step);
  }

  private breaksWindow(touched: Touched, { t }: Step): boolean {
    const { members } = this;
    return this.compiled.windowed.some(({ namespace, newValues }) => {
      const seen: number[] = [];
      for (const component of touched.componentList()) {
        for (const member of members.membersAt(component)) {
          if (members.table.namespace(member) !== namespace) continue;
          const first = members.firstSeen(member);
          seen.push(touched.has(member) ? Math.min(first, t) : first);
        }
      }
      return newValues !== undefined && tooManyNew(seen, newValues);
    });
  }
}

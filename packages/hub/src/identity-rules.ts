import {
  type Graph,
  type GraphDecision,
  type LinkExplanation,
  type LinkingRules,
  normalIdentity,
  type StandingDecisions,
  standingDecisions,
  whyLinked,
} from "@tessera/identity-graph";
import { type HubStore } from "@tessera/profile-store";
import {
  describe,
  err,
  type Identity,
  identityKey,
  type IdentityKey,
  type Issue,
  type JsonObject,
  type MembershipChange,
  ok,
  parseJson,
  type Result,
} from "@tessera/xdm";
import { saveDocument } from "./destination-lifecycle.ts";
import { checkRules } from "./identity-namespaces.ts";
import type { Ingestion } from "./ingest.ts";
import type { IngestQueue } from "./ingest-queue.ts";
import { clustersOf, rederiveClusters } from "./rederive.ts";

/** What became of a decision about who is who. */
type Decided = Result<GraphDecision, readonly Issue[]>;

/**
 * What people decide about who is who, and what follows from it for the persons. Identities may be given in any form in
 * which records may have them (an e-mail address in upper case, say).
 */
export interface IdentityRules {
  /** Whether rules could be put in force: how they are formed, and that types agree with the namespaces. */
  readonly checkLinkingRules: (input: unknown) => Result<LinkingRules, readonly Issue[]>;
  /** Puts rules in force and derives all persons anew under them, cluster by cluster. */
  readonly setLinkingRules: (
    input: unknown,
    progress?: (done: number, total: number) => void,
  ) => Promise<Result<LinkingRules, readonly Issue[]>>;
  /** Two identities are two persons: both get back what is theirs. Holds for those that were never seen yet, too. */
  readonly unlinkIdentities: (a: Identity, b: Identity, relink?: "never" | "observed") => Promise<Decided>;
  /** Takes an unlink back: what records say of the two counts again, as if they had never been unlinked. Refused without one. */
  readonly relinkIdentities: (a: Identity, b: Identity) => Promise<Decided>;
  /**
   * A bad value: it links nothing any more, anywhere; nor from its first record on, when it was never seen yet. Events that
   * were its own are their next identity's from now on.
   */
  readonly blockIdentity: (identity: Identity) => Promise<Decided>;
  /** Takes a block back, events included. Refused without one. */
  readonly unblockIdentity: (identity: Identity) => Promise<Decided>;
  /** All decisions that were ever taken, oldest first; of those about the same identities the newest counts. */
  readonly identityDecisions: () => readonly GraphDecision[];
  readonly explainLink: (a: Identity, b: Identity) => Promise<LinkExplanation>;
}

/** What identity rules are made of. `begin` gives the state of things, `reload` reads the configuration anew. */
export interface IdentityRulesOptions {
  readonly store: HubStore;
  readonly clock: () => number;
  readonly newId: () => string;
  readonly begin: () => Ingestion;
  readonly reload: () => Promise<void>;
  readonly told: (changes: readonly MembershipChange[]) => void;
  /** What comes in meanwhile. */
  readonly queue: Pick<IngestQueue, "caughtUp" | "depth" | "settled">;
}

const CONFLICT = (what: string): readonly Issue[] => [
  { code: "conflict", message: `Someone else ${what} at the same time. Read it again and repeat.` },
];

const SAME: Issue = {
  code: "identity.same",
  path: ["b"],
  expected: "two identities",
  came: "the same one twice",
  message: "b: expected an identity other than a, got the same one. Nothing was changed.",
};

const NOTHING = { documents: [] };

const UNDECIDED = (path: string, what: string): Issue => ({
  code: "notFound",
  path: [path],
  expected: `what is ${what}`,
  came: "what is not",
  message: `${path}: expected what is ${what}, got what is not. Nothing was changed; identityDecisions lists what was decided.`,
});

/** The longest value that was ever allowed, unless a sandbox allows longer ones. */
const LONGEST = 1024;

/** What no record can have had as an identity. */
function shapeIssue(
  { namespace, id }: Identity,
  { path, longest }: { readonly path: string; readonly longest: number },
): Issue | undefined {
  const isNamespace = namespace !== "" && !namespace.includes(":");
  if (isNamespace && id.trim() !== "" && id.length <= longest) return undefined;
  const expected = `a namespace code without a colon, and a value of 1 to ${longest} characters`;
  const came = isNamespace ? `the value ${describe(id)}` : `the namespace ${describe(namespace)}`;
  const message = `${path}: expected ${expected}, got ${came}. Nothing was changed.`;
  return { code: "identity.shape", path: [path], expected, came, message };
}

/** The identity side of a hub. */
export function createIdentityRules(options: IdentityRulesOptions): IdentityRules {
  const { store, clock, newId, begin, reload, told, queue } = options;
  const normal = (identity: Identity): Identity => normalIdentity(identity, begin().configuration.registry);
  /** Now, but after every earlier decision: the newest one counts, within one millisecond as well. */
  const next = (): number =>
    begin().configuration.decisions.reduce((latest, { t }) => Math.max(latest, t + 1), clock());

  /**
   * All identities that history ever brought near one. Read from the whole history: a blocked identity is in no link that
   * would lead to those whom it was seen with.
   */
  const everNear = async (identity: Identity): Promise<readonly IdentityKey[]> => {
    const key = identityKey(identity);
    return (await clustersOf(store)).find((keys) => keys.includes(key)) ?? [key];
  };

  /** Changes of rules under way, and those that are done. */
  let [changing, changed] = [0, 0];
  const othersDid = (): number => queue.settled() + changed;
  let last: Promise<unknown> = Promise.resolve();
  /** One decision after the other: each is made knowing those before, of other processes as well. */
  const inTurn = <T>(work: () => Promise<T>): Promise<T> => {
    const done = last.then(reload).then(work);
    last = done.catch(() => undefined);
    return done;
  };
  const decide = async (
    decision: GraphDecision,
    around: () => Promise<readonly IdentityKey[]> = async () => keysOf(decision),
  ): Promise<Decided> => {
    const json = parseJson(decision);
    if ("badPath" in json) throw new Error("A decision is JSON data.");
    const body = json.value as JsonObject;
    const document = { kind: "graphDecision", id: newId(), expectedVersion: 0, body };
    const before = othersDid();
    const freed = decision.kind === "unblock" ? { freed: identityKey(decision.identity) } : {};
    const changes = await rederiveClusters(await around(), () => decidedToo(begin(), decision), {
      documents: [document],
      ...freed,
    });
    if (changes === "conflict") return err(CONFLICT("decided"));
    await reload();
    told(changes);
    // What came in meanwhile, or was derived under new rules, may have been linked without it.
    if (queue.depth() > 0 || changing > 0 || othersDid() !== before) {
      await queue.caughtUp();
      const late = await rederiveClusters(await around(), begin, { ...NOTHING, ...freed });
      if (late !== "conflict") told(late);
    }
    return ok(decision);
  };
  const named = (identity: Identity, path: string): Result<Identity, readonly Issue[]> => {
    const longest = Math.max(LONGEST, begin().configuration.limits["identity.value-length"].value);
    const issue = shapeIssue(identity, { path, longest });
    return issue === undefined ? ok(normal(identity)) : err([issue]);
  };
  const pair = (one: Identity, other: Identity): Result<readonly [Identity, Identity], readonly Issue[]> => {
    const [a, b] = [named(one, "a"), named(other, "b")];
    if (!a.ok) return b.ok ? a : err([...a.error, ...b.error]);
    if (!b.ok) return b;
    return identityKey(a.value) === identityKey(b.value) ? err([SAME]) : ok([a.value, b.value]);
  };
  const standing = (): StandingDecisions => standingDecisions(begin().configuration.decisions);
  const areUnlinked = (one: Identity, other: Identity): boolean => {
    const end = identityKey(other);
    return (
      standing()
        .apart.get(identityKey(one))
        ?.some(({ a, b }) => a === end || b === end) ?? false
    );
  };

  return {
    checkLinkingRules: (input) => checkRules(input, begin().configuration),
    setLinkingRules: async (input, progress) => {
      const rules = checkRules(input, begin().configuration);
      if (!rules.ok) return rules;
      if (!(await saveDocument(store, "linkingRules", "current", { rules: rules.value, since: clock() })))
        return err(CONFLICT("set linking rules"));
      changing += 1;
      try {
        await reload();
        // What began under the rules of before has to be there, to be derived anew.
        await queue.caughtUp();
        const clusters = await clustersOf(store);
        for (const [index, keys] of clusters.entries()) {
          const changes = await rederiveClusters(keys, begin, NOTHING);
          if (changes !== "conflict") told(changes);
          progress?.(index + 1, clusters.length);
        }
      } finally {
        changing -= 1;
        changed += 1;
      }
      return rules;
    },
    unlinkIdentities: (one, other, relink = "never") =>
      inTurn(async () => {
        const two = pair(one, other);
        if (!two.ok) return two;
        const [a, b] = two.value;
        return decide({ kind: "unlink", a, b, t: next(), relink });
      }),
    relinkIdentities: (one, other) =>
      inTurn(async () => {
        const two = pair(one, other);
        if (!two.ok) return two;
        const [a, b] = two.value;
        if (!areUnlinked(a, b)) return err([UNDECIDED("a, b", "unlinked")]);
        return decide({ kind: "relink", a, b, t: next() });
      }),
    blockIdentity: (bad) =>
      inTurn(async () => {
        const identity = named(bad, "identity");
        return identity.ok ? decide({ kind: "block", identity: identity.value, t: next() }) : identity;
      }),
    unblockIdentity: (blocked) =>
      inTurn(async () => {
        const identity = named(blocked, "identity");
        if (!identity.ok) return identity;
        if (!standing().blocked.has(identityKey(identity.value)))
          return err([UNDECIDED("identity", "blocked")]);
        return decide({ kind: "unblock", identity: identity.value, t: next() }, () =>
          everNear(identity.value),
        );
      }),
    identityDecisions: () => begin().configuration.decisions.toSorted((x, y) => x.t - y.t),
    explainLink: async (one, other) => {
      const [a, b] = [normal(one), normal(other)];
      const { persons } = await store.load([identityKey(a), identityKey(b)], []);
      return whyLinked(
        [...persons.values()].map(({ graph }) => graph as Graph),
        a,
        b,
      );
    },
  };
}

function keysOf(decision: GraphDecision): readonly IdentityKey[] {
  return "identity" in decision
    ? [identityKey(decision.identity)]
    : [identityKey(decision.a), identityKey(decision.b)];
}

/** The state of things as it will be with one more decision. */
function decidedToo(ingestion: Ingestion, decision: GraphDecision): Ingestion {
  const { configuration } = ingestion;
  return {
    ...ingestion,
    configuration: { ...configuration, decisions: [...configuration.decisions, decision] },
  };
}

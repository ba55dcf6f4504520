/**
 * Link events in memory, then all persons with their members: Tessera with and without rules, graphology, and a plain
 * union-find (whose persons are lists of keys as well).
 * `npx node --conditions=@tessera/source bench/identity-graph/links.ts [--json] [--events=1000000] [--rounds=5]`
 */
import { execFileSync } from "node:child_process";
import { fileURLToPath } from "node:url";
import {
  createIdentityIndex,
  type Graph,
  link,
  type LinkingRules,
  type LinkObservation,
  replay,
} from "@tessera/identity-graph";
import { UndirectedGraph } from "graphology";
import { connectedComponents } from "graphology-components";
import { history } from "./history.ts";
import { everyRule } from "./rules.ts";

const option = (name: string, otherwise: string): string =>
  process.argv.find((arg) => arg.startsWith(`--${name}=`))?.slice(name.length + 3) ?? otherwise;
const events = Number(option("events", "1000000"));
const rounds = Number(option("rounds", "5"));

const noRules: LinkingRules = { namespaces: [], cap: Number.MAX_SAFE_INTEGER, removedKept: 200 };

/** What a contender keeps, and the persons it finds: how many, and the sum of the squares of their sizes. */
interface Built {
  readonly state: unknown;
  readonly identities: number;
  readonly persons: () => readonly [number, number];
}

const keyed = ({ identities }: LinkObservation): readonly string[] =>
  identities.map(({ namespace, id }) => `${namespace}:${id}`);

const contenders: Record<string, (list: readonly LinkObservation[]) => Built> = {
  "graphology, then components": (list) => {
    const graph = new UndirectedGraph();
    for (const observation of list) {
      const [a = "", b = ""] = keyed(observation);
      graph.mergeEdge(a, b);
    }
    const persons = (): readonly [number, number] =>
      measure(connectedComponents(graph).map(({ length }) => length));
    return { state: graph, identities: graph.order, persons };
  },
  "plain union-find, strings in a Map": (list) => {
    const parent = new Map<string, string>();
    const root = (key: string): string => {
      let at = key;
      for (;;) {
        const up = parent.get(at) ?? at;
        if (up === at) break;
        at = up;
      }
      let walk = key;
      while (walk !== at) {
        const up = parent.get(walk) ?? at;
        parent.set(walk, at);
        walk = up;
      }
      return at;
    };
    for (const observation of list) {
      const [a = "", b = ""] = keyed(observation);
      if (!parent.has(a)) parent.set(a, a);
      if (!parent.has(b)) parent.set(b, b);
      const [x, y] = [root(a), root(b)];
      if (x !== y) parent.set(y, x);
    }
    const persons = (): readonly [number, number] => {
      const members = new Map<string, string[]>();
      for (const key of parent.keys()) {
        const representative = root(key);
        const list = members.get(representative);
        if (list) list.push(key);
        else members.set(representative, [key]);
      }
      return measure([...members.values()].map(({ length }) => length));
    };
    return { state: parent, identities: parent.size, persons };
  },
  "tessera index, no rules": (list) => indexed(list, noRules),
  "tessera index, every rule": (list) => indexed(list, everyRule),
  "tessera link() over a Map, every rule": (list) => {
    const graphs = new Map<string, Graph>();
    for (const observation of list) {
      const around = new Set<Graph>();
      for (const key of keyed(observation)) {
        const graph = graphs.get(key);
        if (graph) around.add(graph);
      }
      const linked = link([...around], observation, everyRule);
      if (linked.kind === "late") throw new Error("late");
      for (const graph of linked.graphs) for (const { key } of graph.identities) graphs.set(key, graph);
    }
    const persons = (): readonly [number, number] =>
      measure([...new Set(graphs.values())].map((graph) => graph.identities.length));
    return { state: graphs, identities: graphs.size, persons };
  },
};

function indexed(list: readonly LinkObservation[], rules: LinkingRules): Built {
  const index = createIdentityIndex(rules);
  index.addAll(list);
  const persons = (): readonly [number, number] => {
    const sizes: number[] = [];
    for (const members of index.persons()) sizes.push(members.length);
    return measure(sizes);
  };
  return { state: index, identities: index.size().identities, persons };
}

function measure(sizes: readonly number[]): readonly [number, number] {
  return [sizes.length, sizes.reduce((sum, size) => sum + size * size, 0)];
}

function median(list: readonly number[]): number {
  return list.toSorted((a, b) => a - b)[list.length >> 1] ?? 0;
}

interface Measured {
  readonly name: string;
  readonly perSecond: readonly number[];
  readonly bytesPerIdentity: number;
  readonly identities: number;
  readonly persons: readonly [number, number];
}

/** One contender in a process of its own. */
async function run(name: string): Promise<Measured> {
  const contender = contenders[name];
  const collect = (globalThis as { gc?: () => void }).gc;
  if (!contender || !collect) throw new Error(name);
  const list = history(events);
  const perSecond: number[] = [];
  let built: Built | undefined;
  let found: readonly [number, number] = [0, 0];
  const bytes: number[] = [];
  // Array buffers are given back some time after a collection.
  const settle = async (): Promise<void> => {
    for (let turn = 0; turn < 3; turn++) {
      collect();
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
  };
  for (let round = 0; round < rounds; round++) {
    built = undefined;
    await settle();
    const before = process.memoryUsage();
    const start = performance.now();
    built = contender(list);
    found = built.persons();
    perSecond.push(Math.round(events / ((performance.now() - start) / 1000)));
    await settle();
    const after = process.memoryUsage();
    // The first round also flattens the strings of the history itself.
    if (round > 0 || rounds === 1) {
      bytes.push(after.heapUsed + after.arrayBuffers - before.heapUsed - before.arrayBuffers);
    }
  }
  const { identities = 1 } = built ?? {};
  return {
    name,
    perSecond,
    bytesPerIdentity: Math.round(median(bytes) / identities),
    identities,
    persons: found,
  };
}

/** The index must hold what replay gives before its speed means anything. */
function check(): void {
  const list = history(20_000, 2);
  const index = createIdentityIndex(everyRule);
  index.addAll(list);
  const graphs = replay(list, everyRule);
  if (graphs.length !== index.size().graphs) throw new Error("The index has other graphs than replay.");
  for (const graph of graphs) {
    const [identity] = graph.identities;
    if (!identity || JSON.stringify(index.graphOf(identity)) !== JSON.stringify(graph)) {
      throw new Error("The index differs from replay.");
    }
  }
}

const one = option("contender", "");
if (one !== "") {
  console.log(JSON.stringify(await run(one)));
} else {
  check();
  const results = Object.keys(contenders).map((name): Measured => {
    const args = [
      "--expose-gc",
      "--max-old-space-size=4096",
      "--conditions=@tessera/source",
      fileURLToPath(import.meta.url),
    ];
    const output = execFileSync(process.execPath, [
      ...args,
      `--contender=${name}`,
      `--events=${events}`,
      `--rounds=${rounds}`,
    ]);
    return JSON.parse(output.toString()) as Measured;
  });
  const ruleFree = results.slice(0, 3).map(({ persons }) => persons.join());
  if (new Set(ruleFree).size !== 1) throw new Error(`Rule-free contenders disagree: ${ruleFree.join(" | ")}`);
  const base = median(results[0]?.perSecond ?? []);
  const table = results.map(({ name, perSecond, bytesPerIdentity, identities, persons }) => ({
    name,
    "events/s (median)": median(perSecond),
    range: `${Math.min(...perSecond)}..${Math.max(...perSecond)}`,
    "x graphology": Math.round((median(perSecond) / base) * 10) / 10,
    "bytes/identity": bytesPerIdentity,
    identities,
    persons: persons[0],
  }));
  if (process.argv.includes("--json"))
    console.log(JSON.stringify({ events, rounds, node: process.version, table }));
  else console.table(table);
}

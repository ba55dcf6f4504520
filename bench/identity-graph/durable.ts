/**
 * Link events through SQLite, flushed to disk batch by batch (synchronous = FULL): Tessera with every rule, reasons and the
 * observations that undo needs, beside a union-find in two hand-written tables that has none of them.
 * `npx node --conditions=@tessera/source bench/identity-graph/durable.ts [--json] [--events=200000] [--batch=1000] [--rounds=5] [--folder=/tmp]`
 */
import { mkdtempSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import {
  blockIdentity,
  type Graph,
  type LinkObservation,
  linkSilently,
  personAnchor,
  replay,
} from "@tessera/identity-graph";
import type { HubCommit, Neighbourhood, PersonState, PersonWrite, StoredEvent } from "@tessera/profile-store";
import { openSqliteStore, type SqliteStore } from "@tessera/store-sqlite";
import { compareKeys, digest, type IdentityKey, identityKey, identityOfKey } from "@tessera/xdm";
import { history } from "./history.ts";
import { everyRule } from "./rules.ts";

const option = (name: string, otherwise: string): string =>
  process.argv.find((arg) => arg.startsWith(`--${name}=`))?.slice(name.length + 3) ?? otherwise;
const events = Number(option("events", "200000"));
const size = Number(option("batch", "1000"));
const rounds = Number(option("rounds", "5"));

const nothing = { records: [], memberships: [], outbox: [], quarantine: [], documents: [], counters: {} };

/** An observation with the keys of its identities, which are made once, as the hub does. */
interface Item extends LinkObservation {
  readonly keys: readonly IdentityKey[];
}

/** One batch: load the graphs around it, link, and commit the persons with their reasons and the observations. */
async function commitBatch(store: SqliteStore, batch: readonly LinkObservation[]): Promise<void> {
  const items = batch.map((observation): Item => {
    const keys = observation.identities.map(identityKey).sort(compareKeys);
    return { ...observation, keys };
  });
  const keys = new Set(items.flatMap((item) => item.keys));
  const known = await store.load(
    [...keys],
    items.map(({ key }) => key),
  );
  const linkedGraphs = new Map<IdentityKey, Graph>();
  for (const item of items) {
    if (known.knownEvents.has(item.key)) continue;
    const around: Graph[] = [];
    for (const key of item.keys) {
      const graph = linkedGraphs.get(key) ?? storedGraph(known, key);
      if (graph !== undefined && !around.includes(graph)) around.push(graph);
    }
    const linked = linkSilently(around, item, everyRule);
    if (linked.kind === "late") throw new Error("The history is in order.");
    for (const graph of linked.graphs) for (const { key } of graph.identities) linkedGraphs.set(key, graph);
  }
  const committed = await store.commit({
    ...nothing,
    persons: personWrites(linkedGraphs, known),
    events: items.map(eventOf),
  } satisfies HubCommit);
  if (!committed.ok) throw new Error("Nobody else writes here.");
}

function storedGraph({ persons, personOf }: Neighbourhood, key: IdentityKey): Graph | undefined {
  return persons.get(personOf.get(key) ?? "")?.graph as Graph | undefined;
}

/** The id of the person of a graph: it stays as long as the anchor does, and is then not made anew. */
function personIdOf(graph: Graph, known: Neighbourhood): string {
  const { key } = personAnchor(graph);
  const before = storedGraph(known, key);
  if (before !== undefined && personAnchor(before).key === key) return known.personOf.get(key) ?? "";
  return digest(`person\n${key}`);
}

function personWrites(
  linkedGraphs: ReadonlyMap<IdentityKey, Graph>,
  known: Neighbourhood,
): readonly PersonWrite[] {
  const writes: PersonWrite[] = [];
  const written = new Set<string>();
  for (const graph of new Set(linkedGraphs.values())) {
    const personId = personIdOf(graph, known);
    const before = known.persons.get(personId);
    written.add(personId);
    if (before?.graph === graph) continue;
    const person: PersonState = {
      personId,
      version: (before?.version ?? 0) + 1,
      identities: graph.identities.map(({ key }) => key),
      graph,
      fragments: [],
      memberships: [],
      eventCount: 1,
      evaluatedAt: 0,
    };
    writes.push({ kind: "put", person, fragmentsChanged: false });
  }
  for (const { personId, version, identities } of known.persons.values()) {
    const into = linkedGraphs.get(identities[0] ?? "");
    if (into === undefined || written.has(personId)) continue;
    writes.push({
      kind: "remove",
      personId,
      expectedVersion: version,
      successor: personIdOf(into, known),
    });
  }
  return writes;
}

/** The observation as it is kept for undo and replay. */
function eventOf({ t, key, datasetId, keys }: Item): StoredEvent {
  return { id: key, datasetId, owner: keys[0] ?? "", identities: keys, at: t, ingestedAt: t };
}

async function tessera(list: readonly LinkObservation[], path: string): Promise<SqliteStore> {
  const store = openSqliteStore({ path });
  for (let from = 0; from < list.length; from += size)
    await commitBatch(store, list.slice(from, from + size));
  return store;
}

/** The same links in two tables: no rules, no reasons, no undo; the smaller component is renamed. */
function plainUnionFind(list: readonly LinkObservation[], path: string): DatabaseSync {
  const database = new DatabaseSync(path);
  database.exec(`PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA cache_size = -65536;
    CREATE TABLE identity (key TEXT PRIMARY KEY, component INTEGER NOT NULL) WITHOUT ROWID;
    CREATE INDEX component_members ON identity (component);
    CREATE TABLE link (a TEXT NOT NULL, b TEXT NOT NULL, PRIMARY KEY (a, b)) WITHOUT ROWID;`);
  const find = database.prepare("SELECT component FROM identity WHERE key = ?");
  const insert = database.prepare("INSERT INTO identity VALUES (?, ?)");
  const count = database.prepare("SELECT count(*) AS n FROM identity WHERE component = ?");
  const rename = database.prepare("UPDATE identity SET component = ? WHERE component = ?");
  const addLink = database.prepare("INSERT OR IGNORE INTO link VALUES (?, ?)");
  let components = 0;
  const componentOf = (key: string): number => {
    const row = find.get(key);
    if (row) return Number(row.component);
    insert.run(key, ++components);
    return components;
  };
  for (let from = 0; from < list.length; from += size) {
    database.exec("BEGIN IMMEDIATE");
    for (const { identities } of list.slice(from, from + size)) {
      const [a = "", b = ""] = identities.map(identityKey);
      const [x, y] = [componentOf(a), componentOf(b)];
      if (x !== y) {
        const [into, away] = Number(count.get(x)?.n) < Number(count.get(y)?.n) ? [y, x] : [x, y];
        rename.run(into, away);
      }
      addLink.run(a, b);
    }
    database.exec("COMMIT");
  }
  return database;
}

const folder = mkdtempSync(join(option("folder", tmpdir()), "tessera-bench-links-"));
let file = 0;
const fresh = (): string => join(folder, `${(file += 1)}.db`);

/** What is on disk must be what replay gives, read through another connection; and undo must work from it alone. */
async function check(): Promise<void> {
  const list = history(20_000, 2);
  const path = fresh();
  await (await tessera(list, path)).close();
  const store = openSqliteStore({ path });
  const expected = replay(list, everyRule);
  const keys = expected.flatMap(({ identities }) => identities.map(({ key }) => key));
  const { persons } = await store.load(keys, []);
  if (persons.size !== expected.length) throw new Error("The store has other persons than replay.");
  const stored = new Map<IdentityKey, object>();
  for (const { identities, graph } of persons.values()) for (const key of identities) stored.set(key, graph);
  for (const graph of expected) {
    const found = stored.get(graph.identities[0]?.key ?? "");
    if (JSON.stringify(found) !== JSON.stringify(graph)) throw new Error("The store differs from replay.");
  }
  const bad = expected.find(({ removed }) => removed.length > 0)?.removed[0];
  if (!bad) throw new Error("The history has removed links.");
  const observations = (await store.events(keys)).map(({ at, id, datasetId, identities }) => ({
    t: at,
    key: id,
    datasetId,
    identities: identities.map(identityOfKey),
  }));
  const decision = [blockIdentity(identityOfKey(bad.a), { t: Number.MAX_SAFE_INTEGER })];
  const undone = (from: readonly LinkObservation[]): string =>
    JSON.stringify(replay(from, everyRule, decision));
  if (undone(observations) !== undone(list)) throw new Error("Undo from the store gives other graphs.");
  await store.close();
}

try {
  await check();
  const list = history(events);
  const rates: Record<"tessera" | "plain", number[]> = { tessera: [], plain: [] };
  const bytes = { tessera: 0, plain: 0 };
  for (let round = 0; round < rounds; round++) {
    const path = fresh();
    const from = performance.now();
    const store = await tessera(list, path);
    rates.tessera.push(Math.round((events * 1000) / (performance.now() - from)));
    await store.close();
    bytes.tessera = statSync(path).size;
    const plainPath = fresh();
    const plainFrom = performance.now();
    const database = plainUnionFind(list, plainPath);
    rates.plain.push(Math.round((events * 1000) / (performance.now() - plainFrom)));
    database.close();
    bytes.plain = statSync(plainPath).size;
    for (const done of [path, plainPath]) rmSync(done);
  }
  const identities = new Set(list.flatMap((item) => item.identities.map(identityKey))).size;
  const table = (["tessera", "plain"] as const).map((name) => {
    const sorted = rates[name].toSorted((a, b) => a - b);
    return {
      name:
        name === "tessera"
          ? "tessera: every rule, reasons, undo log"
          : "union-find in two tables: no rules, no undo",
      "links/s (median)": sorted[sorted.length >> 1] ?? 0,
      range: `${sorted[0]}..${sorted.at(-1)}`,
      "bytes on disk/identity": Math.round(bytes[name] / identities),
    };
  });
  if (process.argv.includes("--json"))
    console.log(JSON.stringify({ events, batch: size, rounds, node: process.version, table }));
  else console.table(table);
} finally {
  rmSync(folder, { recursive: true, force: true });
}

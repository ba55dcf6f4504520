//   npx node --conditions=@tessera/source --expose-gc bench/segment-engine/durable.ts [--json] [--quick]
// Events of persons with 40 past events, 200 audiences, 1,000 events a commit: how long until the membership changes of a
// commit are on the disk (SQLite, WAL, synchronous FULL). Either every state row is read, decided on and written with each
// commit; or states are in memory, a commit appends the events and what they changed, and state rows follow in the order
// of their keys, some with each commit. After each way the states are recovered from the file and compared.
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { compileAudiences, compileStream, type PersonView, type StreamState } from "@tessera/segment-engine";
import { definitions } from "./forms.ts";
import { circumstances, mustAgree, percentile, QUICK, report } from "./measure.ts";
import { audiences, eventAt, NOW, type Profile, type ProfileEvent, profiles, random } from "./workload.ts";

const PERSONS = 20_000;
const COMMIT = 1_000;
const COMMITS = QUICK ? 20 : 100;
/** State rows that a commit of the second way writes: all of them every fifty commits. */
const FOLLOWING = PERSONS / 50;

const compiled = compileAudiences(definitions(audiences(200)));
if (!compiled.ok) throw new Error(JSON.stringify(compiled.error));
const plan = compiled.value;
const stream = compileStream(plan);
const sample = profiles(PERSONS, { events: 40 });
const view = ({ attributes, events }: Profile): PersonView =>
  ({ attributes, events }) as unknown as PersonView;

interface Arrival {
  readonly n: number;
  readonly person: number;
  readonly event: ProfileEvent;
}

const arrivals: readonly Arrival[] = (() => {
  const next = random(100);
  return Array.from({ length: COMMITS * COMMIT }, (_, n) => ({
    n,
    person: Math.floor(next() * PERSONS),
    event: eventAt(next, NOW + 1 + n * 3, `r${n}`),
  }));
})();

function rebuilt(): StreamState[] {
  return sample.map((profile) => stream.rebuild(view(profile), NOW));
}

/** A store of state rows, of the events they do not know yet, and of changes. */
function openStates(file: string): DatabaseSync {
  const store = new DatabaseSync(file);
  store.exec("PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL");
  store.exec(
    "CREATE TABLE IF NOT EXISTS state (id INTEGER PRIMARY KEY, upTo INTEGER NOT NULL, row BLOB NOT NULL);" +
      "CREATE TABLE IF NOT EXISTS log (n INTEGER PRIMARY KEY, arrivals TEXT NOT NULL);" +
      "CREATE TABLE IF NOT EXISTS change (n INTEGER PRIMARY KEY, id INTEGER, audience TEXT, member INTEGER, at INTEGER)",
  );
  return store;
}

/** What a commit of a way does, in its transaction; gives how many memberships changed. */
type Way = (store: DatabaseSync) => (batch: readonly Arrival[]) => number;

const rowByRow: Way = (store) => {
  const read = store.prepare("SELECT row FROM state WHERE id = ?");
  const write = store.prepare("UPDATE state SET upTo = ?, row = ? WHERE id = ?");
  const change = store.prepare("INSERT INTO change (id, audience, member, at) VALUES (?, ?, ?, ?)");
  return (batch) => {
    let changes = 0;
    for (const { n, person, event } of batch) {
      const row = read.get(person)?.["row"];
      const state = row instanceof Uint8Array ? stream.decode(row) : undefined;
      if (state === undefined) throw new Error("Expected a state row.");
      for (const { audienceId, member, at } of stream.apply(state, { at: event.ts, events: [event] })) {
        change.run(person, audienceId, member ? 1 : 0, at);
        changes++;
      }
      write.run(n, stream.encode(state), person);
    }
    return changes;
  };
};

const behindLog: Way = (store) => {
  const states = rebuilt();
  const append = store.prepare("INSERT INTO log VALUES (?, ?)");
  const change = store.prepare("INSERT INTO change (id, audience, member, at) VALUES (?, ?, ?, ?)");
  const write = store.prepare("UPDATE state SET upTo = ?, row = ? WHERE id = ?");
  let following = 0;
  return (batch) => {
    let changes = 0;
    let last = -1;
    for (const { n, person, event } of batch) {
      const state = states[person] as StreamState;
      for (const { audienceId, member, at } of stream.apply(state, { at: event.ts, events: [event] })) {
        change.run(person, audienceId, member ? 1 : 0, at);
        changes++;
      }
      last = n;
    }
    append.run(last, JSON.stringify(batch));
    for (let count = 0; count < FOLLOWING; count++) {
      write.run(last, stream.encode(states[following] as StreamState), following);
      following = (following + 1) % PERSONS;
    }
    return changes;
  };
};

/** The states as a process finds them that starts with the file alone. */
function recovered(file: string): readonly StreamState[] {
  const store = openStates(file);
  const upTo: number[] = [];
  const states: StreamState[] = [];
  for (const { id, upTo: known, row } of store.prepare("SELECT * FROM state").iterate()) {
    const state = row instanceof Uint8Array ? stream.decode(row) : undefined;
    if (state === undefined) throw new Error("Expected a state row.");
    upTo[Number(id)] = Number(known);
    states[Number(id)] = state;
  }
  for (const { arrivals: batch } of store.prepare("SELECT arrivals FROM log ORDER BY n").iterate())
    for (const { n, person, event } of JSON.parse(String(batch)) as readonly Arrival[])
      if (n > (upTo[person] ?? -1))
        stream.apply(states[person] as StreamState, { at: event.ts, events: [event] });
  store.close();
  return states;
}

function measured(name: string, way: Way): Readonly<Record<string, string | number>> {
  const folder = mkdtempSync(join(tmpdir(), "tessera-stream-"));
  const file = join(folder, "state.db");
  const store = openStates(file);
  const first = store.prepare("INSERT INTO state VALUES (?, -1, ?)");
  store.exec("BEGIN");
  rebuilt().forEach((state, person) => first.run(person, stream.encode(state)));
  store.exec("COMMIT; PRAGMA wal_checkpoint(TRUNCATE)");
  const commit = way(store);
  const times = new Float64Array(COMMITS);
  let changes = 0;
  for (let place = 0; place < COMMITS; place++) {
    const from = performance.now();
    store.exec("BEGIN");
    changes += commit(arrivals.slice(place * COMMIT, (place + 1) * COMMIT));
    store.exec("COMMIT");
    times[place] = performance.now() - from;
  }
  store.close();
  const order = plan.audiences.map(({ id }) => id);
  const membersIn = (states: readonly StreamState[]): readonly boolean[] =>
    states.flatMap((state) => order.map((id) => stream.isMember(state, id)));
  mustAgree(name, membersIn(recovered(file)), expected());
  rmSync(folder, { recursive: true });
  return {
    way: name,
    "events/s": Math.round((COMMITS * COMMIT * 1_000) / times.reduce((sum, ms) => sum + ms, 0)),
    "commit p50 ms": Number(percentile(times, 0.5).toFixed(1)),
    "commit p99 ms": Number(percentile(times, 0.99).toFixed(1)),
    "membership changes": changes,
  };

  function expected(): readonly boolean[] {
    const states = rebuilt();
    for (const { person, event } of arrivals)
      stream.apply(states[person] as StreamState, { at: event.ts, events: [event] });
    return membersIn(states);
  }
}

report(
  "Membership changes of 1,000 events on the disk: SQLite, WAL, synchronous FULL",
  [measured("every state row with each commit", rowByRow), measured("behind a log", behindLog)],
  { ...circumstances([]), persons: PERSONS.toLocaleString("en-US") },
);

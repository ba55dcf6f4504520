// node --conditions=@tessera/source bench/stores/mongodb.ts --uri mongodb://… [--persons 20000] [--json]
import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { openMongoStore } from "@tessera/store-mongodb";
import { type Figure, milliseconds, print } from "./measure.ts";
import { commitEvents, importPersons, lookups } from "./workloads.ts";

const { values } = parseArgs({
  options: {
    uri: { type: "string", default: process.env["MONGODB_URI"] ?? "" },
    database: { type: "string", default: `tessera-bench-${process.pid}` },
    persons: { type: "string", default: "20000" },
    worker: { type: "string" },
    of: { type: "string", default: "1" },
    json: { type: "boolean", default: false },
  },
});
const persons = Number(values.persons);
const BATCHES = 30;
const EVENTS = 500;
const TOUCHED = 350;

if (values.uri === "") throw new Error("Name a replica set with --uri or MONGODB_URI.");
if (values.worker === undefined) await measure();
else await work(Number(values.worker), Number(values.of));

async function measure(): Promise<void> {
  let calls = 0;
  const store = await openMongoStore({
    uri: values.uri,
    database: values.database,
    clientOptions: {
      mongodbLogComponentSeverities: { command: "debug" },
      mongodbLogPath: {
        write: (log) => {
          if (log["message"] === "Command started") calls += 1;
        },
      },
    },
  });
  const figures: Figure[] = await importPersons(store, persons);
  calls = 0;
  const load = { persons, events: EVENTS, batches: BATCHES, touched: TOUCHED, firstSerial: 0 };
  figures.push(...(await commitEvents(store, load)));
  figures.push({ what: "round trips, load and commit", value: calls / BATCHES, unit: "per batch" });
  figures.push({ what: "  the same", value: calls / BATCHES / EVENTS, unit: "per event" });
  figures.push(...(await lookups(store, persons, 2000)));
  for (const count of [1, 2, 4]) {
    const took = await together(count);
    figures.push({
      what: `${count} processes, each on its own ${Math.floor(persons / count).toLocaleString("en-US")} persons`,
      value: (count * BATCHES * EVENTS * 1000) / took,
      unit: "events/s",
    });
  }
  print(
    `MongoDB, ${persons.toLocaleString("en-US")} persons (left behind: database ${values.database})`,
    figures,
  );
  await store.close();
}

/** One process of several: its own part of the persons, its own event ids. It begins when it is told to. */
async function work(index: number, of: number): Promise<void> {
  const store = await openMongoStore({ uri: values.uri, database: values.database });
  const part = Math.floor(persons / of);
  await store.load(["connect"], []);
  process.send?.("ready");
  await once(process, "message");
  await commitEvents(store, {
    persons: part,
    firstPerson: index * part,
    events: EVENTS,
    batches: BATCHES,
    touched: TOUCHED,
    firstSerial: (of * 10 + index + 1) * 1_000_000,
  });
  process.send?.("done");
  await store.close();
  process.disconnect();
}

/** How long (ms) so many processes take that begin at the same time, until the last of them is done. */
async function together(count: number): Promise<number> {
  const children = Array.from({ length: count }, (_, index) => start(index, count));
  await Promise.all(children.map((child) => heard(child, "ready")));
  const took = await milliseconds(async () => {
    for (const child of children) child.send("go");
    await Promise.all(children.map((child) => heard(child, "done")));
  });
  await Promise.all(children.map((child) => child.exitCode ?? once(child, "close")));
  return took;
}

function start(index: number, of: number): ChildProcess {
  const options = { worker: index, of, uri: values.uri, database: values.database, persons };
  return fork(
    fileURLToPath(import.meta.url),
    Object.entries(options).flatMap(([name, value]) => [`--${name}`, String(value)]),
    { execArgv: ["--conditions=@tessera/source"] },
  );
}

function heard(child: ChildProcess, word: string): Promise<void> {
  return new Promise((resolve, reject) => {
    child.on("message", (message) => (message === word ? resolve() : undefined));
    child.once("close", (code) => reject(new Error(`A process ended with ${code} before it was ${word}.`)));
  });
}

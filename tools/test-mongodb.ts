import { readFile } from "node:fs/promises";
import { MongoMemoryReplSet } from "mongodb-memory-server-core";
import type { TestProject } from "vitest/node";

/** A deployment that was started for the tests. */
interface Deployment {
  readonly uri: string;
  readonly stop: () => Promise<unknown>;
}

/** A download that takes longer is taken for one that does not work here. */
const PATIENCE_MS = 180_000;
let running: Deployment | undefined;

/**
 * Before all tests: where `MONGODB_URI` names no deployment and some of the tests want one, a replica set of one mongod,
 * which is downloaded once and kept. Where that does not work `MONGODB_ABSENT` says why, for the tests that are skipped.
 */
export async function setup(project: TestProject): Promise<void> {
  // What was asked for stands nowhere else: `vitest run <filter>…`.
  const filters = process.argv.slice(2).filter((word) => word !== "run" && !word.startsWith("-"));
  const { testFiles } = await project.globTestFiles(filters);
  running = await provideMongo(process.env, {
    wanted: () => anyWants(testFiles),
    start: startReplicaSet,
    say: (line) => process.stderr.write(`${line}\n`),
  });
}

/** After all tests. */
export async function teardown(): Promise<void> {
  await running?.stop();
}

/** Puts the address of a deployment, or why there is none, into the environment that the tests read. */
export async function provideMongo(
  env: NodeJS.ProcessEnv,
  parts: {
    readonly wanted: () => Promise<boolean>;
    readonly start: () => Promise<Deployment>;
    readonly say: (line: string) => void;
  },
): Promise<Deployment | undefined> {
  if ((env["MONGODB_URI"] ?? "") !== "" || !(await parts.wanted())) return undefined;
  parts.say("MONGODB_URI is not set: starting a mongod for the tests (downloaded the first time).");
  try {
    const deployment = await parts.start();
    env["MONGODB_URI"] = deployment.uri;
    return deployment;
  } catch (error) {
    const reason = (error instanceof Error ? error.message : String(error)).replaceAll(/\s+/g, " ");
    env["MONGODB_ABSENT"] = `MONGODB_URI is not set, and no mongod could be started here: ${reason}`;
    parts.say(env["MONGODB_ABSENT"]);
    return undefined;
  }
}

const WANTS = /withMongo\(|process\.env\["MONGODB_URI"\]/;

async function anyWants(testFiles: readonly string[]): Promise<boolean> {
  for (const file of testFiles) if (WANTS.test(await readFile(file, "utf8"))) return true;
  return false;
}

async function startReplicaSet(): Promise<Deployment> {
  const starting = MongoMemoryReplSet.create({ replSet: { count: 1, storageEngine: "wiredTiger" } });
  // One that comes too late is not left running.
  let late = false;
  starting.then((set) => late && set.stop()).catch(() => undefined);
  const patience = new Promise<never>((_, reject) => {
    const timer = setTimeout(() => {
      late = true;
      reject(new Error(`it was not there after ${PATIENCE_MS / 1_000} s`));
    }, PATIENCE_MS);
    timer.unref();
  });
  const set = await Promise.race([starting, patience]);
  return { uri: set.getUri(), stop: () => set.stop() };
}

import { randomBytes, randomUUID } from "node:crypto";
import { appendFile, mkdir, readFile, rename, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { tokenAuthenticator } from "../access.ts";
import { compileSnapshot } from "../compile.ts";
import type { CompiledSnapshot } from "../compiled-snapshot.ts";
import type { Edge } from "../edge.ts";
import { createForwarder } from "../forwarder.ts";
import { createHttpHub } from "../http-hub.ts";
import { createSigner } from "../identity-cookie.ts";
import { createMemoryProfiles } from "../memory-profiles.ts";
import { createMounts } from "../mounts.ts";
import type { EdgeNodeOptions } from "../node.ts";
import { refreshDelivered } from "../projections.ts";
import type { EdgeRegion } from "../region.ts";
import type { UnitMeter } from "../request-units.ts";
import { followSnapshots, type SnapshotPoll } from "../snapshot-poll.ts";
import { openFileQueue } from "./file-queue.ts";
import type { HubRequester } from "./hub-request.ts";
import { loadProfiles, saveProfiles } from "./profile-file.ts";

/** What goes on in one sandbox of an edge on Node. */
export interface NodeSandbox {
  readonly edge: Edge;
  readonly snapshots: SnapshotPoll;
  readonly queued: () => number;
  /** Sends what was left of the last run. */
  readonly start: () => void;
  /** Saves what is held; to be called when nothing is under way any more. */
  readonly stop: () => Promise<void>;
}

/** Events wait this long for others to travel with, in milliseconds; a delivery costs as much as deciding ten pages. */
const GATHER_MS = 30;

/** Opens a sandbox: its profiles, its queue, its definitions. */
export async function openSandbox(
  options: EdgeNodeOptions,
  of: {
    readonly sandbox: string | undefined;
    readonly region: EdgeRegion;
    readonly requester: HubRequester;
    readonly units: UnitMeter;
    /** Told of all work that outlives its request. */
    readonly waitUntil: (work: Promise<unknown>) => void;
  },
): Promise<NodeSandbox> {
  const { sandbox, region, requester, units, waitUntil } = of;
  const clock = options.clock ?? Date.now;
  const notice = options.notice ?? (() => undefined);
  // By name, whatever their order: nobody is ever held for a sandbox they do not belong to.
  const folder = sandbox === undefined ? options.dataDir : join(options.dataDir, "sandboxes", sandbox);
  await mkdir(folder, { recursive: true });
  const random = (): number => randomBytes(4).readUInt32BE() / 2 ** 32;
  const hub = createHttpHub({
    url: options.hubUrl,
    token: options.token,
    sandbox,
    region: region.hint,
    ask: requester.ask,
  });
  const profiles = createMemoryProfiles({ capacity: options.maxProfiles ?? 200_000 });
  const profileFile = join(folder, "profiles.ndjson");
  await loadProfiles(profileFile, profiles);
  const queue = await openFileQueue(join(folder, "queue"), { sync: options.sync === true });
  const forwarder = createForwarder({
    queue,
    send: hub.send,
    delivered: (entries) => waitUntil(refreshDelivered({ profiles, clock, lookup: hub.lookup }, entries)),
    refuse: ({ entry, text }, status) =>
      appendFile(
        join(folder, "refused.ndjson"),
        `${JSON.stringify({ status, entry: { ...entry, body: JSON.parse(text) } })}\n`,
      ),
    notice,
    random,
    gatherMs: GATHER_MS,
  });
  const compile = (json: unknown): CompiledSnapshot | undefined => compileSnapshot(json, notice);
  const snapshots = followSnapshots({
    hub,
    compile,
    save: (text) => waitUntil(writeWhole(join(folder, "snapshot.json"), text)),
    notice,
    clock,
    random,
    initial: await loadSnapshot(folder, compile),
  });
  const secret = options.cookieSecret;
  const signer = (organisation: string): ReturnType<typeof createSigner> =>
    createSigner(new TextEncoder().encode(secret), organisation);
  const edge: Edge = {
    sandbox,
    mounts: createMounts(),
    snapshot: snapshots,
    profiles,
    hub: {
      lookup: hub.lookup,
      forward: async (entries) => {
        await queue.append(entries);
        forwarder.wake(entries.some(({ refresh }) => refresh !== undefined));
      },
    },
    clock,
    newId: randomUUID,
    random: (bytes) => new Uint8Array(randomBytes(bytes)),
    region,
    authenticate: tokenAuthenticator([options.token, ...(options.apiTokens ?? [])]),
    internalToken: options.token,
    basePath: "ee",
    lookupBudgetMs: options.lookupBudgetMs ?? 50,
    lookupRetryMs: 2000,
    signer: secret === undefined ? undefined : remember(signer),
    tcfVendorId: options.tcfVendorId,
    units,
    notice,
  };
  return {
    edge,
    snapshots,
    queued: queue.size,
    start: () => forwarder.wake(),
    stop: async () => {
      await forwarder.stop();
      await queue.close();
      await saveProfiles(profileFile, profiles);
    },
  };
}

function remember<T>(make: (organisation: string) => T): (organisation: string) => T {
  const made = new Map<string, T>();
  return (organisation) => {
    const held = made.get(organisation) ?? make(organisation);
    made.set(organisation, held);
    return held;
  };
}

async function loadSnapshot(
  folder: string,
  compile: (json: unknown) => CompiledSnapshot | undefined,
): Promise<CompiledSnapshot | undefined> {
  const text = await readFile(join(folder, "snapshot.json"), "utf8").catch(() => undefined);
  try {
    return text === undefined ? undefined : compile(JSON.parse(text));
  } catch {
    return undefined;
  }
}

/** Replaces a file by another one, whole or not at all. */
async function writeWhole(path: string, text: string): Promise<void> {
  const temporary = `${path}.${randomUUID()}.new`;
  await writeFile(temporary, text);
  await rename(temporary, path);
}

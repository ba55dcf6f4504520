import { setTimeout as wait } from "node:timers/promises";
import type { Logger } from "pino";
import { type Identity, isObject } from "@tessera/xdm";
import type { Metrics } from "../observe/metrics.ts";
import type { Sandbox } from "../sandbox.ts";
import { type EdgeAddress, servesRegions } from "./edge-address.ts";

/** Tells the edges of persons who changed: their memberships, attributes or identities. */
export interface Projector {
  /** Has every edge forget what it holds of identities; gives how many profiles went. Throws when one cannot be told. */
  readonly forget: (identities: readonly Identity[]) => Promise<number>;
  readonly close: () => Promise<void>;
}

/** What a projector is made of. */
export interface ProjectorOptions {
  readonly sandbox: Sandbox;
  readonly edges: readonly EdgeAddress[];
  readonly token: string;
  readonly clock: () => number;
  readonly metrics: Metrics;
  readonly log: Logger;
}

/** A person counts as active in a region for 14 days after the last activity there. */
const REGION_FRESH = 14 * 86_400_000;
const PAGE = 200;
/** Persons waiting for one edge at most; beyond it the oldest is dropped, and the edge asks for them itself later. */
const WAITING_MAX = 100_000;
const GATHER = 50;
const RETRY_FIRST = 500;
const RETRY_MOST = 30_000;

/**
 * Sends changed persons to `POST {edge}/internal/projections` of every region they were active in within 14 days, each
 * once with its latest state however often it changed meanwhile. A page that does not arrive is sent again, later and
 * later; an edge that is away holds up no other one.
 */
export function createProjector(options: ProjectorOptions): Projector {
  const stop = new AbortController();
  const lanes = options.edges.map((edge) => createLane(options, edge, stop.signal));
  const unfollow = options.sandbox.followPersons(({ persons }) => {
    const since = options.clock() - REGION_FRESH;
    for (const lane of lanes) {
      lane.add(
        persons
          .filter(({ regions }) => servesRegions(lane.edge, regions, since))
          .map(({ personId }) => personId),
      );
    }
  });
  return {
    forget: async (identities) => {
      const body = { projections: [], erased: identities };
      const answers = await Promise.all(lanes.map(({ edge }) => post(options, { edge, body }, stop.signal)));
      let forgotten = 0;
      for (const answer of answers) {
        if (answer === undefined)
          throw Object.assign(new Error("An edge did not answer."), { code: "EDGE_SILENT" });
        forgotten += answer.forgotten;
      }
      return forgotten;
    },
    close: async () => {
      unfollow();
      stop.abort();
      await Promise.all(lanes.map((lane) => lane.ended()));
    },
  };
}

/** The way to one edge: who waits for it, and the run that sends them. */
interface Lane {
  readonly edge: EdgeAddress;
  readonly add: (personIds: readonly string[]) => void;
  readonly ended: () => Promise<void>;
}

function createLane(options: ProjectorOptions, edge: EdgeAddress, signal: AbortSignal): Lane {
  const { sandbox, clock, metrics, log } = options;
  const waiting = new Set<string>();
  let running: Promise<void> | undefined;
  const add = (personIds: readonly string[]): void => {
    for (const id of personIds) {
      if (waiting.size >= WAITING_MAX) waiting.delete(waiting.values().next().value ?? "");
      waiting.add(id);
    }
    if (waiting.size > 0) running ??= run();
  };
  /** Whether the page arrived; a person who is in none of the edge's regions any more need not be told of. */
  const sendPage = async (personIds: readonly string[]): Promise<boolean> => {
    const persons = await sandbox.hub.edgeProjections(personIds);
    const since = clock() - REGION_FRESH;
    const projections = persons
      .filter(({ regions }) => servesRegions(edge, regions, since))
      .map(({ regions: _regions, ...projection }) => projection);
    if (projections.length === 0) return true;
    const arrived = (await post(options, { edge, body: { projections } }, signal)) !== undefined;
    metrics.projections.inc({ outcome: arrived ? "sent" : "failed" }, projections.length);
    return arrived;
  };
  const pause = (ms: number): Promise<void> => wait(ms, undefined, { signal }).catch(() => undefined);
  const run = async (): Promise<void> => {
    await pause(GATHER);
    let delay = RETRY_FIRST;
    while (waiting.size > 0 && !signal.aborted) {
      const page = [...waiting].slice(0, PAGE);
      page.forEach((id) => waiting.delete(id));
      const arrived = await sendPage(page).catch((error: unknown) => {
        log.error({ err: error }, "projecting to the edge failed");
        return false;
      });
      if (arrived) {
        delay = RETRY_FIRST;
        continue;
      }
      page.forEach((id) => waiting.add(id));
      await pause(delay);
      delay = Math.min(delay * 2, RETRY_MOST);
    }
    running = undefined;
  };
  return { edge, add, ended: async () => running };
}

async function post(
  { token, sandbox }: ProjectorOptions,
  { edge, body }: { readonly edge: EdgeAddress; readonly body: object },
  signal: AbortSignal,
): Promise<{ readonly forgotten: number } | undefined> {
  try {
    const response = await fetch(`${edge.url}/internal/projections`, {
      method: "POST",
      headers: {
        authorization: `Bearer ${token}`,
        "content-type": "application/json",
        "x-sandbox-name": sandbox.name,
      },
      body: JSON.stringify(body),
      redirect: "manual",
      signal: AbortSignal.any([signal, AbortSignal.timeout(10_000)]),
    });
    const answer: unknown = await response.json().catch(() => undefined);
    if (!response.ok) return undefined;
    const forgotten = isObject(answer) ? Number(answer["forgotten"] ?? 0) : 0;
    return { forgotten };
  } catch {
    return undefined;
  }
}

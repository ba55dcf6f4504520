import { setTimeout as wait } from "node:timers/promises";
import type { Logger } from "pino";
import { type Identity, isObject } from "@tessera/xdm";
import type { Metrics } from "../observe/metrics.ts";
import type { Sandbox } from "../sandbox.ts";

/** Tells the edge of persons who changed: their memberships, attributes or identities. */
export interface Projector {
  /** Has the edge forget what it holds of identities; gives how many profiles went. Throws when it cannot be told. */
  readonly forget: (identities: readonly Identity[]) => Promise<number>;
  readonly close: () => Promise<void>;
}

/** What a projector is made of. */
export interface ProjectorOptions {
  readonly sandbox: Sandbox;
  readonly edgeUrl: string;
  readonly token: string;
  readonly clock: () => number;
  readonly metrics: Metrics;
  readonly log: Logger;
}

/** A person counts as active in a region for 14 days after the last activity there. */
const REGION_FRESH = 14 * 86_400_000;
const PAGE = 200;
/** Persons waiting at most; beyond it the oldest is dropped, and the edge learns of them with the next lookup. */
const WAITING_MAX = 100_000;
const GATHER = 50;
const RETRY_FIRST = 500;
const RETRY_MOST = 30_000;

/**
 * Sends changed persons to `POST {edge}/internal/projections`, each once with its latest state however often it
 * changed meanwhile, and only persons who were active in a region within 14 days. A page that does not arrive is sent
 * again, later and later.
 */
export function createProjector(options: ProjectorOptions): Projector {
  const { sandbox, clock, metrics, log } = options;
  const waiting = new Set<string>();
  const stop = new AbortController();
  let running: Promise<void> | undefined;

  const projectPage = async (personIds: readonly string[]): Promise<void> => {
    const persons = await sandbox.hub.edgeProjections(personIds);
    const fresh = clock() - REGION_FRESH;
    const projections = persons
      .filter(({ regions }) => Object.values(regions ?? {}).some((at) => at >= fresh))
      .map(({ regions: _regions, ...projection }) => projection);
    if (projections.length === 0) return;
    for (let delay = RETRY_FIRST; !stop.signal.aborted; delay = Math.min(delay * 2, RETRY_MOST)) {
      if ((await post(options, { projections }, stop.signal)) !== undefined) {
        metrics.projections.inc({ outcome: "sent" }, projections.length);
        return;
      }
      metrics.projections.inc({ outcome: "failed" }, projections.length);
      await wait(delay, undefined, { signal: stop.signal }).catch(() => undefined);
    }
  };
  const run = async (): Promise<void> => {
    await wait(GATHER, undefined, { signal: stop.signal }).catch(() => undefined);
    while (waiting.size > 0 && !stop.signal.aborted) {
      const page = [...waiting].slice(0, PAGE);
      page.forEach((id) => waiting.delete(id));
      await projectPage(page).catch((error: unknown) =>
        log.error({ err: error }, "projecting to the edge failed"),
      );
    }
    running = undefined;
  };
  const unfollow = sandbox.followPersons(({ persons }) => {
    const fresh = clock() - REGION_FRESH;
    for (const { personId, regions } of persons) {
      if (!Object.values(regions ?? {}).some((at) => at >= fresh)) continue;
      if (waiting.size >= WAITING_MAX) waiting.delete(waiting.values().next().value ?? "");
      waiting.add(personId);
    }
    if (waiting.size > 0) running ??= run();
  });
  return {
    forget: async (identities) => {
      const answer = await post(options, { projections: [], erased: identities }, stop.signal);
      if (answer === undefined)
        throw Object.assign(new Error("The edge did not answer."), { code: "EDGE_SILENT" });
      return answer.forgotten;
    },
    close: async () => {
      unfollow();
      stop.abort();
      await running;
    },
  };
}

async function post(
  { edgeUrl, token, sandbox }: ProjectorOptions,
  body: object,
  signal: AbortSignal,
): Promise<{ readonly forgotten: number } | undefined> {
  try {
    const response = await fetch(`${edgeUrl}/internal/projections`, {
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

import { setTimeout as wait } from "node:timers/promises";
import { type HeldLease, type LeaseTerms, takeLease } from "./held-lease.ts";

/** Work that is divided into named parts, each done by one process at a time. */
export interface PartitionedWork extends LeaseTerms {
  /** What kind of work it is, such as `timers`; the leases are named after it. */
  readonly role: string;
  /** The parts there are now. */
  readonly parts: () => readonly string[] | Promise<readonly string[]>;
  /** Does the work of one part until `held.ended` is aborted. When it ends before, the part begins anew. */
  readonly work: (part: string, held: HeldLease) => Promise<void>;
  readonly onError: (what: string, error: unknown) => void;
}

/** Parts that this process works on. */
export interface Partitions {
  /** The parts whose lease this process holds. */
  readonly own: () => readonly string[];
  /** Ends the work and gives all parts up. */
  readonly close: () => Promise<void>;
}

interface Owned {
  readonly held: HeldLease;
  readonly running: Promise<void>;
}

/** Leases are renewed so many times within their time. */
const RENEWALS = 4;

/**
 * Takes this process's share of the parts and does their work. Every process that takes part keeps a lease that says so;
 * the parts are divided evenly among those, so that a process that comes gets its share, and the parts of one that
 * stops, dies or freezes go to the others when its leases have run out.
 */
export function startPartitions(work: PartitionedWork): Partitions {
  const { role, holder, leases, leaseMs, onError } = work;
  const owned = new Map<string, Owned>();
  /** Parts whose work has been asked to end, and that are given up when it has. */
  const leaving = new Map<string, Owned>();
  const stop = new AbortController();
  /** Work whose lease is lost and that has not noticed yet; nothing it does counts any more. */
  const lost = new Set<Promise<void>>();
  let presence: HeldLease | undefined;

  const begin = (part: string, held: HeldLease): void => {
    const run = async (): Promise<void> => {
      while (!held.ended.aborted) {
        await work.work(part, held).catch((error: unknown) => onError(`${role} ${part}`, error));
        if (!held.ended.aborted) await pause(leaseMs / RENEWALS, held.ended);
      }
    };
    owned.set(part, { held, running: run() });
  };
  /** The lease is given up when its work has come to its end: the next one must not begin before. */
  const give = (part: string): void => {
    const mine = owned.get(part);
    if (mine === undefined) return;
    owned.delete(part);
    mine.held.end();
    const running = mine.running
      .then(() => mine.held.release())
      .catch((error: unknown) => onError(`giving up ${role} ${part}`, error))
      .finally(() => leaving.delete(part));
    leaving.set(part, { held: mine.held, running });
  };
  const renew = async (): Promise<void> => {
    await Promise.all(
      [...owned, ...leaving].map(async ([part, { held, running }]) => {
        if (await held.renew().catch(() => held.isHeld())) return;
        held.end();
        if (owned.get(part)?.held !== held) return;
        owned.delete(part);
        lost.add(running);
        void running.then(() => lost.delete(running));
      }),
    );
  };
  const keepPresence = async (): Promise<void> => {
    if (presence !== undefined && (await presence.renew())) return;
    presence = await takeLease(`present/${role}/${holder}`, work);
  };
  const divide = async (): Promise<void> => {
    const parts = await work.parts();
    const members = await leases.held(`present/${role}/`);
    const share = Math.ceil(parts.length / Math.max(1, members.length));
    for (const part of owned.keys()) if (!parts.includes(part)) give(part);
    for (const part of [...owned.keys()].slice(share)) give(part);
    if (owned.size >= share) return;
    const taken = new Set((await leases.held(`${role}/`)).map(({ name }) => name));
    for (const part of parts) {
      if (owned.size >= share || stop.signal.aborted) return;
      const name = `${role}/${part}`;
      if (owned.has(part) || leaving.has(part) || taken.has(name)) continue;
      const held = await takeLease(name, work);
      if (held !== undefined) begin(part, held);
    }
  };
  const loop = async (): Promise<void> => {
    while (!stop.signal.aborted) {
      try {
        await renew();
        await keepPresence();
        await divide();
      } catch (error) {
        onError(`dividing ${role}`, error);
      }
      await pause(leaseMs / RENEWALS, stop.signal);
    }
    for (const part of owned.keys()) give(part);
    const gone = new AbortController();
    const left = Promise.all([...leaving.values()].map(({ running }) => running)).then(() => gone.abort());
    // What is still under way keeps its lease, so that nobody begins it anew beside it.
    while (!gone.signal.aborted) {
      await renew();
      await pause(leaseMs / RENEWALS, gone.signal);
    }
    await left;
    await presence?.release().catch((error: unknown) => onError(`giving up ${role}`, error));
    await Promise.all(lost);
  };
  const running = loop();
  return {
    own: () => [...owned.keys()],
    close: async () => {
      stop.abort();
      await running;
    },
  };
}

async function pause(ms: number, signal: AbortSignal): Promise<void> {
  await wait(ms, undefined, { signal }).catch(() => undefined);
}

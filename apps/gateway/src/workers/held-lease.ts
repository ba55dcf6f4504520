import type { Lease, Leases } from "@tessera/store-mongodb";

/** A lease that this process holds, as far as it knows. */
export interface HeldLease {
  readonly lease: Lease;
  /**
   * Whether the lease surely still runs. Asked before anything that cannot be taken back, such as telling a destination:
   * what is written is refused by the store itself once the lease is lost. After a freeze it is false at once.
   */
  readonly isHeld: () => boolean;
  /** Aborted when the work is to end: the lease is lost, or is about to be given up. */
  readonly ended: AbortSignal;
  /** Holds it for its whole time from now; false, and ended, when it is lost. */
  readonly renew: () => Promise<boolean>;
  /** Asks the work to end. */
  readonly end: () => void;
  /** Gives it up once its work has ended, so that the next one need not wait. */
  readonly release: () => Promise<void>;
}

/** What leases are taken with. Times are milliseconds. */
export interface LeaseTerms {
  readonly leases: Pick<Leases, "acquire" | "renew" | "release" | "held">;
  /** Who holds them: another name for each process. */
  readonly holder: string;
  readonly leaseMs: number;
  /** A clock that goes on while the process is frozen, and that nobody sets. */
  readonly monotonic: () => number;
}

/** Takes a lease; undefined when somebody else holds it. */
export async function takeLease(name: string, terms: LeaseTerms): Promise<HeldLease | undefined> {
  const { leases, holder, leaseMs, monotonic } = terms;
  // Counted from before the call: the server began later, so the lease ends there later than here.
  let until = monotonic() + leaseMs;
  const lease = await leases.acquire(name, holder, leaseMs);
  if (lease === undefined) return undefined;
  const end = new AbortController();
  const lose = (): void => {
    until = -Infinity;
    end.abort();
  };
  const isHeld = (): boolean => monotonic() < until;
  return {
    lease,
    isHeld,
    ended: end.signal,
    renew: async () => {
      const asked = monotonic();
      try {
        if (await leases.renew(lease, leaseMs)) until = asked + leaseMs;
        else lose();
      } catch (error) {
        // The deployment is out of reach: the lease runs on until its time is over.
        if (!isHeld()) lose();
        throw error;
      }
      // Frozen in the middle of the call: its time may be over although the server said yes.
      const held = isHeld();
      if (!held) lose();
      return held;
    },
    end: () => end.abort(),
    release: async () => {
      lose();
      await leases.release(lease);
    },
  };
}

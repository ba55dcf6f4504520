import { setTimeout as wait } from "node:timers/promises";
import type { Lease } from "@tessera/store-mongodb";
import { expect, test } from "vitest";
import { type LeaseTerms, takeLease } from "./held-lease.ts";
import { type Partitions, startPartitions } from "./partitions.ts";

const LEASE = 80;

/** Leases on a clock that a test moves; `duringRenew` happens after the server said yes and before the answer is read. */
function fakeLeases(): {
  readonly leases: LeaseTerms["leases"];
  readonly clock: { now: number };
  readonly holderOf: (name: string) => string | undefined;
  duringRenew: () => void;
} {
  const known = new Map<string, Lease & { until: number }>();
  const clock = { now: 0 };
  const current = (name: string): (Lease & { until: number }) | undefined => {
    const lease = known.get(name);
    return lease !== undefined && lease.until > clock.now ? lease : undefined;
  };
  const made = {
    clock,
    holderOf: (name: string) => current(name)?.holder,
    duringRenew: (): void => undefined,
    leases: {
      acquire: async (name: string, holder: string, ms: number) => {
        if (current(name) !== undefined) return undefined;
        const lease = { name, holder, token: (known.get(name)?.token ?? 0) + 1, until: clock.now + ms };
        known.set(name, lease);
        return { name, holder, token: lease.token };
      },
      renew: async ({ name, token }: Lease, ms: number) => {
        const lease = current(name);
        if (lease?.token !== token) return false;
        lease.until = clock.now + ms;
        made.duringRenew();
        return true;
      },
      release: async ({ name, token }: Lease) => {
        const lease = known.get(name);
        if (lease?.token === token) lease.until = 0;
      },
      held: async (prefix: string) =>
        [...known.values()].filter(({ name }) => name.startsWith(prefix) && current(name) !== undefined),
    },
  };
  return made;
}

function termsOf({ leases, clock }: ReturnType<typeof fakeLeases>, holder: string): LeaseTerms {
  return { leases, holder, leaseMs: LEASE, monotonic: () => clock.now };
}

async function aborted(signal: AbortSignal): Promise<void> {
  if (!signal.aborted) await new Promise((resolve) => signal.addEventListener("abort", resolve));
}

test("a process frozen in the middle of a renewal has lost the lease, although the server said yes", async () => {
  const fake = fakeLeases();
  const held = await takeLease("timers/0", termsOf(fake, "a"));
  fake.duringRenew = () => (fake.clock.now += LEASE * 2);
  expect(await held?.renew()).toBe(false);
  expect([held?.isHeld(), held?.ended.aborted]).toEqual([false, true]);
});

test("work whose lease is lost in the middle of a renewal ends, so that the process can stop", async () => {
  const fake = fakeLeases();
  let ended = 0;
  const parts = startPartitions({
    ...termsOf(fake, "a"),
    role: "deliver",
    parts: () => ["d"],
    onError: () => undefined,
    work: async (_part, held) => {
      await aborted(held.ended);
      ended += 1;
    },
  });
  await expect.poll(() => parts.own()).toEqual(["d"]);
  fake.duringRenew = () => {
    fake.clock.now += LEASE * 2;
    fake.duringRenew = () => undefined;
  };
  await expect.poll(() => ended).toBe(1);
  await expect.poll(() => parts.own()).toEqual(["d"]);
  await parts.close();
  expect(ended).toBe(2);
});

test("a part that takes its time to end is nobody else's meanwhile, and the other parts stay", async () => {
  const fake = fakeLeases();
  const finish = new AbortController();
  const busy: string[] = [];
  const begin = (holder: string): Partitions =>
    startPartitions({
      ...termsOf(fake, holder),
      role: "batch",
      parts: () => ["0", "1"],
      onError: () => undefined,
      work: async (part, held) => {
        busy.push(`${holder} ${part}`);
        await aborted(held.ended);
        if (holder === "a") await aborted(finish.signal);
      },
    });
  const first = begin("a");
  await expect.poll(() => first.own()).toEqual(["0", "1"]);
  const second = begin("b");
  await expect.poll(() => first.own()).toEqual(["0"]);
  // The lease would have run out several times over, had it not been renewed.
  for (let turn = 0; turn < 12; turn += 1) {
    await wait(LEASE / 2);
    fake.clock.now += LEASE / 4;
  }
  expect([fake.holderOf("batch/0"), fake.holderOf("batch/1")]).toEqual(["a", "a"]);
  expect(busy).toEqual(["a 0", "a 1"]);
  finish.abort();
  await expect.poll(() => fake.holderOf("batch/1")).toBe("b");
  expect(busy).toEqual(["a 0", "a 1", "b 1"]);
  await Promise.all([first.close(), second.close()]);
  expect([fake.holderOf("batch/0"), fake.holderOf("batch/1")]).toEqual([undefined, undefined]);
});

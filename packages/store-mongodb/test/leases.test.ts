import { setTimeout as wait } from "node:timers/promises";
import type { HubCommit } from "@tessera/profile-store";
import { expect, test } from "vitest";
import type { Lease } from "../src/index.ts";
import { withMongo } from "./deployment.ts";

const LONG = 60_000;

function counting(name: string): HubCommit {
  return {
    persons: [],
    events: [],
    records: [],
    memberships: [],
    outbox: [],
    quarantine: [],
    documents: [],
    counters: { [name]: 1 },
  };
}

function held(lease: Lease | undefined): Lease {
  if (lease === undefined) throw new Error("The lease should have been free.");
  return lease;
}

withMongo("leases", ({ open }) => {
  test("one holder at a time; the token grows with each hand over", async () => {
    const store = await open();
    const { leases } = store;
    const first = held(await leases.acquire("timers", "a", LONG));
    expect(await leases.acquire("timers", "b", LONG)).toBeUndefined();
    expect(await leases.acquire("$other 'name'", "b", LONG)).toMatchObject({ holder: "b", token: 1 });
    expect(await leases.renew(first, LONG)).toBe(true);
    await leases.release(first);
    expect(await leases.renew(first, LONG)).toBe(false);
    const second = held(await leases.acquire("timers", "b", LONG));
    expect(second.token).toBeGreaterThan(first.token);
    await leases.release(first);
    expect(await leases.renew(second, LONG)).toBe(true);
    await store.close();
  });

  test("one of many who ask at once gets it", async () => {
    const store = await open();
    const asked = await Promise.all(
      Array.from({ length: 8 }, (_, index) => store.leases.acquire("batch", `w${index}`, LONG)),
    );
    expect(asked.filter((lease) => lease !== undefined)).toHaveLength(1);
    await store.close();
  });

  test("who lost the lease cannot write any more, whoever holds it now", async () => {
    const store = await open();
    const frozen = held(await store.leases.acquire("deliver", "frozen", 150));
    const late = store.under(frozen);
    expect(await late.commit(counting("in time"))).toEqual({ ok: true });
    await wait(300);
    await expect(late.commit(counting("late"))).rejects.toMatchObject({
      code: "mongodb.fenced",
      retryable: false,
    });
    const next = held(await store.leases.acquire("deliver", "next", LONG));
    await expect(late.commit(counting("late"))).rejects.toMatchObject({ code: "mongodb.fenced" });
    expect(await store.under(next).commit(counting("next"))).toEqual({ ok: true });
    expect(await late.counters()).toEqual({ "in time": 1, next: 1 });
    expect(await store.leases.renew(frozen, LONG)).toBe(false);
    await store.close();
  });

  test("many commits under one lease all succeed", async () => {
    const store = await open();
    const mine = store.under(held(await store.leases.acquire("derive", "a", LONG)));
    const results = await Promise.all(Array.from({ length: 12 }, () => mine.commit(counting("n"))));
    expect(results.every((result) => result.ok)).toBe(true);
    expect(await store.counters()).toEqual({ n: 12 });
    await store.close();
  });
});

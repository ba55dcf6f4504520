import { identityKey } from "@tessera/xdm";
import { describe, expect, it } from "vitest";
import { EDGE_PROFILE_TTL, type EdgeProfile, newProfile } from "../edge-profile.ts";
import { ProfileObject } from "./profile-object.ts";
import type { DurableState } from "./workers-types.ts";

const ADA = { namespace: "CRMID", id: "ada" };
const profile = (at: number): EdgeProfile => newProfile(identityKey(ADA), [ADA], at);

/** The storage of one object: what outlives it. `losesAlarms`: forgetting everything forgets the alarm too. */
class Disk {
  rows: ReadonlyMap<string, unknown> = new Map();
  alarmAt: number | undefined;
  losesAlarms = false;

  state(): DurableState {
    const later = <T>(work: () => T): Promise<T> => new Promise((done) => setTimeout(() => done(work()), 1));
    return {
      storage: {
        get: <T>(key: string) => later(() => this.rows.get(key) as T | undefined),
        put: (key: unknown, value?: unknown) =>
          later(() => void (this.rows = new Map([...this.rows, [String(key), value]]))),
        delete: () => Promise.reject(new Error("unused")),
        deleteAll: () =>
          later(() => {
            this.rows = new Map();
            if (this.losesAlarms) this.alarmAt = undefined;
          }),
        list: () => Promise.reject(new Error("unused")),
        getAlarm: () => later(() => this.alarmAt ?? null),
        setAlarm: (at) => later(() => void (this.alarmAt = at)),
      },
      blockConcurrencyWhile: (work) => work(),
      waitUntil: () => undefined,
    };
  }
}

const url = (now: number, expected?: number): string =>
  `https://profile/?now=${now}${expected === undefined ? "" : `&expected=${expected}`}`;
const put = async (object: ProfileObject, at: number, expected: number): Promise<number> => {
  const body = JSON.stringify(profile(at));
  return (await object.fetch(new Request(url(at, expected), { method: "PUT", body }))).status;
};
const get = async (object: ProfileObject, now: number): Promise<unknown> => {
  const response = await object.fetch(new Request(url(now)));
  return response.status === 200 ? response.json() : undefined;
};

describe("the profile object", () => {
  it("of writes at the same time on top of the same version, one counts", async () => {
    const object = new ProfileObject(new Disk().state());
    const statuses = await Promise.all([1, 2, 3, 4].map((at) => put(object, at, 0)));
    expect(statuses.toSorted()).toEqual([200, 409, 409, 409]);
    expect(await get(object, 4)).toMatchObject({ version: 1 });
    expect((await Promise.all([put(object, 5, 1), put(object, 6, 1)])).toSorted()).toEqual([200, 409]);
  });

  it("outlives its object, and is gone 14 days after the last activity", async () => {
    const disk = new Disk();
    await put(new ProfileObject(disk.state()), 10, 0);
    const next = new ProfileObject(disk.state());
    expect(await get(next, 9 + EDGE_PROFILE_TTL)).toMatchObject({ lastActivityAt: 10 });
    expect(await get(next, 10 + EDGE_PROFILE_TTL)).toBeUndefined();
    expect(await put(next, 10 + EDGE_PROFILE_TTL, 0)).toBe(200);
  });

  it("an alarm waits for it from the first write on, and forgets it when its time is over", async () => {
    const disk = new Disk();
    const object = new ProfileObject(disk.state());
    await put(object, 10, 0);
    expect(disk.alarmAt).toBe(10 + EDGE_PROFILE_TTL);
    await put(object, 500, 1);
    expect(disk.alarmAt, "later activity is looked at when it fires").toBe(10 + EDGE_PROFILE_TTL);
    disk.alarmAt = undefined;
    await object.alarm();
    expect(disk.rows.size, "the clock is far beyond").toBe(0);
  });

  it("has an alarm again after it was forgotten and came back", async () => {
    for (const losesAlarms of [true, false]) {
      const disk = new Disk();
      disk.losesAlarms = losesAlarms;
      const object = new ProfileObject(disk.state());
      await put(object, 10, 0);
      await object.fetch(new Request(url(11), { method: "DELETE" }));
      expect(await get(object, 12)).toBeUndefined();
      await put(object, 20, 0);
      expect(disk.alarmAt).toBeDefined();
    }
  });
});

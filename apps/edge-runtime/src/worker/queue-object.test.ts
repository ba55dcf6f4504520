import { describe, expect, it } from "vitest";
import type { ForwardBatch, SendOutcome } from "../forward-queue.ts";
import type { ForwardEntry } from "../hub-link.ts";
import { ForwardQueueObject, writeEntries } from "./queue-object.ts";
import type { DurableState } from "./workers-types.ts";

/** The storage of one object as the platform documents it: what outlives the object, and its limits. */
class Disk {
  readonly rows: Map<string, unknown> = new Map();
  alarmAt: number | undefined;
  breaks = false;

  state(): DurableState {
    const put = async (keyOrRows: string | Record<string, unknown>, value?: unknown): Promise<void> => {
      const rows = typeof keyOrRows === "string" ? { [keyOrRows]: value } : keyOrRows;
      if (Object.keys(rows).length > 128) throw new RangeError("At most 128 keys in one call.");
      for (const [key, row] of Object.entries(rows)) this.rows.set(key, structuredClone(row));
    };
    return {
      storage: {
        get: async <T>(key: string) => this.rows.get(key) as T | undefined,
        put,
        delete: async (keys) => {
          if (keys.length > 128) throw new RangeError("At most 128 keys in one call.");
          for (const key of [keys].flat()) this.rows.delete(key);
        },
        deleteAll: async () => this.rows.clear(),
        list: async <T>(options: Parameters<DurableState["storage"]["list"]>[0]) => {
          if (this.breaks) throw new Error("The disk does not answer.");
          const { prefix, limit, end, startAfter, reverse } = options;
          const keys = [...this.rows.keys()]
            .filter((key) => key.startsWith(prefix) && (end === undefined || key < end))
            .filter((key) => startAfter === undefined || key > startAfter)
            .sort((a, b) => (a < b ? -1 : 1));
          if (reverse === true) keys.reverse();
          return new Map(keys.slice(0, limit).map((key) => [key, this.rows.get(key) as T]));
        },
        getAlarm: async () => this.alarmAt ?? null,
        setAlarm: async (at) => void (this.alarmAt = at),
      },
      blockConcurrencyWhile: (work) => work(),
      waitUntil: (work) => void work.catch(() => undefined),
    };
  }

  get waiting(): number {
    return [...this.rows.keys()].filter((key) => key.startsWith("q:")).length;
  }

  get refused(): readonly unknown[] {
    return [...this.rows].filter(([key]) => key.startsWith("refused:")).map(([, row]) => row);
  }
}

/** A hub that answers as told, and remembers what it took. */
class Hub {
  readonly taken: string[] = [];
  answer: (batch: ForwardBatch) => Promise<SendOutcome> = async () => ({ kind: "accepted", rejected: 0 });

  readonly send = async (batch: ForwardBatch): Promise<SendOutcome> => {
    const outcome = await this.answer(batch);
    if (outcome.kind === "accepted")
      this.taken.push(...batch.bodies.map((body) => (JSON.parse(body) as { _id: string })._id));
    return outcome;
  };
}

const entry = (id: string): ForwardEntry => ({
  kind: "event",
  datasetId: "web",
  orderKey: "visitor",
  body: { _id: id },
});
const ids = (from: number, to: number): readonly string[] =>
  Array.from({ length: to - from }, (_, index) => `e${from + index}`);
const append = async (object: ForwardQueueObject, names: readonly string[]): Promise<void> => {
  const body = writeEntries(names.map(entry));
  const response = await object.fetch(new Request("https://queue/", { method: "POST", body }));
  expect(response.status).toBe(200);
};
const start = (disk: Disk, hub: Hub): ForwardQueueObject =>
  new ForwardQueueObject(disk.state(), { hub, delivered: async () => undefined });
/** The platform's part: calls the alarm that is due. */
const fireAlarm = async (disk: Disk, object: ForwardQueueObject): Promise<void> => {
  expect(disk.alarmAt, "an alarm is set").toBeDefined();
  disk.alarmAt = undefined;
  await object.alarm();
};

describe("the queue object", () => {
  it("takes more entries at once than the platform writes in one call, and sends them in order", async () => {
    const [disk, hub] = [new Disk(), new Hub()];
    const object = start(disk, hub);
    await append(object, ids(0, 700));
    await append(object, ids(700, 710));
    await expect.poll(() => hub.taken).toEqual(ids(0, 710));
    await expect.poll(() => disk.waiting).toBe(0);
  });

  it("an object that ends at any moment leaves an alarm, and the next one goes on in order", async () => {
    const [disk, hub] = [new Disk(), new Hub()];
    hub.answer = () => new Promise(() => undefined);
    const first = start(disk, hub);
    await append(first, ids(0, 3));
    expect(disk.alarmAt).toBeDefined();
    // The alarm comes while the first one still sends: it must not be the last.
    await expect.poll(() => disk.waiting).toBe(3);
    await new Promise((done) => setTimeout(done, 30));
    await fireAlarm(disk, first);
    expect(disk.alarmAt, "watches on").toBeDefined();
    // Here the first one is gone.
    hub.answer = async () => ({ kind: "accepted", rejected: 0 });
    const second = start(disk, hub);
    await fireAlarm(disk, second);
    expect(hub.taken).toEqual(ids(0, 3));
    expect(disk.waiting).toBe(0);
    const third = start(disk, hub);
    await append(third, ids(3, 5));
    await expect.poll(() => hub.taken).toEqual(ids(0, 5));
  });

  it("waits for its alarm while the hub or the disk fails, and then sends everything", async () => {
    const [disk, hub] = [new Disk(), new Hub()];
    hub.answer = async () => ({ kind: "retry" });
    const object = start(disk, hub);
    await append(object, ids(0, 2));
    await expect
      .poll(async () => (await (await object.fetch(new Request("https://queue/"))).json()) as object)
      .toMatchObject({
        waiting: 2,
        failures: 1,
      });
    await append(object, ids(2, 4));
    hub.answer = async () => ({ kind: "accepted", rejected: 0 });
    disk.breaks = true;
    await fireAlarm(disk, object);
    disk.breaks = false;
    await fireAlarm(disk, object);
    expect(hub.taken).toEqual(ids(0, 4));
  });

  it("what comes while the last batch is under way is not left behind", async () => {
    const [disk, hub] = [new Disk(), new Hub()];
    const object = start(disk, hub);
    const late: Promise<void>[] = [];
    hub.answer = async () => {
      if (late.length < 5) late.push(append(object, [`late${late.length}`]));
      return { kind: "accepted", rejected: 0 };
    };
    await append(object, ids(0, 1));
    await expect.poll(() => hub.taken).toHaveLength(6);
    await expect.poll(() => disk.waiting).toBe(0);
  });

  it("keeps every entry that the hub refuses for good, and sends the others", async () => {
    const [disk, hub] = [new Disk(), new Hub()];
    hub.answer = async ({ bodies }) =>
      bodies.some((body) => /"e[123]"/.test(body))
        ? { kind: "refused", status: 422 }
        : { kind: "accepted", rejected: 0 };
    await append(start(disk, hub), ids(0, 5));
    await expect.poll(() => hub.taken).toEqual(["e0", "e4"]);
    expect(disk.refused).toEqual(["e1", "e2", "e3"].map((id) => ({ entry: entry(id), status: 422 })));
  });

  it("tells of entries that brought identities together, once they have arrived", async () => {
    const [disk, hub] = [new Disk(), new Hub()];
    const told: (readonly Pick<ForwardEntry, "refresh">[])[] = [];
    const object = new ForwardQueueObject(disk.state(), {
      hub,
      delivered: async (entries) => void told.push(entries),
    });
    const stitch: ForwardEntry = { ...entry("login"), refresh: { namespace: "ECID", id: "1" } };
    await object.fetch(new Request("https://queue/", { method: "POST", body: writeEntries([stitch]) }));
    const { body: _sent, ...about } = stitch;
    await expect.poll(() => told).toEqual([[about]]);
  });

  it("goes on with entries as they were stored before", async () => {
    const [disk, hub] = [new Disk(), new Hub()];
    disk.rows.set(`q:${"0".padStart(16, "0")}`, entry("older"));
    const object = start(disk, hub);
    await append(object, ["newer"]);
    await expect.poll(() => hub.taken).toEqual(["older", "newer"]);
  });
});

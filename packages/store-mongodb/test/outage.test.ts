import { setTimeout as wait } from "node:timers/promises";
import { connect, createServer, type Server, type Socket } from "node:net";
import type { HubCommit } from "@tessera/profile-store";
import { expect, test } from "vitest";
import { MongoStoreError } from "../src/index.ts";
import { withMongo } from "./deployment.ts";

const WRITES = 60;

/** A wire to the deployment that can be cut and mended. */
class Wire {
  readonly #host: string;
  readonly #port: number;
  readonly #sockets = new Set<Socket>();
  #server: Server | undefined;
  #listening = 0;

  constructor(uri: string) {
    const { hostname, port } = new URL(uri);
    this.#host = hostname;
    this.#port = Number(port === "" ? 27017 : port);
  }

  /** Listens (on the port it had before, if any) and gives the port. */
  async mend(): Promise<number> {
    this.#server = createServer((near) => {
      const far = connect(this.#port, this.#host);
      for (const socket of [near, far]) {
        this.#sockets.add(socket);
        socket.on("error", () => socket.destroy());
        socket.on("close", () => this.#sockets.delete(socket));
      }
      near.pipe(far).pipe(near);
      near.on("close", () => far.destroy());
      far.on("close", () => near.destroy());
    });
    await new Promise<void>((resolve) => this.#server?.listen(this.#listening, "127.0.0.1", resolve));
    const address = this.#server.address();
    this.#listening = typeof address === "object" && address !== null ? address.port : 0;
    return this.#listening;
  }

  async cut(): Promise<void> {
    const closed = new Promise<void>((resolve) => this.#server?.close(() => resolve()));
    for (const socket of this.#sockets) socket.destroy();
    await closed;
  }
}

function commitOf(id: string): HubCommit {
  return {
    persons: [],
    events: [{ id, datasetId: "web", owner: "A:1", identities: ["A:1"], at: 1, ingestedAt: 1 }],
    records: [],
    memberships: [],
    outbox: [],
    quarantine: [],
    documents: [],
    counters: { n: 1 },
  };
}

withMongo("an outage", ({ uri, fresh, open }) => {
  test(
    "gives retryable errors, loses nothing acknowledged, and ends by itself",
    { timeout: 120_000 },
    async () => {
      const wire = new Wire(uri);
      const port = await wire.mend();
      const database = fresh();
      const store = await open({
        database,
        uri: `mongodb://127.0.0.1:${port}/?directConnection=true`,
        clientOptions: { serverSelectionTimeoutMS: 200 },
      });
      const acknowledged: string[] = [];
      const failures: unknown[] = [];
      const write = async (id: string): Promise<void> => {
        try {
          if ((await store.commit(commitOf(id))).ok) acknowledged.push(id);
        } catch (failure) {
          failures.push(failure);
        }
      };
      const writing = Array.from({ length: WRITES }, (_, index) => write(`before ${index}`));
      await writing[0];
      await wire.cut();
      await Promise.all([...writing, write("during")]);
      expect(failures.length).toBeGreaterThan(0);
      for (const failure of failures) {
        expect(failure).toBeInstanceOf(MongoStoreError);
        expect(failure).toMatchObject({ code: "mongodb.unavailable", retryable: true });
      }
      await expect(store.totals()).rejects.toMatchObject({ retryable: true });

      await wire.mend();
      // What the server still holds open of a writer it lost, it lets go of after a minute at the latest.
      await expect
        .poll(() => store.commit(commitOf("after")).catch((error: unknown) => error), {
          timeout: 90_000,
          interval: 100,
        })
        .toEqual({ ok: true });
      const stored = (await store.events(["A:1"])).map((event) => event.id);
      expect([...acknowledged, "after"].filter((id) => !stored.includes(id))).toEqual([]);
      expect(new Set(stored).size).toBe(stored.length);
      expect((await store.counters())["n"]).toBe(stored.length);
      await store.close();
      await wire.cut();
    },
  );

  test("is over once the deployment is back, whenever it began", { timeout: 120_000 }, async () => {
    const wire = new Wire(uri);
    const port = await wire.mend();
    const store = await open({
      uri: `mongodb://127.0.0.1:${port}/?directConnection=true`,
      clientOptions: { serverSelectionTimeoutMS: 200 },
    });
    const ask = (): Promise<unknown> => store.totals().catch((error: unknown) => error);
    for (let outage = 0; outage < 6; outage += 1) {
      let isOn = true;
      const asking = Array.from({ length: 20 }, async () => {
        while (isOn) await ask();
      });
      // Long enough after the last check of the server that an unasked one would be sent at once.
      await wait(700 + outage * 200);
      isOn = false;
      await wire.cut();
      await Promise.all(asking);
      await wait(100);
      await wire.mend();
      await expect.poll(ask, { timeout: 10_000, interval: 100 }).toHaveProperty("persons");
    }
    await store.close();
    await wire.cut();
  });
});

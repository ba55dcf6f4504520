import { type ChildProcess, spawn } from "node:child_process";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";
import { withMongo } from "./deployment.ts";

const WRITER = fileURLToPath(new URL("./writer.ts", import.meta.url));
const EACH = 40;
const KILLED_AFTER = 7;

withMongo("several processes", ({ uri, fresh, open }) => {
  test(
    "four write to the same three persons, one is killed: nothing is lost and nothing is doubled",
    { timeout: 180_000 },
    async () => {
      const database = fresh();
      const store = await open({ database });
      const acknowledged: string[] = [];
      const children = ["a", "b", "c", "killed"].map((name) => {
        const child = writer(uri, database, name);
        let lines = 0;
        child.stdout?.on("data", (chunk: Buffer) => {
          const ids = chunk.toString().split("\n").filter(Boolean);
          acknowledged.push(...ids);
          lines += ids.length;
          if (name === "killed" && lines >= KILLED_AFTER) child.kill("SIGKILL");
        });
        return child;
      });
      const ends = await Promise.all(children.map(ended));
      expect(ends.map(({ code, signal }) => code ?? signal)).toEqual([0, 0, 0, "SIGKILL"]);

      const owners = ["P:0", "P:1", "P:2"];
      const { persons } = await store.load(owners, []);
      const events = await store.events(owners);
      const ids = events.map((event) => event.id);
      expect(new Set(ids).size).toBe(ids.length);
      expect(acknowledged.filter((id) => !ids.includes(id))).toEqual([]);
      // At most one commit of the killed one was on its way.
      expect(ids.length - acknowledged.length).toBeLessThanOrEqual(1);
      expect([...persons.values()].reduce((sum, person) => sum + person.eventCount, 0)).toBe(ids.length);
      for (const [id, person] of persons) {
        expect(person.fragments.map(({ body }) => body)).toEqual([{ version: person.version }]);
        expect(await store.membershipLog(id)).toHaveLength(person.version);
      }
      expect(await store.counters()).toEqual({ events: ids.length });
      expect((await store.totals()).events).toBe(ids.length);
      const outbox = await store.outbox("d", 0, 10_000);
      expect(outbox).toHaveLength(ids.length);
      expect(new Set(outbox.map((entry) => entry.sequence)).size).toBe(ids.length);
      await store.close();
    },
  );
});

function writer(uri: string, database: string, name: string): ChildProcess {
  const args = ["--conditions=@tessera/source", WRITER, uri, database, name, String(EACH)];
  return spawn(process.execPath, args, { stdio: ["ignore", "pipe", "inherit"] });
}

function ended(
  child: ChildProcess,
): Promise<{ readonly code: number | null; readonly signal: string | null }> {
  return new Promise((resolve) => child.on("close", (code, signal) => resolve({ code, signal })));
}

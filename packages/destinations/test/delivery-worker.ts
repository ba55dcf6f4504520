// A worker process over files, to be killed: node delivery-worker.ts <folder> <receiver address>
import { appendFileSync, existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import {
  catalogEntry,
  createDeliveryEngine,
  createMemoryOutbox,
  createRelayedOutbox,
  httpProfileExport,
  type OutboxItem,
} from "@tessera/destinations";
import { fetchSend, realSleep } from "./fetch-send.ts";

const [folder = "", url = ""] = process.argv.slice(2);
const lines = (name: string): readonly string[] =>
  existsSync(join(folder, name)) ? readFileSync(join(folder, name), "utf8").split("\n").filter(Boolean) : [];
const acknowledged = new Set(lines("acknowledged.txt"));
const items = lines("queue.ndjson").map((line, index) => ({
  sequence: index + 1,
  item: JSON.parse(line) as OutboxItem,
}));
const store = createRelayedOutbox({
  source: {
    read: async (_, after, limit) =>
      items.filter(({ sequence, item }) => sequence > after && !acknowledged.has(item.id)).slice(0, limit),
    append: async () => undefined,
    acknowledge: async (ids) =>
      appendFileSync(join(folder, "acknowledged.txt"), ids.map((id) => `${id}\n`).join("")),
  },
  journal: {
    ...createMemoryOutbox(),
    record: async (finished) =>
      appendFileSync(
        join(folder, "journal.txt"),
        finished.map(({ item, outcome }) => `${item.id} ${outcome.kind}\n`).join(""),
      ),
  },
});
const configured = catalogEntry(httpProfileExport).configure(
  { id: "d1", name: "hook" },
  { url, batchSize: 5 },
);
if (!configured.ok) throw new Error("settings refused");
const engine = createDeliveryEngine(
  {
    outbox: store,
    destination: () => configured.value,
    dataflow: () => ({ audiences: [], mapping: [] }),
    send: fetchSend,
    sleep: realSleep,
    now: () => Date.now(),
    random: () => Math.random(),
  },
  { worker: `w${process.pid}`, orgId: "org", sandbox: "prod", idleMs: 5, concurrency: 2 },
);
await engine.run(() => ["d1"], new AbortController().signal);

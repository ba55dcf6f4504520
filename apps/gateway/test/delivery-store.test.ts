import { createRelayedOutbox } from "@tessera/destinations";
import { outboxCases } from "@tessera/destinations/conformance";
import { createMemoryStore } from "@tessera/profile-store";
import { openSqliteStore } from "@tessera/store-sqlite";
import { afterEach, describe, it } from "vitest";
import { createJournal } from "../src/delivery/journal.ts";
import { outboxSource } from "../src/delivery/outbox-source.ts";

const opened: { readonly close: () => Promise<void> }[] = [];
afterEach(async () => {
  for (const store of opened.splice(0)) await store.close();
});

describe.each([
  ["memory", createMemoryStore],
  ["SQLite", () => openSqliteStore({ path: ":memory:" })],
] as const)("delivery over the hub's outbox and the journal, in %s", (_, open) => {
  const cases = outboxCases(async () => {
    const store = open();
    opened.push(store);
    return createRelayedOutbox({ source: outboxSource(store), journal: createJournal(store) });
  });
  for (const { name, run } of cases) it(name, run);
});

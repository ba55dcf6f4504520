import { createMemoryStore, type HubStore } from "@tessera/profile-store";
import { describe, expect, it, vi } from "vitest";
import type { AuditEntry } from "./audit-entry.ts";
import { type AuditPages, openAuditPages } from "./audit-pages.ts";

function entry(minute: number, action: string): AuditEntry {
  const at = new Date(minute * 60_000).toISOString();
  return { at, principal: "key:1", sandbox: "prod", requestId: "r", action, subject: "s" };
}

function opened(store: HubStore, processId: string, kept = 1_000): { pages: AuditPages; errors: unknown[] } {
  const errors: unknown[] = [];
  return {
    pages: openAuditPages(store, { processId, kept, onError: (error) => errors.push(error) }),
    errors,
  };
}

const actionsOf = async (pages: AuditPages): Promise<readonly string[]> =>
  (await pages.entries()).map(({ action }) => action);

describe("audit pages", () => {
  it("tell the lines of all processes in the order of time, each once", async () => {
    const store = createMemoryStore();
    const [one, other] = [opened(store, "one").pages, opened(store, "other").pages];
    for (let minute = 0; minute < 500; minute += 1)
      (minute % 2 === 0 ? one : other).add(entry(minute, `${minute}`));
    expect((await actionsOf(one)).length).toBe(250);
    await Promise.all([one.close(), other.close()]);
    const all = Array.from({ length: 500 }, (_, minute) => `${minute}`);
    expect(await actionsOf(one)).toEqual(all);
    expect(await actionsOf(opened(store, "third").pages)).toEqual(all);
  });

  it("are written by themselves soon after", async () => {
    const store = createMemoryStore();
    opened(store, "one").pages.add(entry(1, "look"));
    await vi.waitFor(async () => expect(await actionsOf(opened(store, "two").pages)).toEqual(["look"]));
  });

  it("lose nothing and tell nothing twice while answers of the store get lost", async () => {
    const store = createMemoryStore();
    let calls = 0;
    const flaky = new Proxy(store, {
      get: (target, name) =>
        name !== "commit"
          ? (Reflect.get(target, name) as unknown)
          : async (...given: Parameters<HubStore["commit"]>) => {
              calls += 1;
              if (calls % 3 === 1) throw new Error("away");
              const answer = await target.commit(...given);
              if (calls % 3 === 2) throw new Error("the answer was lost");
              return answer;
            },
    });
    const { pages, errors } = opened(flaky, "one");
    for (let round = 0; round < 8; round += 1) {
      pages.add(entry(round, `${round}`));
      await pages.close();
    }
    await pages.close();
    expect(errors.length).toBeGreaterThan(0);
    expect(await actionsOf(opened(store, "two").pages)).toEqual(["0", "1", "2", "3", "4", "5", "6", "7"]);
  });

  it("let go of the oldest, page by page", async () => {
    const store = createMemoryStore();
    const { pages } = opened(store, "one", 300);
    for (let minute = 0; minute < 2_000; minute += 1) {
      pages.add(entry(minute, `${minute}`));
      if (minute % 100 === 0) await pages.close();
    }
    await pages.close();
    const kept = await actionsOf(pages);
    expect([kept.length, kept[0], kept.at(-1)]).toEqual([300, "1700", "1999"]);
    expect((await store.documents("auditPage")).length).toBeLessThanOrEqual(3);
  });
});

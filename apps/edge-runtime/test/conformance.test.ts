import { readdirSync, readFileSync } from "node:fs";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { bundleWorker } from "./bundle-worker.ts";
import { type CaseRequest, Conversation } from "./conversation.ts";
import { differences } from "./matching.ts";
import { type RunningEdge, RUNTIMES } from "./runtimes.ts";
import { type StandInHub, startStandInHub } from "./stand-in-hub.ts";

interface Case {
  readonly name: string;
  /** Whether the edge is called under the page's own domain. */
  readonly firstParty?: boolean;
  readonly steps: readonly {
    readonly send: CaseRequest;
    /** Sends as another visitor: one jar a name. */
    readonly as?: string;
    readonly expect: {
      readonly status: number;
      readonly headers?: Readonly<Record<string, unknown>>;
      readonly body?: unknown;
    };
    /** What has to arrive at the hub in consequence, in time. */
    readonly hub?: unknown;
  }[];
}

const FOLDER = new URL("cases/", import.meta.url);
const files = readdirSync(FOLDER).map((name) => ({
  name: name.replace(".json", ""),
  cases: JSON.parse(readFileSync(new URL(name, FOLDER), "utf8")) as readonly Case[],
}));

describe.each(RUNTIMES)("conformance on %s", (_, start) => {
  let hub: StandInHub;
  let edge: RunningEdge;
  beforeAll(async () => {
    hub = await startStandInHub();
    edge = await start({ hubUrl: hub.url, lookupBudgetMs: 2000 });
  }, 60_000);
  afterAll(async () => {
    await edge.stop();
    await hub.close();
  });

  describe.each(files)("$name", ({ cases }) => {
    it.each(cases)("$name", async ({ steps, firstParty = false }) => {
      const kept = new Map<string, unknown>();
      const visitors = new Map<string, Conversation>();
      for (const [index, { send, as = "", expect: wanted, hub: atHub }] of steps.entries()) {
        const visitor = visitors.get(as) ?? new Conversation(edge.url, firstParty);
        visitors.set(as, visitor);
        const before = hub.received.length;
        const answer = await visitor.send(fill(send, kept));
        const different = differences(wanted, answer, kept, `step ${index}`);
        expect(different, `${answer.status} ${answer.text}`).toEqual([]);
        if (atHub === undefined) continue;
        await expect
          .poll(() => differences({ $has: [atHub] }, hub.received.slice(before), kept), { timeout: 5000 })
          .toEqual([]);
      }
    });
  });
});

/** A case's words for what earlier steps gave: `$kept:<name>` anywhere in a text. */
function fill(send: CaseRequest, kept: ReadonlyMap<string, unknown>): CaseRequest {
  const text = JSON.stringify(send).replaceAll(/\$kept:([a-z]+)/g, (_, name: string) =>
    JSON.stringify(String(kept.get(name))).slice(1, -1),
  );
  return JSON.parse(text) as CaseRequest;
}

describe("the worker's bundle", () => {
  it("holds nothing of Node, makes no code out of text, and is small", async ({ annotate }) => {
    const { code, bytes } = await bundleWorker(new URL("../src/worker.ts", import.meta.url));
    expect(code.match(/["']node:|\brequire\(|\bprocess\.env|\bnew Function\(/g)).toBeNull();
    await annotate(`worker bundle: ${(bytes / 1024).toFixed(0)} KB`);
    expect(bytes).toBeLessThan(1024 * 1024);
  });
});

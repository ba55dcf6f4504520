import { describe, expect, it } from "vitest";
import { outboxItem } from "./outbox-cases.ts";
import { type DestinationSamples, destinationCases } from "./destination-cases.ts";
import { type DestinationDefinition, httpProfileExport, type HttpProfileExportSettings } from "../index.ts";

type Definition = DestinationDefinition<HttpProfileExportSettings>;

const at = "2026-01-31T12:00:00.000Z";
const { payload } = outboxItem("i1", ["p1"]);
if (payload.kind !== "profile") throw new Error("not a profile");
const exit = {
  ...payload.item,
  id: "i2",
  changes: [{ audienceId: "a1", namespace: "ups", status: "exited" as const, at }],
};
const samples: DestinationSamples = {
  settings: [{ url: "https://x.test/", batchSize: 2 }],
  invalidSettings: [{ input: {}, path: ["url"] }],
  batches: [
    {
      kind: "profiles",
      destinationId: "d1",
      dataflowId: "f1",
      audiences: [],
      mapping: [],
      items: [payload.item, exit],
    },
  ],
  context: { now: at, destinationId: "d1", destinationName: "x", orgId: "o", sandbox: "s" },
};

const plan: Definition["plan"] = (...args) => httpProfileExport.plan(...args);
const requests = (
  change: (request: Extract<ReturnType<Definition["plan"]>[number], { kind: "http" }>) => object,
): Definition["plan"] =>
  ((...args: Parameters<Definition["plan"]>) =>
    plan(...args).map((request) =>
      request.kind === "http" ? { ...request, ...change(request) } : request,
    )) as Definition["plan"];

let calls = 0;
/** Ways to break the contract, and the case that must notice. */
const broken: readonly (readonly [string, Partial<Definition>, string])[] = [
  [
    "stands for an action that no policy knows",
    { capabilities: { ...httpProfileExport.capabilities, marketingActions: ["no such action!"] } },
    "says what its use stands for",
  ],
  [
    "takes anything as settings",
    { parseSettings: () => ({ ok: true, value: { url: "https://x.test/", batchSize: 1, headers: {} } }) },
    "invalid settings are refused",
  ],
  [
    "throws on junk settings",
    {
      parseSettings: (input) =>
        Array.isArray(input) ? JSON.parse("{") : httpProfileExport.parseSettings(input),
    },
    "invalid settings are refused",
  ],
  ["plans by a counter", { plan: requests(() => ({ id: String((calls += 1)) })) }, "plan is deterministic"],
  ["drops items", { plan: requests(({ items }) => ({ items: items.slice(1) })) }, "every item is carried"],
  [
    "invents items",
    { plan: requests(({ items }) => ({ items: [...items, "ghost"] })) },
    "every item is carried",
  ],
  [
    "exceeds its batch size",
    { capabilities: { ...httpProfileExport.capabilities, batchMax: 1 } },
    "every item is carried",
  ],
  [
    "sends exits it says it cannot",
    { capabilities: { ...httpProfileExport.capabilities, removals: false } },
    "exits are sent, or refused",
  ],
  [
    "puts values into the address",
    {
      plan: (batch, settings, context) =>
        plan(batch, settings, context).map((r) =>
          r.kind === "http" ? { ...r, url: `https://x.test/${r.body ?? ""}` } : r,
        ),
    },
    "hostile values stay values",
  ],
  [
    "puts values into a header",
    {
      plan: (batch, settings, context) =>
        plan(batch, settings, context).map((r) =>
          r.kind === "http" ? { ...r, headers: { "x-v": JSON.parse(r.body ?? "{}").profiles[0].tier } } : r,
        ),
    },
    "hostile values stay values",
  ],
  [
    "tells personal data as a reason",
    {
      plan: (batch) => [
        {
          kind: "settled",
          outcomes: [...batch.items].map((i) => ({ kind: "rejected", item: i.id, code: JSON.stringify(i) })),
        },
      ],
    },
    "logs and reasons",
  ],
  [
    "forgets an outcome",
    { interpret: (...args) => httpProfileExport.interpret(...args).slice(1) },
    "every answer gives exactly one outcome",
  ],
  [
    "throws on junk answers",
    {
      interpret: (request, response) =>
        response.kind === "http" && response.body === "{"
          ? JSON.parse("{")
          : httpProfileExport.interpret(request, response),
    },
    "every answer gives exactly one outcome",
  ],
  [
    "takes errors for success",
    {
      interpret: (request) =>
        request.kind === "http" ? request.items.map((item) => ({ kind: "delivered", item })) : [],
    },
    "an error status never counts",
  ],
  [
    "gives up on 429",
    {
      interpret: (request, response) =>
        request.kind === "http" && response.kind === "http" && response.status === 429
          ? request.items.map((item) => ({ kind: "rejected", item, code: "x" }))
          : httpProfileExport.interpret(request, response),
    },
    "429 and 503 are retryable",
  ],
  [
    "repeats the receiver's words",
    {
      interpret: (request, response) =>
        request.kind === "http"
          ? request.items.map((item) => ({
              kind: "retryable",
              item,
              code: "x",
              detail: response.kind === "http" ? response.body : "",
            }))
          : [],
    },
    "reasons never repeat",
  ],
];

describe("the conformance cases notice a destination that", () => {
  for (const [name, change, notices] of broken) {
    it(name, () => {
      const failed = destinationCases({ ...httpProfileExport, ...change }, samples).filter(({ run }) => {
        try {
          run();
          return false;
        } catch {
          return true;
        }
      });
      expect(failed.map((c) => c.name).some((failure) => failure.includes(notices))).toBe(true);
    });
  }
});

import { describe, it } from "vitest";
import { outboxCases } from "./conformance/index.ts";
import { createMemoryOutbox } from "./memory-outbox.ts";

describe("the delivery store in memory", () => {
  for (const { name, run } of outboxCases(async () => createMemoryOutbox())) it(name, run);
});

import { describe, test } from "vitest";
import { createMemoryStore } from "../memory-store.ts";
import { hubStoreCases } from "./index.ts";

describe("the in-memory store", () => {
  for (const { name, run } of hubStoreCases) test(name, () => run(async () => createMemoryStore()));
});

import { createHub } from "@tessera/hub";
import { createMemoryStore } from "@tessera/profile-store";
import { expect, it } from "vitest";
import { followConfiguration } from "./follow-configuration.ts";

/** Read when a hub opens, and not kept: notes of what is still to be done. */
const NOTES = ["dataflowChange"];

it("looks at every kind of document that a hub keeps in memory", async () => {
  const memory = createMemoryStore();
  const read = new Set<string>();
  await createHub({
    store: {
      ...memory,
      document: (kind, id) => {
        read.add(kind);
        return memory.document(kind, id);
      },
      documents: (kind) => {
        read.add(kind);
        return memory.documents(kind);
      },
    },
    clock: () => 0,
    newId: () => "id",
    suppressionSalt: "a salt of enough characters",
  });
  let followed: readonly string[] = [];
  const following = followConfiguration(
    {
      versionsOf: async (kinds) => {
        followed = kinds;
        return "";
      },
    },
    { reload: async () => undefined, onError: () => undefined },
  );
  await following.close();
  expect(read.has("linkingRules")).toBe(true);
  expect([...read].filter((kind) => !followed.includes(kind))).toEqual(NOTES);
});

import { mkdtemp, readdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { identityKey } from "@tessera/xdm";
import { expect, it, onTestFinished } from "vitest";
import { newProfile } from "../edge-profile.ts";
import { createMemoryProfiles } from "../memory-profiles.ts";
import { loadProfiles, saveProfiles } from "./profile-file.ts";

it("profiles outlive the process, in their order; lines that are broken cost only themselves", async () => {
  const folder = await mkdtemp(join(tmpdir(), "edge-profiles-"));
  onTestFinished(() => rm(folder, { recursive: true }));
  const path = join(folder, "profiles.ndjson");
  const saved = createMemoryProfiles({ capacity: 10_000 });
  for (let index = 0; index < 2500; index++) {
    const identity = { namespace: "CRMID", id: `é-${index}` };
    saved.put(newProfile(identityKey(identity), [identity], index), 0);
  }
  await saveProfiles(path, saved);
  const read = createMemoryProfiles({ capacity: 10_000 });
  await loadProfiles(path, read);
  expect([...read.entries()]).toEqual([...saved.entries()]);
  expect(await readdir(folder)).toEqual(["profiles.ndjson"]);
  const [first, second] = [...saved.entries()];
  await writeFile(path, `${JSON.stringify(first)}\n{"key": "CRM\n${JSON.stringify(second)}\n`);
  const mended = createMemoryProfiles({ capacity: 10 });
  await loadProfiles(path, mended);
  expect([...mended.entries()]).toEqual([first, second]);
  const none = createMemoryProfiles({ capacity: 10 });
  await loadProfiles(join(folder, "nothing-here"), none);
  expect(none.size()).toBe(0);
});

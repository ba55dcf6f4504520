import { randomUUID } from "node:crypto";
import { createReadStream } from "node:fs";
import { open, rename } from "node:fs/promises";
import { createInterface } from "node:readline";
import type { EdgeProfile } from "../edge-profile.ts";
import type { MemoryProfiles } from "../memory-profiles.ts";

/** Profiles written at once. */
const PART = 1000;

/**
 * Puts back the profiles that `saveProfiles` left in a file, line by line. A profile that cannot be read back is asked of
 * the hub again, like one that was never there.
 */
export async function loadProfiles(path: string, profiles: Pick<MemoryProfiles, "restore">): Promise<void> {
  try {
    for await (const line of createInterface({ input: createReadStream(path), crlfDelay: Infinity })) {
      const profile = parse(line);
      if (profile !== undefined) profiles.restore(profile);
    }
  } catch {
    // There is no such file: the edge starts with nothing.
  }
}

function parse(line: string): EdgeProfile | undefined {
  try {
    return JSON.parse(line) as EdgeProfile;
  } catch {
    return undefined;
  }
}

/** Writes all profiles into a file, one a line; the file is replaced whole or not at all. */
export async function saveProfiles(path: string, profiles: Pick<MemoryProfiles, "entries">): Promise<void> {
  const temporary = `${path}.${randomUUID()}.new`;
  const file = await open(temporary, "w");
  try {
    let lines: string[] = [];
    for (const profile of profiles.entries()) {
      lines.push(`${JSON.stringify(profile)}\n`);
      if (lines.length < PART) continue;
      await file.write(lines.join(""));
      lines = [];
    }
    await file.write(lines.join(""));
  } finally {
    await file.close();
  }
  await rename(temporary, path);
}

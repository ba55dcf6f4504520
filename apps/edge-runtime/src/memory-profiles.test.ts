import { identityKey } from "@tessera/xdm";
import { describe, expect, it } from "vitest";
import { EDGE_PROFILE_TTL, type EdgeProfile, newProfile } from "./edge-profile.ts";
import { createMemoryProfiles } from "./memory-profiles.ts";

const keyOf = (id: string): EdgeProfile["key"] => identityKey({ namespace: "CRMID", id });
const profile = (id: string, at: number): EdgeProfile =>
  newProfile(keyOf(id), [{ namespace: "CRMID", id }], at);

describe("edge profiles in memory", () => {
  it("a write counts only on top of what was read", () => {
    const profiles = createMemoryProfiles({ capacity: 10 });
    expect(profiles.put(profile("a", 0), 0)).toBe(true);
    expect(profiles.put(profile("a", 1), 0)).toBe(false);
    expect(profiles.put(profile("a", 1), 1)).toBe(true);
    expect(profiles.get(keyOf("a"), 1)).toMatchObject({ version: 2, lastActivityAt: 1 });
  });

  it("the least recently written leave first when there is no room", () => {
    const profiles = createMemoryProfiles({ capacity: 2 });
    profiles.put(profile("a", 0), 0);
    profiles.put(profile("b", 0), 0);
    profiles.put(profile("a", 0), 1);
    profiles.put(profile("c", 0), 0);
    expect([...profiles.entries()].map(({ key }) => key)).toEqual(["CRMID:a", "CRMID:c"]);
  });

  it("forgets 14 days after the last activity, also whom nobody asks for", () => {
    const profiles = createMemoryProfiles({ capacity: 10 });
    profiles.put(profile("a", 0), 0);
    profiles.put(profile("b", 5), 0);
    expect(profiles.get(keyOf("a"), EDGE_PROFILE_TTL - 1)).toBeDefined();
    profiles.put(profile("c", EDGE_PROFILE_TTL), 0);
    expect(profiles.size()).toBe(2);
    expect(profiles.get(keyOf("b"), EDGE_PROFILE_TTL + 5)).toBeUndefined();
    expect(profiles.size()).toBe(1);
  });
});

import { expect, it } from "vitest";
import { ADOBE_LIMITS, ALL_LIMITS, isLimitId, limitsOf, permittedRange, TESSERA_VALUES } from "./index.ts";

it("every limit has its own id, a source, an effect and a remedy", () => {
  expect(new Set(ALL_LIMITS.map(({ id }) => id)).size).toBe(ALL_LIMITS.length);
  for (const limit of ALL_LIMITS) {
    expect(limit.id, limit.id).toMatch(/^[a-z-]+\.[a-z0-9-]+$/);
    expect(limit.effect, limit.id).toMatch(/\.$/);
    expect(limit.whatToDo, limit.id).toMatch(/\.$/);
    expect(limit.source.date, limit.id).toMatch(/^20\d\d-\d\d(-\d\d)?$/);
    expect(isLimitId(limit.id)).toBe(true);
  }
});

it("the documented value of a limit is one that may be set", () => {
  const documented = Object.fromEntries(ALL_LIMITS.map(({ id, value }) => [id, value]));
  expect(limitsOf("adobe", documented)).toEqual({ ok: true, value: ADOBE_LIMITS });
});

it("the values of the tessera profile are permitted and different", () => {
  const values = Object.fromEntries(TESSERA_VALUES.map(({ id, value }) => [id, value]));
  expect(limitsOf("adobe", values)).toEqual(limitsOf("tessera"));
  for (const { id, value } of TESSERA_VALUES) expect(ADOBE_LIMITS[id].value).not.toBe(value);
});

it("an override replaces a value in a copy", () => {
  const limits = limitsOf("adobe", { "merge-policy.policies": 7 });
  expect(limits.ok && limits.value["merge-policy.policies"].value).toBe(7);
  expect(ADOBE_LIMITS["merge-policy.policies"].value).toBe(5);
});

it("all bad overrides are reported at once", () => {
  const limits = limitsOf("adobe", {
    "governance.sandboxes": 76,
    "identity.graph-identities": "many",
    "no.such": 1,
    "profile.record-size": 2_000_000,
    "destinations.incremental-interval": 1,
  });
  expect(limits.ok ? [] : limits.error.map(({ code, path }) => [code, path?.[0]])).toEqual([
    ["limits.override", "governance.sandboxes"],
    ["limits.shape", "identity.graph-identities"],
    ["limits.unknown", "no.such"],
    ["limits.override", "profile.record-size"],
    ["limits.override", "destinations.incremental-interval"],
  ]);
  expect(permittedRange(ADOBE_LIMITS["governance.sandboxes"])).toBe("1 to 75");
});

it.each([[null], [[]], ["adobe"]])("overrides of the shape %j are refused", (overrides) => {
  expect(limitsOf("tessera", overrides)).toMatchObject({ ok: false, error: [{ code: "limits.shape" }] });
});

it("an unknown profile is refused", () => {
  expect(limitsOf("other" as "adobe")).toMatchObject({ ok: false, error: [{ code: "limits.profile" }] });
});

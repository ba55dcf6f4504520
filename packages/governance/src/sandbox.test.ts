import * as fc from "fast-check";
import { expect, it } from "vitest";
import {
  createSandbox,
  DEFAULT_SANDBOX,
  planSandboxOperation,
  type Sandbox,
  SANDBOX_CONTENTS,
  sandboxKey,
  type SandboxOperation,
  sandboxOfKey,
} from "./index.ts";

const dev: Sandbox = { name: "dev", title: "Dev", type: "development", isDefault: false };
const eu: Sandbox = { name: "eu", title: "EU", type: "production", isDefault: false };
const ALL = [DEFAULT_SANDBOX, dev, eu];

it("a sandbox is admitted", () => {
  expect(createSandbox(ALL, { name: "qa-2", title: "QA" })).toEqual({
    ok: true,
    value: { name: "qa-2", title: "QA", type: "development", isDefault: false },
  });
});

it.each([
  [{ name: "dev" }, "sandbox.name"],
  [{ name: "Dev" }, "sandbox.name"],
  [{ name: "1st" }, "sandbox.name"],
  [{ name: "a/b" }, "sandbox.name"],
  [{ name: "qa", title: "" }, "sandbox.name"],
  [{ name: "qa", type: "staging" }, "sandbox.rule"],
  ["qa", "sandbox.name"],
])("%j is refused with %s", (input, code) => {
  expect(createSandbox(ALL, input)).toMatchObject({ ok: false, error: [{ code }] });
});

it("one for production and four more, unless more are allowed, and never more than 75", () => {
  const many = (count: number): Sandbox[] => [
    DEFAULT_SANDBOX,
    ...Array.from({ length: count - 1 }, (_, index) => ({ ...dev, name: `dev-${index}` })),
  ];
  const input = { name: "one-more" };
  expect(createSandbox(many(4), input).ok).toBe(true);
  expect(createSandbox(many(5), input)).toMatchObject({ ok: false, error: [{ code: "sandbox.limit" }] });
  expect(createSandbox(many(5), input, 6).ok).toBe(true);
  expect(createSandbox(many(75), input, 100)).toMatchObject({
    ok: false,
    error: [{ code: "sandbox.limit" }],
  });
});

it.each<readonly [SandboxOperation, boolean]>([
  [{ kind: "reset", sandbox: "dev" }, true],
  [{ kind: "delete", sandbox: "dev" }, true],
  [{ kind: "reset", sandbox: "prod", confirmed: true }, false],
  [{ kind: "delete", sandbox: "prod", confirmed: true }, false],
  [{ kind: "reset", sandbox: "eu" }, false],
  [{ kind: "delete", sandbox: "eu", confirmed: true }, true],
  [{ kind: "delete", sandbox: "none" }, false],
  [{ kind: "copy", from: "prod", to: "dev" }, true],
  [{ kind: "copy", from: "prod", to: "prod" }, false],
  [{ kind: "copy", from: "prod", to: "none" }, false],
  [{ kind: "copy", from: "prod", to: "dev", only: ["audiences"] }, true],
  [{ kind: "copy", from: "prod", to: "dev", only: ["events"] }, false],
  [{ kind: "copy", from: "prod", to: "dev", only: ["destination-credentials"] }, false],
])("%j is admitted: %s", (operation, admitted) => {
  const plan = planSandboxOperation(ALL, operation);
  expect(plan.ok).toBe(admitted);
  if (!plan.ok) expect(plan.error.code).toBe("sandbox.rule");
});

it("a reset removes everything; a copy takes configuration only, and its dataflows start paused", () => {
  expect(planSandboxOperation(ALL, { kind: "reset", sandbox: "dev" })).toEqual({
    ok: true,
    value: { kind: "reset", sandbox: "dev", remove: SANDBOX_CONTENTS.map(({ what }) => what) },
  });
  const copy = planSandboxOperation(ALL, { kind: "copy", from: "prod", to: "dev" });
  expect(copy).toMatchObject({ ok: true, value: { pauseDataflows: true } });
  const copied = new Set<string>(copy.ok && copy.value.kind === "copy" ? copy.value.copy : []);
  for (const { what, kind } of SANDBOX_CONTENTS)
    expect(copied.has(what), what).toBe(kind === "configuration");
});

it("keys of different sandboxes never meet, and give back their parts", () => {
  const part = fc.string({ unit: fc.constantFrom("a", "b", "1", "-", "/", "@"), maxLength: 4 });
  fc.assert(
    fc.property(part, part, part, part, (a, b, c, d) => {
      const [one, two] = [sandboxKey(a, b), sandboxKey(c, d)];
      if (!one.ok || !two.ok) return;
      expect(one.value === two.value).toBe(a === c && b === d);
      expect(sandboxOfKey(one.value)).toEqual({ organization: a, sandbox: b });
    }),
    { numRuns: 1_000 },
  );
  expect(sandboxKey("1234@AdobeOrg", "prod")).toEqual({ ok: true, value: "1234@AdobeOrg/prod" });
  expect(sandboxKey("a/b", "prod").ok).toBe(false);
  expect(sandboxKey("a", "prod/x").ok).toBe(false);
});

import { createMemoryStore } from "@tessera/profile-store";
import type { MembershipChange } from "@tessera/xdm";
import { describe, expect, it } from "vitest";
import type { CompositionInput } from "../src/compositions.ts";
import { createHub, type Hub } from "../src/hub.ts";

const START = Date.parse("2026-02-01T00:00:00Z");
const PERSONS = 1_000;

interface Scene {
  readonly hub: Hub;
  readonly changes: MembershipChange[];
  /** Audiences of the persons whose number is even, or can be divided by three. */
  readonly even: string;
  readonly third: string;
}

const pql = (value: string) => ({ type: "PQL", format: "pql/text", value }) as const;
const person = (n: number) => ({ namespace: "CRMID", id: `p${n}` });
const record = (n: number, more: object = {}) => ({
  identityMap: { CRMID: [{ id: `p${n}` }] },
  loyalty: { tier: ["gold", "silver", "bronze"][n % 3], points: n },
  traits: { even: n % 2 === 0, third: n % 3 === 0 },
  ...more,
});

async function openScene(): Promise<Scene> {
  let ids = 0;
  let now = START;
  const changes: MembershipChange[] = [];
  const hub = await createHub({
    store: createMemoryStore(),
    clock: () => (now += 1),
    newId: () => `id-${(ids += 1)}`,
    onMemberships: (told) => changes.push(...told),
  });
  await hub.ingestRecords(
    "crm",
    Array.from({ length: PERSONS }, (_, n) => record(n)),
  );
  const make = async (name: string, evaluation: "batch" | "streaming"): Promise<string> => {
    const made = await hub.createAudience({ name, expression: pql(`traits.${name}`), evaluation });
    if (!made.ok) throw new Error(made.error.map(({ message }) => message).join(" "));
    return made.value.id;
  };
  return { hub, changes, even: await make("even", "batch"), third: await make("third", "streaming") };
}

const SAVE = (name: string) => ({ kind: "save", name }) as const;

async function compose(
  hub: Hub,
  input: Partial<CompositionInput> & Pick<CompositionInput, "audiences" | "end">,
): Promise<{ readonly id: string; readonly of: (part: string) => string }> {
  const saved = await hub.saveComposition({ name: "C", start: "union", exclude: [], ...input });
  if (!saved.ok) throw new Error(saved.error.map(({ message }) => message).join(" "));
  return { id: saved.value.id, of: (part) => saved.value.audienceIds[part] ?? "" };
}

async function membersOf(hub: Hub, audienceId: string): Promise<readonly number[]> {
  const views = await hub.readMany(Array.from({ length: PERSONS }, (_, n) => person(n)));
  return views.flatMap((view, n) =>
    view?.segmentMembership["ups"]?.[audienceId]?.status === "realized" ? [n] : [],
  );
}

const numbers = (fits: (n: number) => boolean): readonly number[] =>
  Array.from({ length: PERSONS }, (_, n) => n).filter(fits);

describe("a composition of audiences", () => {
  it.each([
    ["union", [], (n: number) => n % 2 === 0 || n % 3 === 0],
    ["intersect", [], (n: number) => n % 6 === 0],
    ["exclude-overlap", [], (n: number) => (n % 2 === 0) !== (n % 3 === 0)],
  ] as const)("%s", async (start, exclude, fits) => {
    const { hub, even, third } = await openScene();
    const { of } = await compose(hub, { start, audiences: [even, third], exclude, end: SAVE("Out") });
    const evaluated = await hub.evaluateAudiences([of("Out")]);
    expect(evaluated.ok && evaluated.value.map(({ name, count }) => [name, count])).toEqual([
      ["Out", numbers(fits).length],
    ]);
    expect(await membersOf(hub, of("Out"))).toEqual(numbers(fits));
  });

  it("takes audiences out, and follows them at the next evaluation", async () => {
    const { hub, changes, even, third } = await openScene();
    const { of } = await compose(hub, { audiences: [even], exclude: [third], end: SAVE("Out") });
    await hub.evaluateAudiences([of("Out")]);
    expect(await membersOf(hub, of("Out"))).toEqual(numbers((n) => n % 2 === 0 && n % 3 !== 0));
    await hub.ingestRecords("crm", [record(2, { traits: { even: true, third: true } })]);
    expect(await membersOf(hub, of("Out"))).toContain(2);
    changes.length = 0;
    await hub.evaluateAudiences([of("Out")]);
    expect(await membersOf(hub, of("Out"))).not.toContain(2);
    expect(changes.map(({ audienceId, from, to }) => [audienceId, from, to])).toEqual([
      [of("Out"), "realized", "exited"],
    ]);
  });

  it("splits by percentage, each person into one part, the same one every time", async () => {
    const { hub, even } = await openScene();
    const end = {
      kind: "split-percent",
      parts: [
        { name: "Treated", percent: 70 },
        { name: "Control", percent: 20 },
      ],
    } as const;
    const { id, of } = await compose(hub, { audiences: [even], end });
    const ids = [of("Treated"), of("Control")];
    await hub.evaluateAudiences(ids);
    const [treated = [], control = []] = await Promise.all(ids.map((one) => membersOf(hub, one)));
    expect(treated.filter((n) => control.includes(n))).toEqual([]);
    // 500 even persons: within five standard deviations of the shares.
    expect(Math.abs(treated.length - 350)).toBeLessThan(52);
    expect(Math.abs(control.length - 100)).toBeLessThan(45);
    expect((await hub.audiences()).map(({ name }) => name)).toEqual(
      expect.arrayContaining(["C: Treated", "C: Control"]),
    );
    await hub.evaluateAudiences(ids);
    expect(await membersOf(hub, of("Treated"))).toEqual(treated);
    // With the shares changed, the parts that stay keep their audiences.
    const saved = await hub.saveComposition(
      {
        name: "C",
        start: "union",
        audiences: [even],
        exclude: [],
        end: { kind: "split-percent", parts: [{ name: "Treated", percent: 100 }] },
      },
      id,
    );
    expect(saved.ok && saved.value.audienceIds).toEqual({ Treated: of("Treated") });
    await hub.evaluateAudiences([of("Treated")]);
    expect(await membersOf(hub, of("Treated"))).toEqual(numbers((n) => n % 2 === 0));
    expect(await membersOf(hub, of("Control"))).toEqual([]);
    expect((await hub.audience(of("Control")))?.status).toBe("deleted");
  });

  it("splits by the value of a field, the first part that fits", async () => {
    const { hub, even } = await openScene();
    const end = {
      kind: "split-attribute",
      path: "loyalty.tier",
      parts: [
        { name: "Best", values: ["gold"] },
        { name: "Others", values: ["silver", "gold"] },
      ],
    } as const;
    const { of } = await compose(hub, { audiences: [even], end });
    await hub.evaluateAudiences([of("Best"), of("Others")]);
    expect(await membersOf(hub, of("Best"))).toEqual(numbers((n) => n % 6 === 0));
    expect(await membersOf(hub, of("Others"))).toEqual(numbers((n) => n % 2 === 0 && n % 3 === 1));
  });

  it("ranks over everyone", async () => {
    const { hub, even } = await openScene();
    const end = { kind: "rank", name: "Top", path: "loyalty.points", order: "descending", limit: 3 } as const;
    const { of } = await compose(hub, { audiences: [even], end });
    await hub.evaluateAudiences([of("Top")]);
    expect(await membersOf(hub, of("Top"))).toEqual([994, 996, 998]);
    await hub.ingestRecords("crm", [record(998, { loyalty: { points: 1 } })]);
    await hub.evaluateAudiences([of("Top")]);
    expect(await membersOf(hub, of("Top"))).toEqual([992, 994, 996]);
  });

  it("explains who is in a part", async () => {
    const { hub, even } = await openScene();
    const end = { kind: "rank", name: "Top", path: "loyalty.points", order: "descending", limit: 3 } as const;
    const { of } = await compose(hub, { audiences: [even], end });
    await hub.evaluateAudiences([of("Top")]);
    const [low, high] = await Promise.all([0, 998].map((n) => hub.explainMembership(of("Top"), person(n))));
    expect(high?.ok && [high.value.member, high.value.because.holds]).toEqual([true, true]);
    expect(low?.ok && [low.value.member, low.value.because.conditions.map(({ holds }) => holds)]).toEqual([
      false,
      [true, false],
    ]);
    expect(low?.ok && low.value.because.conditions[1]?.values).toContainEqual({
      text: "loyalty.points",
      value: 0,
    });
  });

  it("another audience may refer to a part, and keeps it", async () => {
    const { hub, even } = await openScene();
    const { id, of } = await compose(hub, { audiences: [even], end: SAVE("Out") });
    const child = await hub.createAudience({
      name: "Child",
      expression: pql(`inSegment("${of("Out")}") and loyalty.tier = "gold"`),
      evaluation: "batch",
    });
    const childId = child.ok ? child.value.id : "";
    await hub.evaluateAudiences([of("Out")]);
    await hub.evaluateAudiences([childId]);
    expect(await membersOf(hub, childId)).toEqual(numbers((n) => n % 6 === 0));
    const refused = await hub.deleteComposition(id);
    expect(!refused.ok && refused.error.map(({ code }) => code)).toEqual(["audience.dependents"]);
    await hub.setAudienceStatus(childId, "inactive");
    expect((await hub.deleteComposition(id)).ok).toBe(true);
    expect(hub.compositions()).toEqual([]);
    expect(await membersOf(hub, of("Out"))).toEqual([]);
    expect((await hub.audience(of("Out")))?.count).toBe(0);
  });

  it("refuses what cannot be, all reasons at once", async () => {
    const { hub, even, third } = await openScene();
    const { of } = await compose(hub, { audiences: [even], end: SAVE("Out") });
    const refused = await hub.saveComposition({
      name: "D",
      start: "union",
      audiences: ["nobody", of("Out"), third],
      exclude: [third],
      end: {
        kind: "split-percent",
        parts: [
          { name: "A", percent: 80 },
          { name: "B", percent: 30 },
        ],
      },
    });
    expect(!refused.ok && refused.error.map(({ code }) => code)).toEqual([
      "composition.exclude",
      "composition.percent",
      "composition.audiences",
      "composition.audiences",
    ]);
    // In a circle over a composition: the audience it reads may not read what comes out.
    const edited = await hub.updateAudience(even, {
      name: "even",
      expression: pql(`inSegment("${of("Out")}")`),
    });
    expect(!edited.ok && edited.error.map(({ code }) => code)).toEqual(["audience.cycle"]);
    const used = await hub.setAudienceStatus(even, "inactive");
    expect(!used.ok && used.error.map(({ code }) => code)).toEqual(["audience.dependents"]);
    const direct = await hub.updateAudience(of("Out"), { name: "Out", expression: pql("traits.even") });
    expect(!direct.ok && direct.error.map(({ code }) => code)).toContain("audience.composition");
  });

  it("keeps to the limit of the sandbox", async () => {
    const { hub, even } = await openScene();
    for (let n = 0; n < 10; n += 1)
      await compose(hub, { name: `C${n}`, audiences: [even], end: SAVE(`Out ${n}`) });
    const more = await hub.saveComposition({
      name: "C10",
      start: "union",
      audiences: [even],
      exclude: [],
      end: SAVE("Out 10"),
    });
    expect(!more.ok && more.error.map(({ code }) => code)).toEqual(["limit.segmentation.compositions"]);
  });
});

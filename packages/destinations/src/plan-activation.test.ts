import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { identityKey, isMember, type SegmentMembershipMap } from "@tessera/xdm";
import { activeAt, type Dataflow } from "./dataflow.ts";
import { httpProfileExport } from "./http-profile-export.ts";
import type { OutboxItem } from "./outbox.ts";
import type { PersonTransition, PersonView } from "./person-view.ts";
import { type ActiveDataflow, planActivation } from "./plan-activation.ts";
import { planDefinitionChanges, planMappingChange } from "./plan-mapping.ts";

const at = "2026-01-31T12:00:00.000Z";
const dataflow: Dataflow = {
  id: "f1",
  destinationId: "d1",
  name: "to D",
  enabled: true,
  audiences: [
    { id: "x", namespace: "ups", name: "X" },
    { id: "y", namespace: "ups", name: "Y" },
  ],
  mapping: [
    { source: { kind: "identity", namespace: "ECID" }, target: "ECID" },
    { source: { kind: "identity", namespace: "Email" }, target: "email_sha256", transform: "sha256" },
    { source: { kind: "attribute", path: "loyalty.tier" }, target: "tier" },
  ],
};
const audienceKind: ActiveDataflow["destination"] = {
  kind: "streaming-audience",
  capabilities: { ...httpProfileExport.capabilities, audienceDefinitions: true },
};
const profileKind: ActiveDataflow["destination"] = { ...audienceKind, kind: "streaming-profile" };

function person(
  personId: string,
  identities: readonly string[],
  members: readonly string[],
  more: Partial<PersonView> = {},
): PersonView {
  const memberships: SegmentMembershipMap = {
    ups: Object.fromEntries(members.map((id) => [id, { status: "realized", lastQualificationTime: at }])),
  };
  return {
    personId,
    identities: identities.map((id) => ({ namespace: id.includes("@") ? "Email" : "ECID", id })),
    attributes: { loyalty: { tier: "gold" } },
    memberships,
    ...more,
  };
}

function plan(
  before: readonly PersonView[],
  after: readonly PersonView[],
  change: Partial<ActiveDataflow> & Partial<PersonTransition> = {},
): readonly OutboxItem[] {
  const { dataflow: flow = dataflow, destination = audienceKind, ...transition } = change;
  return planActivation({
    transitions: [{ id: "t1", at, before, after, ...transition }],
    dataflows: [{ dataflow: flow, destination }],
    now: at,
    evaluate: () => undefined,
  });
}

/** What an item says in one line: `trigger person identities: +entered -left`. */
function said(items: readonly OutboxItem[]): readonly string[] {
  return items.map(({ payload }) => {
    if (payload.kind !== "profile") return payload.item.change;
    const { trigger, personId, identities, changes } = payload.item;
    const ids = identities.map(({ id }) => (id.length === 64 ? "sha" : id)).join(",");
    return `${trigger} ${personId} ${ids}: ${changes.map((c) => (c.status === "exited" ? "-" : "+") + c.audienceId).join(" ")}`;
  });
}

const cases: readonly {
  readonly name: string;
  readonly before: readonly PersonView[];
  readonly after: readonly PersonView[];
  readonly change?: Parameters<typeof plan>[2];
  readonly told: readonly string[];
}[] = [
  {
    name: "an entry",
    before: [person("p", ["1"], [])],
    after: [person("p", ["1"], ["x"])],
    told: ["membership p 1: +x"],
  },
  {
    name: "an exit and an entry, exit first",
    before: [person("p", ["1"], ["x"])],
    after: [person("p", ["1"], ["y"])],
    told: ["membership p 1: -x", "membership p 1: +y"],
  },
  { name: "nothing new", before: [person("p", ["1"], ["x"])], after: [person("p", ["1"], ["x"])], told: [] },
  {
    name: "an audience that is not mapped",
    before: [person("p", ["1"], [])],
    after: [person("p", ["1"], ["z"])],
    told: [],
  },
  {
    name: "a new person",
    before: [],
    after: [person("p", ["1", "a@x"], ["x"])],
    told: ["membership p 1,sha: +x"],
  },
  {
    name: "a deleted person leaves everything",
    before: [person("p", ["1"], ["x", "y"])],
    after: [],
    told: ["membership p 1: -x -y"],
  },
  {
    name: "a new identity is told what its person is in",
    before: [person("p", ["1"], ["x"])],
    after: [person("p", ["1", "2"], ["x"])],
    told: ["identity p 2: +x"],
  },
  {
    name: "an identity that is dropped leaves",
    before: [person("p", ["1", "2"], ["x"])],
    after: [person("p", ["1"], ["x"])],
    told: ["identity p 2: -x"],
  },
  {
    name: "a merge tells each side only what is new to it",
    before: [person("p", ["1"], ["x"]), person("q", ["2"], ["y"])],
    after: [person("p", ["1", "2"], ["x", "y"])],
    told: ["merge p 1: +y", "merge p 2: +x"],
  },
  {
    name: "a merge that ends a membership",
    before: [person("p", ["1"], ["x"]), person("q", ["2"], ["x"])],
    after: [person("p", ["1", "2"], ["y"])],
    told: ["merge p 1: -x", "merge p 2: -x", "merge p 1: +y", "merge p 2: +y"],
  },
  {
    name: "a split takes back what the parts are not in",
    before: [person("p", ["1", "2"], ["x", "y"])],
    after: [person("p", ["1"], ["x"]), person("q", ["2"], ["y"])],
    told: ["split p 1: -y", "split q 2: -x"],
  },
  {
    name: "a mapped attribute that changed",
    before: [person("p", ["1"], ["x"])],
    after: [person("p", ["1"], ["x"], { attributes: { loyalty: { tier: "silver" } } })],
    told: ["attribute p 1: "],
  },
  {
    name: "an exit and a changed attribute go in one item",
    before: [person("p", ["1"], ["x", "y"])],
    after: [person("p", ["1"], ["y"], { attributes: { loyalty: { tier: "silver" } } })],
    told: ["membership p 1: -x"],
  },
  {
    name: "a mapped attribute of somebody in no audience",
    before: [person("p", ["1"], [])],
    after: [person("p", ["1"], [], { attributes: {} })],
    told: [],
  },
  {
    name: "consent withdrawn",
    before: [person("p", ["1"], ["x"])],
    after: [person("p", ["1"], ["x"], { refusedActions: ["exportToThirdParty"] })],
    told: ["consent p 1: -x"],
  },
  {
    name: "a required field that comes",
    before: [person("p", ["1"], ["x"], { attributes: {} })],
    after: [person("p", ["1"], ["x"])],
    change: {
      dataflow: {
        ...dataflow,
        mapping: dataflow.mapping.map((m) => ({ ...m, required: m.target === "tier" })),
      },
    },
    told: ["membership p 1: +x"],
  },
  {
    name: "an audience before its start",
    before: [person("p", ["1"], [])],
    after: [person("p", ["1"], ["x"])],
    change: {
      dataflow: {
        ...dataflow,
        audiences: [{ id: "x", namespace: "ups", name: "X", startsAt: "2026-02-01T00:00:00.000Z" }],
      },
    },
    told: [],
  },
  {
    name: "a dataflow that is off",
    before: [],
    after: [person("p", ["1"], ["x"])],
    change: { dataflow: { ...dataflow, enabled: false } },
    told: [],
  },
  {
    name: "files and profile requests",
    before: [],
    after: [person("p", ["1"], ["x"])],
    change: { destination: { ...audienceKind, kind: "profile-request" } },
    told: [],
  },
  {
    name: "profile: an entry goes with all identities",
    before: [person("p", ["1", "a@x"], [])],
    after: [person("p", ["1", "a@x"], ["x"])],
    change: { destination: profileKind },
    told: ["membership p 1,a@x: +x"],
  },
  {
    name: "profile: any identity",
    before: [person("p", ["1"], ["x"])],
    after: [person("p", ["1", "b@x"], ["x"])],
    change: { destination: profileKind },
    told: ["identity p 1,b@x: "],
  },
  {
    name: "profile: an attribute written with the same value",
    before: [person("p", ["1"], ["x"])],
    after: [person("p", ["1"], ["x"])],
    change: { destination: profileKind, writtenPaths: ["loyalty"] },
    told: ["attribute p 1: "],
  },
  {
    name: "profile: an attribute that is not mapped",
    before: [person("p", ["1"], ["x"])],
    after: [person("p", ["1"], ["x"])],
    change: { destination: profileKind, writtenPaths: ["person"] },
    told: [],
  },
  {
    name: "profile: a merge sends the whole person once",
    before: [person("p", ["1"], ["x"]), person("q", ["2"], [])],
    after: [person("p", ["1", "2"], ["x"])],
    change: { destination: profileKind },
    told: ["merge p 1,2: "],
  },
  {
    name: "profile: a split sends both parts",
    before: [person("p", ["1", "2"], ["x"])],
    after: [person("p", ["1"], ["x"]), person("q", ["2"], [])],
    change: { destination: profileKind },
    told: ["split p 1: ", "split q 2: -x"],
  },
];

describe("planActivation", () => {
  for (const { name, before, after, change, told } of cases) {
    it(name, () => expect(said(plan(before, after, change))).toEqual(told));
  }

  it("hashes mapped identities, keeps raw ones out, and sends the state after the change", () => {
    const [item] = plan([], [person("p", [" A@x.test "], ["x", "z"])]);
    if (item?.payload.kind !== "profile") throw new Error("no item");
    expect(JSON.stringify(item)).not.toContain("A@x.test");
    expect(item.payload.item.memberships).toEqual({
      ups: { x: { status: "realized", lastQualificationTime: at } },
    });
    expect(item.payload.item.attributes).toEqual({ tier: "gold" });
  });

  it("needs no mapping for a destination that names its identities and takes no attributes", () => {
    const capabilities = { ...audienceKind.capabilities, namespaces: ["ECID"], attributes: false };
    const items = plan([], [person("p", ["1", "a@x"], ["x"])], {
      dataflow: { ...dataflow, mapping: [] },
      destination: { ...audienceKind, capabilities },
    });
    expect(said(items)).toEqual(["membership p 1: +x"]);
  });

  it("keeps order across a merge and a split by waiting for all persons involved", () => {
    const [item] = plan(
      [person("p", ["1"], ["x"]), person("q", ["2"], [])],
      [person("p", ["1", "2"], ["x"])],
    );
    expect(item?.lanes).toEqual(["p", "q"]);
  });

  it("gives the same ids for the same transition, and others for another", () => {
    const ids = (id: string): readonly string[] =>
      plan([], [person("p", ["1"], ["x"])], { id }).map((i) => i.id);
    expect(ids("t1")).toEqual(ids("t1"));
    expect(ids("t1")).not.toEqual(ids("t2"));
  });

  const partition = fc.array(
    fc.record({
      ids: fc.uniqueArray(fc.constantFrom("1", "2", "3", "4", "5"), { minLength: 1, maxLength: 5 }),
      members: fc.uniqueArray(fc.constantFrom("x", "y", "z"), { maxLength: 3 }),
    }),
    { maxLength: 3 },
  );
  const persons = partition.map((parts) => {
    const taken = new Set<string>();
    return parts.flatMap(({ ids, members }, index) => {
      const own = ids.filter((id) => !taken.has(id));
      for (const id of own) taken.add(id);
      return own.length > 0 ? [person(`p${index}`, own, members)] : [];
    });
  });

  it("law: replaying the items over what a destination held gives what holds after, each change once", () => {
    fc.assert(
      fc.property(persons, persons, (before, after) => {
        const held = stateOf(before);
        for (const { payload } of plan(before, after)) {
          if (payload.kind !== "profile") continue;
          for (const { id } of payload.item.identities) {
            for (const { audienceId, status } of payload.item.changes) {
              const key = `${id} ${audienceId}`;
              expect(held.has(key)).toBe(status === "exited");
              if (status === "exited") held.delete(key);
              else held.add(key);
            }
          }
        }
        expect([...held].sort()).toEqual([...stateOf(after)].sort());
      }),
    );
  });
});

function stateOf(persons: readonly PersonView[]): Set<string> {
  return new Set(
    persons.flatMap(({ identities, memberships }) =>
      Object.entries(memberships["ups"] ?? {})
        .filter(([id, { status }]) => isMember(status) && id !== "z")
        .flatMap(([id]) => identities.map((identity) => `${identityKey(identity).slice(5)} ${id}`)),
    ),
  );
}

describe("mapping changes", () => {
  const [x, y] = dataflow.audiences;
  if (!x || !y) throw new Error("no audiences");
  const only = { ...dataflow, audiences: [x] };
  const members = [person("p", ["1"], ["x", "y"]), person("q", ["2"], ["x"]), person("r", ["3"], [])];
  const base = { id: "f1@2", at, destination: audienceKind, persons: members, evaluate: () => undefined };

  it("backfills those who qualified before, and only for what was added", () => {
    expect(said([...planMappingChange({ ...base, before: undefined, after: only })])).toEqual([
      "backfill p 1: +x",
      "backfill q 2: +x",
    ]);
    expect(said([...planMappingChange({ ...base, before: only, after: dataflow })])).toEqual([
      "backfill p 1: +y",
    ]);
  });

  it("tells the start and the end of an audience's time", () => {
    const timed = {
      ...dataflow,
      audiences: [{ ...x, startsAt: "2026-01-31T10:00:00.000Z", endsAt: "2026-01-31T14:00:00.000Z" }],
    };
    const turn = (from: string, to: string) =>
      said([
        ...planMappingChange({ ...base, at: to, before: activeAt(timed, from), after: activeAt(timed, to) }),
      ]);
    const [nine, ten, two] = ["09", "10", "14"].map((hour) => `2026-01-31T${hour}:00:00.000Z`);
    expect(turn(nine ?? "", ten ?? "")).toEqual(["backfill p 1: +x", "backfill q 2: +x"]);
    expect(turn(ten ?? "", two ?? "")).toEqual(["membership p 1: -x", "membership q 2: -x"]);
  });

  it("takes back what is unmapped, unless the destination cannot remove", () => {
    expect(said([...planMappingChange({ ...base, before: dataflow, after: only })])).toEqual([
      "membership p 1: -y",
    ]);
    const stubborn = { ...audienceKind, capabilities: { ...audienceKind.capabilities, removals: false } };
    expect([...planMappingChange({ ...base, destination: stubborn, before: dataflow, after: only })]).toEqual(
      [],
    );
  });

  it("tells definitions that were mapped, renamed and unmapped", () => {
    const renamed = {
      ...dataflow,
      audiences: [
        { ...x, name: "X2" },
        { id: "n", namespace: "ups", name: "N" },
      ],
    };
    const items = planDefinitionChanges({ ...base, before: dataflow, after: renamed });
    expect(
      items.map(
        ({ payload, lanes }) =>
          payload.kind === "audience" && [payload.item.change, payload.item.audience.name, ...lanes],
      ),
    ).toEqual([
      ["mapped", "N", "audience:ups\nn"],
      ["renamed", "X2", "audience:ups\nx"],
      ["unmapped", "Y", "audience:ups\ny"],
    ]);
  });
});

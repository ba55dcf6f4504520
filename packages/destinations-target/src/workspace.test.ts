import { describe, expect, it } from "vitest";
import {
  type Activity,
  decide,
  decisioningArtifact,
  indexActivities,
  workspaceReach,
  workspacesOfProperty,
} from "./index.ts";

const at = "2026-01-31T12:00:00.000Z";
const hero = { kind: "mbox", name: "hero" } as const;

function activity(id: number, change: Partial<Activity> = {}): Activity {
  return {
    id,
    name: `activity ${id}`,
    type: "xt",
    status: "live",
    priority: id,
    audience: { kind: "everyone" },
    experiences: [
      { id: 0, name: "only", offers: [{ location: hero, offer: { kind: "json", content: id } }] },
    ],
    ...change,
  };
}

/** The shop's connection, one of the default workspace, and a datastream that no connection serves. */
const reach = workspaceReach(
  [{ datastreamId: "shop", workspace: "Shop" }, { datastreamId: "blog" }],
  [{ id: "shop", propertyToken: "p-shop" }, { id: "blog", propertyToken: "p-blog" }, { id: "free" }],
);

describe("which workspaces a call is served from", () => {
  it("follows the datastream, and the default workspace where there is no connection", () => {
    expect(Object.fromEntries(reach.byDatastream)).toEqual({
      shop: ["Shop"],
      blog: ["default"],
      free: ["default"],
    });
  });

  it("follows the property of calls that have no datastream", () => {
    const of = (property?: string): readonly string[] => workspacesOfProperty(reach, property);
    expect([of("p-shop"), of("p-blog"), of("unknown"), of()]).toEqual([
      ["Shop"],
      ["default"],
      ["default"],
      ["default"],
    ]);
  });

  it("falls back to connections without a datastream, those of at.js and server-side SDKs", () => {
    const { byDatastream, otherwise } = workspaceReach(
      [
        { datastreamId: "none", workspace: "App" },
        { datastreamId: "shop", workspace: "Shop" },
      ],
      [{ id: "shop" }, { id: "free" }],
    );
    expect([otherwise, byDatastream.get("free"), byDatastream.get("shop")]).toEqual([
      ["App"],
      ["App"],
      ["Shop"],
    ]);
  });

  it("lets properties that several datastreams share lead to all of their workspaces", () => {
    const shared = workspaceReach(
      [
        { datastreamId: "a", workspace: "A" },
        { datastreamId: "b", workspace: "B" },
      ],
      [
        { id: "a", propertyToken: "p" },
        { id: "b", propertyToken: "p" },
      ],
    );
    expect(workspacesOfProperty(shared, "p")).toEqual(["A", "B"]);
  });
});

describe("decisions by workspace", () => {
  const gold = { kind: "any", audiences: ["gold"] } as const;
  const index = indexActivities([
    activity(1),
    activity(2, { audience: gold }),
    activity(3, { workspace: "Shop", audience: gold }),
  ]);
  const shown = (workspaces?: ReadonlyMap<string, ReadonlySet<string>>): readonly number[] =>
    decide(index, {
      client: "acme",
      visitor: { visitorId: "v", memberships: new Set(["gold"]), attributes: {} },
      locations: [hero],
      now: at,
      ...(workspaces && { workspaces }),
    }).map((decision) => decision.activity.id);
  const member = new Set(["gold"]);
  const stranger = new Set<string>();

  it("are those of the default workspace where nothing else is said", () => {
    expect(shown()).toEqual([2]);
  });

  it("are those of the workspaces served, each by the audiences it knows of", () => {
    expect(shown(new Map([["Shop", member]]))).toEqual([3]);
    expect(shown(new Map([["Shop", stranger]]))).toEqual([]);
    expect(
      shown(
        new Map([
          ["Shop", stranger],
          ["default", member],
        ]),
      ),
    ).toEqual([2]);
    expect(shown(new Map())).toEqual([]);
  });
});

describe("the artifact by workspace", () => {
  const artifact = (activities: readonly Activity[], property?: string) =>
    decisioningArtifact({ client: "acme", activities, workspaces: reach, ...(property && { property }) }) as {
      readonly remoteMboxes: readonly string[];
      readonly rules: {
        readonly mboxes: {
          readonly [name: string]: readonly {
            readonly activityId: number;
            readonly propertyTokens?: readonly string[];
          }[];
        };
      };
    };
  const rules = (activities: readonly Activity[], property?: string): unknown =>
    artifact(activities, property).rules.mboxes["hero"]?.map(({ activityId, propertyTokens }) => [
      activityId,
      propertyTokens,
    ]);

  it("gives activities of a workspace to the properties that lead there", () => {
    expect(rules([activity(3, { workspace: "Shop" })])).toEqual([[3, ["p-shop"]]]);
    expect(rules([activity(3, { workspace: "Shop", properties: ["p-blog", "p-shop"] })])).toEqual([
      [3, ["p-shop"]],
    ]);
  });

  it("leaves out what no call leads to", () => {
    expect(rules([activity(4, { workspace: "Attic" })])).toBeUndefined();
    expect(rules([activity(3, { workspace: "Shop", properties: ["p-blog"] })])).toBeUndefined();
  });

  it("asks the server where property tokens cannot tell who is meant", () => {
    // For calls without a property and those of the blog, but not for those of the shop.
    expect(artifact([activity(1)]).remoteMboxes).toEqual(["hero"]);
  });

  it("can be made for one property, and then says all", () => {
    const both = [activity(1), activity(3, { workspace: "Shop" })];
    expect([rules(both, "p-shop"), rules(both, "p-blog")]).toEqual([[[3, undefined]], [[1, undefined]]]);
  });
});

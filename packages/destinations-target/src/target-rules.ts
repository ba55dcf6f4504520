import { type Dataflow, settingsIssue } from "@tessera/destinations";
import type { Issue } from "@tessera/xdm";
import { type Activity, audiencesOf } from "./activity.ts";
import { DEFAULT_WORKSPACE, workspaceOf } from "./workspace.ts";

/** What a dataflow to Target is checked against, beside what holds for every dataflow. */
export interface TargetDataflowCheck {
  /** By audience id: where it comes from and whether its merge policy is active on the edge. */
  readonly audiences: { readonly [id: string]: { readonly origin: string; readonly activeOnEdge: boolean } };
  /** The dataflow as it is now. */
  readonly saved?: Dataflow;
  readonly activities: readonly Activity[];
  /** The workspace of the connection; only its activities count. The default one without it. */
  readonly workspace?: string;
  /** ISO 8601: audiences whose time is over by then count as removed. */
  readonly now?: string;
}

/**
 * The rules of Target, all violations at once: audiences of the segmentation service with an edge merge policy, and no
 * audience removed, by edit or by switching the dataflow off, that a live activity uses. Its limits (50 audiences as
 * advice, 30 attributes in the sandbox) are those of `validateDataflow`, as for every destination.
 */
export function checkTargetDataflow(dataflow: Dataflow, check: TargetDataflowCheck): readonly Issue[] {
  const violations: Issue[] = [];
  for (const [index, { id, namespace }] of dataflow.audiences.entries()) {
    const audience = check.audiences[id];
    const path = ["audiences", index];
    // One that nobody knows is told by `validateDataflow`.
    if (audience === undefined) continue;
    if (namespace !== "ups" || audience.origin !== "ups") {
      violations.push(
        settingsIssue("target.audience-origin", path, "an audience of the segmentation service", namespace),
      );
    } else if (!audience.activeOnEdge) {
      violations.push(
        settingsIssue(
          "target.merge-policy",
          path,
          "an audience whose merge policy is active on the edge",
          id,
        ),
      );
    }
  }
  const lasting = ({ enabled, audiences }: Dataflow): readonly string[] =>
    (enabled ? audiences : [])
      .filter(({ endsAt }) => endsAt === undefined || check.now === undefined || check.now < endsAt)
      .map(({ id }) => id);
  const kept = new Set(lasting(dataflow));
  const removed = (check.saved === undefined ? [] : lasting(check.saved)).filter((id) => !kept.has(id));
  return [...violations, ...removed.flatMap((id) => checkRemoval(id, check.activities, check.workspace))];
}

/** Why an audience may not be taken from a workspace of Target: live activities there use it. Empty when it may. */
export function checkRemoval(
  audienceId: string,
  activities: readonly Activity[],
  workspace: string = DEFAULT_WORKSPACE,
): readonly Issue[] {
  const using = activities.filter(
    (activity) =>
      activity.status === "live" &&
      workspaceOf(activity) === workspace &&
      audiencesOf(activity).has(audienceId),
  );
  return using.map((activity) => ({
    code: "target.audience-in-use",
    path: ["audiences"],
    message: `The audience ${audienceId} is used by the live activity ${activity.id} (${activity.name}). Stop the activity or change its audience first.`,
  }));
}

/**
 * Why an activity may not go live: it asks about audiences that no connection of its workspace maps, so that nobody
 * would ever be in them. Empty for one that is not live. `mapped`: by workspace, the ids of mapped audiences.
 */
export function checkActivityAudiences(
  activity: Activity,
  mapped: ReadonlyMap<string, ReadonlySet<string>>,
): readonly Issue[] {
  if (activity.status !== "live") return [];
  const workspace = workspaceOf(activity);
  const known = mapped.get(workspace);
  return [...audiencesOf(activity)]
    .filter((id) => known?.has(id) !== true)
    .map((id) => ({
      code: "target.audience-not-mapped",
      path: ["audience"],
      message: `The audience ${id} is not activated to a Target connection of the workspace ${workspace}. Activate it there first, or save the activity with the status inactive.`,
    }));
}

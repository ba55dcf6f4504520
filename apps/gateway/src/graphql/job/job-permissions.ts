import type { Permission } from "@tessera/governance";
import { may } from "../../access/principal.ts";
import type { Job } from "../../jobs.ts";
import type { GatewayContext } from "../context.ts";
import { demand } from "../failure.ts";

/** What is needed to start jobs of a kind, by the first word of the kind. */
const STARTERS: ReadonlyMap<string, Permission> = new Map<string, Permission>([
  ["setLinkingRules", "manage-identity-namespaces"],
  ["rehearseLinkingRules", "manage-identity-namespaces"],
  ["backup", "manage-sandboxes"],
  ["rebuild", "manage-profiles"],
  ["search", "manage-profiles"],
  ["saveComputedAttribute", "manage-profiles"],
  ["deleteComputedAttribute", "manage-profiles"],
  ["followMergePolicy", "manage-merge-policies"],
  ["export", "export-audience"],
  ["privacy", "manage-privacy-jobs"],
  ["composition", "manage-segments"],
  ["switch", "manage-segments"],
  ["follow", "manage-segments"],
  ["tell", "activate-destinations"],
  ["estimate", "view-segments"],
]);

function starterOf(kind: string): Permission {
  return STARTERS.get(kind.split(" ", 1)[0] ?? "") ?? "evaluate-segment";
}

/** Whether the caller could have started a job. */
export function mayStart({ principal, sandbox }: GatewayContext, { kind }: Pick<Job, "kind">): boolean {
  return may(principal, starterOf(kind), sandbox.name);
}

/** Whether the caller may see a job: all of them with View Segments, and those of the kinds that they may start. */
export function maySee(context: GatewayContext, job: Pick<Job, "kind">): boolean {
  return may(context.principal, "view-segments", context.sandbox.name) || mayStart(context, job);
}

/** Refuses whoever may see no job at all. */
export function demandJobs(context: GatewayContext): void {
  const { principal, sandbox } = context;
  const seesSome = [...STARTERS.values()].some((permission) => may(principal, permission, sandbox.name));
  if (!seesSome) demand(context, "view-segments");
}

/** Refuses whoever may neither stop jobs nor start one of this kind. */
export function demandCancel(context: GatewayContext, job: Pick<Job, "kind">): void {
  if (!mayStart(context, job)) demand(context, "evaluate-segment");
}

import { nextRun } from "@tessera/destinations";
import { campaignLatency, reconcile } from "@tessera/destinations-campaign";
import { formatInstant } from "@tessera/xdm";
import { Arg, Ctx, ID, Query, Resolver } from "type-graphql";
import { exportedAt } from "../../delivery/export-schedule.ts";
import type { GatewayContext } from "../context.ts";
import { demand, failure, valueOf } from "../failure.ts";
import { CampaignLatencyRow, CampaignReconciliation } from "./campaign.type.ts";

/** People who are told one by one. */
const PEOPLE_MAX = 100;

@Resolver()
export class CampaignResolver {
  @Query(() => [CampaignReconciliation], {
    description:
      "Each audience of a Campaign destination beside the full file it would have now: who is in it, who is left out and why. Nothing is written. Permission: View Destinations.",
  })
  async campaignReconciliation(
    @Arg("destinationId", () => ID, { description: "The destination." }) destinationId: string,
    @Arg("audienceIds", () => [ID], { nullable: true, description: "Only these audiences; all without it." })
    audienceIds: string[] | undefined,
    @Ctx() context: GatewayContext,
  ): Promise<CampaignReconciliation[]> {
    demand(context, "view-destinations");
    campaignOf(context, destinationId);
    const planned = valueOf(await context.sandbox.hub.planExports(destinationId, audienceIds ?? undefined));
    return planned.map(({ batch, requests }) => {
      const { people, ...found } = reconcile(batch, requests);
      return { ...found, people: firstOf(people(), PEOPLE_MAX) };
    });
  }

  @Query(() => [CampaignLatencyRow], {
    description:
      "For each audience of a Campaign destination: when it was evaluated, when exported, and when Campaign can use it. Permission: View Destinations.",
  })
  async campaignLatency(
    @Arg("destinationId", () => ID, { description: "The destination." }) destinationId: string,
    @Ctx() context: GatewayContext,
  ): Promise<CampaignLatencyRow[]> {
    demand(context, "view-destinations");
    const { dataflows } = campaignOf(context, destinationId);
    const { hub, store } = context.sandbox;
    const { audiences } = hub.configuration();
    const rows: CampaignLatencyRow[] = [];
    for (const { id: dataflowId, audiences: mapped } of dataflows) {
      for (const { id: audienceId, schedule } of mapped) {
        const audience = audiences.get(audienceId);
        if (audience === undefined) continue;
        // What follows every event is decided all the time; a batch audience when its job ran.
        const decided = audience.evaluation === "batch" ? audience.evaluatedAt : context.gateway.clock();
        if (decided === undefined) continue;
        const last = await exportedAt(store, { dataflowId, audienceId });
        const next = schedule === undefined ? undefined : nextRun(schedule, decided);
        const exported = last !== undefined && last >= decided ? last : (next ?? last);
        if (exported === undefined) continue;
        const latency = campaignLatency(formatInstant(decided), UNSCHEDULED, formatInstant(exported));
        if (latency !== undefined) rows.push({ dataflowId, audienceId, ...latency });
      }
    }
    return rows;
  }
}

function firstOf<T>(all: Iterable<T>, most: number): readonly T[] {
  const found: T[] = [];
  for (const one of all) {
    if (found.length >= most) break;
    found.push(one);
  }
  return found;
}

/** The moment of export is known, so the schedule is not asked. */
const UNSCHEDULED = { mode: "incremental", everyHours: 24, startAt: "1970-01-01T00:00:00Z" } as const;

type Live = ReturnType<ReturnType<GatewayContext["sandbox"]["hub"]["destinations"]>["get"]>;

function campaignOf({ sandbox }: GatewayContext, destinationId: string): NonNullable<Live> {
  const live = sandbox.hub.destinations().get(destinationId);
  if (live === undefined || !live.configured.slug.startsWith("adobe-campaign"))
    throw failure("NOT_FOUND", "There is no Campaign destination of this id in this sandbox.");
  return live;
}

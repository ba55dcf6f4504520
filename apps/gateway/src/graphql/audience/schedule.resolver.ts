import { formatInstant } from "@tessera/xdm";
import { Arg, Ctx, Field, ID, Mutation, ObjectType, Query, Resolver } from "type-graphql";
import {
  type AudienceSchedule,
  audienceSchedules,
  nextEvaluation,
  saveAudienceSchedule,
} from "../../schedules/audience-schedule.ts";
import type { GatewayContext } from "../context.ts";
import { demand, failure, valueOf } from "../failure.ts";
import { DateTime } from "../scalars.ts";

@ObjectType("AudienceSchedule", { description: "When an audience is evaluated for every person, by itself." })
class AudienceScheduleType {
  @Field(() => ID, { description: "The audience." })
  readonly audienceId!: string;

  @Field(() => String, { description: "Minute, hour, day of month, month, day of week." })
  readonly cron!: string;

  @Field(() => String, { description: "IANA name of the time zone." })
  readonly timezone!: string;

  @Field(() => DateTime, { nullable: true, description: "When it runs next." })
  readonly nextAt!: string | undefined;
}

@Resolver()
export class AudienceScheduleResolver {
  @Query(() => [AudienceScheduleType], {
    description: "The schedules of batch audiences. Permission: View Segments.",
  })
  async audienceSchedules(@Ctx() context: GatewayContext): Promise<AudienceScheduleType[]> {
    demand(context, "view-segments");
    return [...(await audienceSchedules(context.sandbox.store)).values()].map(scheduleOf);
  }

  @Mutation(() => AudienceScheduleType, {
    nullable: true,
    description:
      "Sets when an audience is evaluated, in a job, followed by the files that wait for it; null without cron: never by itself. Permission: Manage Segments.",
  })
  async scheduleAudience(
    @Arg("id", () => ID, { description: "A published audience." }) id: string,
    @Arg("cron", () => String, {
      nullable: true,
      description: "Such as 0 3 * * *; without it the schedule goes.",
    })
    cron: string | null | undefined,
    @Arg("timezone", () => String, { defaultValue: "UTC", description: "IANA name, such as Europe/Berlin." })
    timezone: string,
    @Ctx() context: GatewayContext,
  ): Promise<AudienceScheduleType | undefined> {
    demand(context, "manage-segments");
    const { gateway, sandbox } = context;
    if (sandbox.hub.configuration().audiences.get(id)?.status !== "published")
      throw failure("NOT_FOUND", "No such published audience in this sandbox.");
    const given = { audienceId: id, cron: cron ?? undefined, timezone };
    const saved = valueOf(await saveAudienceSchedule(sandbox.store, given, gateway.clock()));
    gateway.audit(context, { action: "audience.schedule", subject: id });
    return saved && scheduleOf(saved);
  }
}

function scheduleOf(schedule: AudienceSchedule): AudienceScheduleType {
  const { audienceId, cron, timezone } = schedule;
  const next = nextEvaluation(schedule);
  return { audienceId, cron, timezone, nextAt: next === undefined ? undefined : formatInstant(next) };
}

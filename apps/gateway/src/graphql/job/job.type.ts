import { formatInstant } from "@tessera/xdm";
import { Field, ID, Int, ObjectType } from "type-graphql";
import type { Job } from "../../jobs.ts";
import type { GatewayContext } from "../context.ts";
import { mayStart } from "./job-permissions.ts";
import { DateTime, Json } from "../scalars.ts";

@ObjectType("Job", { description: "Long work: where it stands and what came of it." })
export class JobType {
  @Field(() => ID, { description: "Stable id." })
  readonly id!: string;

  @Field(() => String, { description: "What it does." })
  readonly kind!: string;

  @Field(() => String, { description: "running, done, failed or cancelled." })
  readonly status!: string;

  @Field(() => Int, { description: "Steps done, of whatever the job counts: persons, files, audiences." })
  readonly done!: number;

  @Field(() => Int, { description: "Steps there are; 0 while that is not known." })
  readonly total!: number;

  @Field(() => DateTime, { description: "When it began." })
  readonly startedAt!: string;

  @Field(() => DateTime, { nullable: true, description: "When it ended." })
  readonly endedAt!: string | undefined;

  @Field(() => Json, {
    nullable: true,
    description:
      "What came of it. What names persons is told by the process that ran the job, to those who could have started it.",
  })
  readonly result!: unknown;

  @Field(() => String, { nullable: true, description: "Why it failed or was cancelled." })
  readonly message!: string | undefined;
}

/** A job as the API tells it. */
export function jobOf({ id, kind, status, done, total, startedAt, endedAt, result, message }: Job): JobType {
  return {
    id,
    kind,
    status,
    done,
    total,
    startedAt: formatInstant(startedAt),
    endedAt: endedAt === undefined ? undefined : formatInstant(endedAt),
    result,
    message,
  };
}

/** The job at work in a sandbox that is about something, if there is one: its kind names the id. */
export function runningJob({ gateway, sandbox }: GatewayContext, id: string): Job | undefined {
  return gateway.jobs
    .list(sandbox.name)
    .find(({ kind, status }) => status === "running" && kind.split(" ").includes(id));
}

/** A job as one caller may see it: what names persons is for those alone who could have started it. */
export function jobFor(context: GatewayContext, job: Job): JobType {
  const told = jobOf(job);
  return job.namesPersons === true && !mayStart(context, job) ? { ...told, result: undefined } : told;
}

import type { Hub } from "@tessera/hub";
import { Arg, Ctx, Mutation, Resolver } from "type-graphql";
import type { Composition } from "@tessera/segment-engine";
import type { GatewayContext } from "../context.ts";
import { demand, valueOf } from "../failure.ts";
import { demandFields } from "../hidden-fields.ts";
import { jobOf, JobType } from "../job/job.type.ts";
import { JsonObjectScalar } from "../scalars.ts";
import { readComposition } from "./read-composition.ts";

@Resolver()
export class CompositionResolver {
  @Mutation(() => JobType, {
    description:
      "Saves a composition under its id, as createComposition and updateComposition do, and evaluates it over all persons, in a job: starts with some audiences, takes others out, then saves, splits or ranks. Each part fills an audience of its name; who is no longer in a part leaves it. The audiences with their counts are the result. Permissions: Manage Segments and Evaluate a Segment to an Audience.",
  })
  runComposition(
    @Arg("composition", () => JsonObjectScalar, {
      description:
        "{id, start: union|intersect|exclude-overlap, audiences: [ids], exclude: [ids], end: {kind: save, name} | {kind: split-percent, parts: [{name, percent}]} | {kind: split-attribute, path, parts: [{name, values}]} | {kind: rank, name, path, order: ascending|descending, limit}}; percent from 0 to 100, at most 100 in all.",
    })
    composition: object,
    @Ctx() context: GatewayContext,
  ): JobType {
    demand(context, "manage-segments");
    demand(context, "evaluate-segment");
    const { gateway, sandbox } = context;
    const wanted = valueOf(readComposition(composition, sandbox));
    const { end } = wanted;
    if ("path" in end) demandFields(context, { attributes: [end.path], events: [] });
    const job = gateway.jobs.start(sandbox.name, `composition ${wanted.id}`, (progress) =>
      run(sandbox.hub, wanted, progress),
    );
    gateway.audit(context, { action: "composition.run", subject: wanted.id });
    return jobOf(job);
  }
}

/** An audience that a composition filled. */
interface FilledAudience {
  readonly audienceId: string;
  readonly name: string;
  readonly count: number;
}

async function run(
  hub: Hub,
  { id, ...composition }: Composition,
  progress: (done: number, total: number) => void,
): Promise<readonly FilledAudience[]> {
  const input = { ...composition, name: id };
  const saved = valueOf(await hub.saveComposition(input, id, { create: true, bareNames: true }));
  const evaluated = valueOf(await hub.evaluateAudiences(Object.values(saved.audienceIds), progress));
  const counts = new Map(evaluated.map((audience) => [audience.id, audience.count]));
  return Object.entries(saved.audienceIds).map(([name, audienceId]) => ({
    audienceId,
    name,
    count: counts.get(audienceId) ?? 0,
  }));
}

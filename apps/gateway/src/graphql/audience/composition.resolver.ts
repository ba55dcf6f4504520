import { Arg, Ctx, Mutation, Resolver } from "type-graphql";
import { readComposition, runComposition } from "../../run-composition.ts";
import type { GatewayContext } from "../context.ts";
import { demand, valueOf } from "../failure.ts";
import { demandFields } from "../hidden-fields.ts";
import { jobOf, JobType } from "../job/job.type.ts";
import { JsonObjectScalar } from "../scalars.ts";

@Resolver()
export class CompositionResolver {
  @Mutation(() => JobType, {
    description:
      "Runs a composition of audiences over all persons, in a job: starts with some audiences, takes others out, then saves, splits or ranks. Each part fills an audience of its name; who is no longer in a part leaves it. The audiences with their counts are the result. Permissions: Manage Segments and Evaluate a Segment to an Audience.",
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
    const { clock, newId } = gateway;
    const wanted = valueOf(readComposition(composition, sandbox));
    const { end } = wanted;
    if ("path" in end) demandFields(context, { attributes: [end.path], events: [] });
    const job = gateway.jobs.start(sandbox.name, `composition ${wanted.id}`, async (progress) =>
      valueOf(await runComposition(sandbox, wanted, { clock, newId, progress })),
    );
    gateway.audit(context, { action: "composition.run", subject: wanted.id });
    return jobOf(job);
  }
}

import { Arg, Ctx, ID, Mutation, Query, Resolver } from "type-graphql";
import type { GatewayContext } from "../context.ts";
import { demand, valueOf } from "../failure.ts";
import { demandFields } from "../hidden-fields.ts";
import { compositionInputOf, compositionOf } from "./composition.mapper.ts";
import { CompositionInput, CompositionType } from "./composition.type.ts";

@Resolver()
export class SavedCompositionResolver {
  @Query(() => [CompositionType], {
    description: "All compositions of the sandbox. Permission: View Segments.",
  })
  async compositions(@Ctx() context: GatewayContext): Promise<CompositionType[]> {
    demand(context, "view-segments");
    const { hub } = context.sandbox;
    return Promise.all(hub.compositions().map((stored) => compositionOf(stored, hub)));
  }

  @Mutation(() => CompositionType, {
    description:
      "Makes audiences of audiences. They have members after their evaluation: evaluateAudiences, startEvaluation, or a schedule. Permission: Manage Segments.",
  })
  async createComposition(
    @Arg("input", () => CompositionInput, { description: "What it is to be." }) input: CompositionInput,
    @Ctx() context: GatewayContext,
  ): Promise<CompositionType> {
    return save(context, input);
  }

  @Mutation(() => CompositionType, {
    description:
      "Edits a composition; parts of the same name keep their audience, others go. Permission: Manage Segments.",
  })
  async updateComposition(
    @Arg("id", () => ID, { description: "The composition." }) id: string,
    @Arg("input", () => CompositionInput, { description: "What it is to be." }) input: CompositionInput,
    @Ctx() context: GatewayContext,
  ): Promise<CompositionType> {
    return save(context, input, id);
  }

  @Mutation(() => Boolean, {
    description:
      "Removes a composition and its audiences; refused while other audiences refer to these. Permission: Manage Segments.",
  })
  async deleteComposition(
    @Arg("id", () => ID, { description: "The composition." }) id: string,
    @Ctx() context: GatewayContext,
  ): Promise<boolean> {
    demand(context, "manage-segments");
    valueOf(await context.sandbox.hub.deleteComposition(id));
    context.gateway.audit(context, { action: "composition.delete", subject: id });
    return true;
  }
}

async function save(context: GatewayContext, input: CompositionInput, id?: string): Promise<CompositionType> {
  demand(context, "manage-segments");
  const { hub } = context.sandbox;
  const wanted = valueOf(compositionInputOf(input));
  if ("path" in wanted.end) demandFields(context, { attributes: [wanted.end.path], events: [] });
  const saved = valueOf(await hub.saveComposition(wanted, id));
  const action = id === undefined ? "composition.create" : "composition.update";
  context.gateway.audit(context, { action, subject: saved.id });
  return compositionOf(saved, hub);
}

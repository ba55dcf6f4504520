import { Arg, Ctx, Field, Mutation, ObjectType, Query, Resolver } from "type-graphql";
import type { GatewayContext } from "../context.ts";
import { demand, valueOf } from "../failure.ts";

@ObjectType({ description: "The labels on a field of persons and events." })
class LabelledField {
  @Field(() => String, { description: "Dotted path." })
  readonly path!: string;

  @Field(() => [String], { description: "Labels such as C1, I1, S1 or custom/Internal." })
  readonly labels!: readonly string[];
}

@Resolver()
export class GovernanceResolver {
  @Query(() => [LabelledField], {
    description:
      "Labelled fields: hidden from roles that do not hold all their labels. Permission: View Data Usage Policies.",
  })
  labelledFields(@Ctx() context: GatewayContext): LabelledField[] {
    demand(context, "view-policies");
    return Object.entries(context.sandbox.labels.all()).map(([path, labels]) => ({ path, labels }));
  }

  @Mutation(() => [LabelledField], {
    description:
      "Sets the labels of a field; an empty list removes them. Permission: Apply Data Usage Labels.",
  })
  async labelField(
    @Arg("path", () => String) path: string,
    @Arg("labels", () => [String]) labels: string[],
    @Ctx() context: GatewayContext,
  ): Promise<LabelledField[]> {
    demand(context, "apply-labels");
    const all = valueOf(await context.sandbox.labels.label(path, labels));
    context.gateway.audit(context, { action: "field.label", subject: path });
    return Object.entries(all).map(([field, held]) => ({ path: field, labels: held }));
  }
}

import { Ctx, Field, Float, ObjectType, Query, Resolver } from "type-graphql";
import type { GatewayContext } from "../context.ts";
import { demand } from "../failure.ts";

@ObjectType({ description: "Numbers of stored things in the sandbox." })
class Totals {
  @Field(() => Float, { description: "Persons of whom anything was ever said." })
  readonly persons!: number;

  @Field(() => Float, { description: "Events." })
  readonly events!: number;

  @Field(() => Float, { description: "Profile records." })
  readonly records!: number;

  @Field(() => Float, { description: "Identities." })
  readonly identities!: number;
}

@Resolver()
export class TotalsResolver {
  @Query(() => Totals, { description: "Numbers of stored things. Permission: View Profiles." })
  totals(@Ctx() context: GatewayContext): Promise<Totals> {
    demand(context, "view-profiles");
    return context.sandbox.hub.totals();
  }
}

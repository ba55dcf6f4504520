import { Field, ObjectType } from "type-graphql";
import { DateTime } from "../scalars.ts";
import { IdentityType } from "./identity.type.ts";

@ObjectType("IdentityDecision", { description: "What somebody decided about who is who." })
export class IdentityDecisionType {
  @Field(() => String, { description: "unlink, relink, block or unblock." })
  readonly kind!: string;

  @Field(() => IdentityType, { description: "The identity, or one of the two." })
  readonly identity!: IdentityType;

  @Field(() => IdentityType, { nullable: true, description: "The other identity, of unlink and relink." })
  readonly other?: IdentityType;

  @Field(() => DateTime, { description: "When it was decided." })
  readonly at!: string;

  @Field(() => String, {
    nullable: true,
    description: "Of unlink: never, or observed: until a later record shows both.",
  })
  readonly relink?: string | undefined;
}

import {
  type ActivationItem,
  type DeadLetter,
  type DeadLetterQuery,
  replayDeadLetters,
} from "@tessera/destinations";
import { formatInstant, identityKey, type JsonObject, type JsonValue, parseJson } from "@tessera/xdm";
import { idsOfPerson } from "@tessera/hub";
import { Args, ArgsType, Ctx, Field, ID, InputType, Mutation, ObjectType, Resolver } from "type-graphql";
import type { GatewayContext } from "../context.ts";
import { demand, failure } from "../failure.ts";
import { IdentityInput } from "../identity/identity.type.ts";
import { DateTime, JsonObjectScalar } from "../scalars.ts";

@InputType({ description: "Which dead letters: all that is given must hold." })
export class DeadLetterFilter {
  @Field(() => [String], { nullable: true, description: "Set aside for one of these reasons." })
  readonly codes?: string[];

  @Field(() => ID, { nullable: true, description: "Of one dataflow." })
  readonly dataflowId?: string;

  @Field(() => IdentityInput, { nullable: true, description: "About the person who has this identity." })
  readonly identity?: IdentityInput;

  @Field(() => DateTime, { nullable: true, description: "Set aside at this time or later." })
  readonly since?: Date;
}

@ObjectType("DeadLetter", { description: "A record that a destination will not take as it is." })
export class DeadLetterType {
  @Field(() => ID, { description: "Id of the item." })
  readonly id!: string;

  @Field(() => DateTime, { description: "When it was set aside." })
  readonly at!: string;

  @Field(() => String, { description: "Why, as a stable code." })
  readonly code!: string;

  @Field(() => String, { nullable: true, description: "Why, for the operator." })
  readonly detail!: string | undefined;

  @Field(() => [String], { description: "The persons it tells about." })
  readonly persons!: readonly string[];
}

@ObjectType({ description: "What became of dead letters that were sent again." })
class ReplayReport {
  @Field(() => [ID], { description: "Sent again." })
  readonly replayed!: readonly string[];

  @Field(() => [ID], { description: "Left out: the destination was told something newer since." })
  readonly superseded!: readonly string[];
}

@ArgsType()
class ReplayArgs {
  @Field(() => ID, { description: "The destination." })
  readonly destinationId!: string;

  @Field(() => [ID], { nullable: true, description: "Only these items." })
  readonly ids?: string[];

  @Field(() => DeadLetterFilter, { nullable: true, description: "Only those that it lets through." })
  readonly filter?: DeadLetterFilter;

  @Field(() => JsonObjectScalar, {
    nullable: true,
    description:
      "Mends them: values by target field that take the place of what was sent; null takes one out.",
  })
  readonly attributes?: object;
}

@Resolver()
export class DeadLetterResolver {
  @Mutation(() => ReplayReport, {
    description:
      "Sends dead letters to their destination again, up to 1,000: those named, those of a filter, or all. Permission: Activate Destinations.",
  })
  async replayDeadLetters(
    @Args(() => ReplayArgs) { destinationId, ids, filter, attributes }: ReplayArgs,
    @Ctx() context: GatewayContext,
  ): Promise<ReplayReport> {
    demand(context, "activate-destinations");
    const { gateway, sandbox } = context;
    gateway.audit(context, { action: "deadLetters.replay", subject: destinationId });
    const query = await deadLetterQuery(context, destinationId, filter ?? {});
    return replayDeadLetters(gateway.delivery(sandbox.name).store, {
      query: { ...query, limit: 1_000, ...(ids && { ids }) },
      now: formatInstant(gateway.clock()),
      ...(attributes && { fix: (item) => mended(item, attributes) }),
    });
  }
}

/** The filter as the store takes it. Someone who is not known has no letters. */
export async function deadLetterQuery(
  context: GatewayContext,
  destinationId: string,
  { codes, dataflowId, identity, since }: DeadLetterFilter,
): Promise<Omit<DeadLetterQuery, "limit">> {
  if (identity) {
    demand(context, "view-profiles");
    context.gateway.audit(context, { action: "deadLetters.view", person: identityKey(identity) });
  }
  const person = identity && (await context.sandbox.hub.profile({ ...identity }));
  return {
    destinationId,
    ...(codes && { codes }),
    ...(dataflowId && { dataflowId }),
    ...(identity && { personIds: person ? idsOfPerson(person.personId, person.identities) : [] }),
    ...(since && { since: since.toISOString() }),
  };
}

/** An item with other values for some fields. */
function mended(item: ActivationItem, attributes: object): ActivationItem {
  const json = parseJson(attributes);
  if ("badPath" in json) throw failure("BAD_USER_INPUT", "attributes: expected JSON data.");
  const next: Record<string, JsonValue | undefined> = { ...item.attributes, ...(json.value as JsonObject) };
  for (const [name, value] of Object.entries(next)) if (value === null) delete next[name];
  return { ...item, attributes: next };
}

/** A dead letter as the API tells it. */
export function deadLetterOf({ item, at, code, detail }: DeadLetter): DeadLetterType {
  return { id: item.id, at, code, detail, persons: item.lanes };
}

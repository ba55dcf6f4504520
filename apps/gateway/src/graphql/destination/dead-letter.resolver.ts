import { type ActivationItem, type DeadLetter, replayDeadLetters } from "@tessera/destinations";
import { formatInstant, type JsonObject, type JsonValue, parseJson } from "@tessera/xdm";
import { Arg, Ctx, Field, ID, Mutation, ObjectType, Resolver } from "type-graphql";
import type { GatewayContext } from "../context.ts";
import { demand, failure } from "../failure.ts";
import { DateTime, JsonObjectScalar } from "../scalars.ts";

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

@Resolver()
export class DeadLetterResolver {
  @Mutation(() => ReplayReport, {
    description:
      "Sends dead letters to their destination again; all, up to 1,000, without ids. Permission: Activate Destinations.",
  })
  async replayDeadLetters(
    @Arg("destinationId", () => ID, { description: "The destination." }) destinationId: string,
    @Arg("ids", () => [ID], { nullable: true, description: "Ids of items; all, up to 1,000, without it." })
    ids: string[] | undefined,
    @Arg("attributes", () => JsonObjectScalar, {
      nullable: true,
      description:
        "Mends them: values by target field that take the place of what was sent; null takes one out.",
    })
    attributes: object | null | undefined,
    @Ctx() context: GatewayContext,
  ): Promise<ReplayReport> {
    demand(context, "activate-destinations");
    const { gateway, sandbox } = context;
    gateway.audit(context, { action: "deadLetters.replay", subject: destinationId });
    return replayDeadLetters(gateway.delivery(sandbox.name).store, {
      query: { destinationId, limit: 1_000, ...(ids && { ids }) },
      now: formatInstant(gateway.clock()),
      ...(attributes && { fix: (item) => mended(item, attributes) }),
    });
  }
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

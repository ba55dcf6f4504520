import {
  parseIdentityType,
  parseSimulation,
  simulateGraph,
  type SimulatedNamespace,
} from "@tessera/identity-graph";
import { formatInstant } from "@tessera/xdm";
import { Arg, Ctx, Field, InputType, Int, ObjectType, Query, Resolver } from "type-graphql";
import type { GatewayContext } from "../context.ts";
import { demand, failure, valueOf } from "../failure.ts";
import { explainRemoval } from "./identity.mapper.ts";
import { IdentityType } from "./identity.type.ts";

const EVENTS_MAX = 200_000;

@InputType({ description: "How a namespace is set in a simulation." })
class SimulatedNamespaceInput {
  @Field(() => String, { description: "Its symbol, as in the events." })
  readonly namespace!: string;

  @Field(() => String, {
    defaultValue: "COOKIE",
    description: "Identity type, such as CROSS_DEVICE, COOKIE or DEVICE.",
  })
  readonly type!: string;

  @Field(() => Boolean, { defaultValue: false, description: "Whether a person has one value of it at most." })
  readonly unique!: boolean;

  @Field(() => Int, { description: "Priority, 1 first." })
  readonly priority!: number;
}

@ObjectType({ description: "A link that a simulation took away." })
class SimulatedRemovalType {
  @Field(() => IdentityType, { description: "One end." })
  readonly a!: IdentityType;

  @Field(() => IdentityType, { description: "The other end." })
  readonly b!: IdentityType;

  @Field(() => String, { description: "The rule: unique, maxValues, newValues, apart or cap." })
  readonly reason!: string;

  @Field(() => String, { description: "Why, in words." })
  readonly explanation!: string;
}

@ObjectType({ description: "What linking rules make of some events." })
class SimulationType {
  @Field(() => [[IdentityType]], { description: "The graphs of at least two identities." })
  readonly graphs!: readonly (readonly IdentityType[])[];

  @Field(() => [SimulatedRemovalType], { description: "Links that are not in force at the end." })
  readonly removedLinks!: readonly SimulatedRemovalType[];

  @Field(() => [IdentityType], { nullable: "items", description: "The primary identity of each event." })
  readonly eventPrimaries!: readonly (IdentityType | null)[];

  @Field(() => [IdentityType], {
    description: "Junk values that took no part: null, anonymous, all zeros and the like.",
  })
  readonly leftOut!: readonly IdentityType[];

  @Field(() => String, { description: "When it was worked out." })
  readonly at!: string;
}

@Resolver()
export class SimulationResolver {
  @Query(() => SimulationType, {
    description:
      "Tries linking rules on a few events, by the code that links real ones; nothing is stored. Permission: View Identity Namespaces.",
  })
  simulateIdentityGraph(
    @Arg("namespaces", () => [SimulatedNamespaceInput], { description: "The rules to try." })
    namespaces: SimulatedNamespaceInput[],
    @Arg("events", () => String, {
      description: "One event a line: CRMID: Jane, ECID: 1. At most 200,000 characters.",
    })
    events: string,
    @Arg("cap", () => Int, { nullable: true, description: "Most identities in a graph; 50 without it." })
    cap: number | undefined,
    @Ctx() context: GatewayContext,
  ): SimulationType {
    demand(context, "view-identity-namespaces");
    if (events.length > EVENTS_MAX)
      throw failure("TOO_MUCH", `events: expected at most ${EVENTS_MAX} characters.`);
    const parsed = valueOf(parseSimulation(events));
    const settings = namespaces.map(settingOf);
    const result = simulateGraph({ settings, events: parsed, ...(typeof cap === "number" && { cap }) });
    return {
      graphs: result.graphs,
      removedLinks: result.removedLinks.map(({ a, b, reason }) => ({
        a,
        b,
        reason: reason.rule,
        explanation: explainRemoval(reason),
      })),
      eventPrimaries: result.eventPrimaries,
      leftOut: (result.leftOut ?? []).map(({ identity }) => identity),
      at: formatInstant(context.gateway.clock()),
    };
  }
}

function settingOf({ namespace, type, unique, priority }: SimulatedNamespaceInput): SimulatedNamespace {
  const known = parseIdentityType(type);
  if (known === undefined) {
    throw failure(
      "BAD_USER_INPUT",
      "type: expected an identity type such as CROSS_DEVICE, COOKIE or DEVICE.",
    );
  }
  return { namespace, type: known, unique, priority };
}

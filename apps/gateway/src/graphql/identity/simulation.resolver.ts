import {
  parseIdentityType,
  parseSimulation,
  simulateGraph,
  type SimulatedNamespace,
} from "@tessera/identity-graph";
import { describe, formatInstant } from "@tessera/xdm";
import type { GraphQLError } from "graphql";
import { Args, ArgsType, Ctx, Field, Float, InputType, Int, ObjectType, Query, Resolver } from "type-graphql";
import type { GatewayContext } from "../context.ts";
import { demand, failure, valueOf } from "../failure.ts";
import { explainRemoval } from "./identity.mapper.ts";
import { DateTime } from "../scalars.ts";
import { IdentityType } from "./identity.type.ts";

const EVENTS_MAX = 200_000;
const CAP_LEAST = 2;
const DAY_MS = 86_400_000;

@InputType({
  description: "A protection: so many values of a namespace at most may be new to a graph within a time.",
})
class NewValuesInput {
  @Field(() => Int, { description: "Values that may be new, 1 or more." })
  readonly count!: number;

  @Field(() => Float, { description: "Within so many days, above 0; a part of a day is 1 / 24 for an hour." })
  readonly withinDays!: number;
}

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

  @Field(() => Int, {
    nullable: true,
    description: "A protection: most values of it in a graph, 1 or more; no limit without it.",
  })
  readonly maxValues?: number | null;

  @Field(() => NewValuesInput, {
    nullable: true,
    description: "A protection: most new values of it within a time; no limit without it.",
  })
  readonly newValues?: NewValuesInput | null;
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

/** What is tried. */
@ArgsType()
class SimulationArgs {
  @Field(() => [SimulatedNamespaceInput], { description: "The rules to try." })
  readonly namespaces!: SimulatedNamespaceInput[];

  @Field(() => String, {
    description: "One event a line: CRMID: Jane, ECID: 1. At most 200,000 characters.",
  })
  readonly events!: string;

  @Field(() => Int, {
    nullable: true,
    description: "Most identities in a graph, 2 or more; 50 without it.",
  })
  readonly cap?: number | null;

  @Field(() => [DateTime], {
    nullable: true,
    description:
      "When each event happened, one for each line that is neither empty nor a comment; a millisecond apart without it. Limits on new values within a time go by them.",
  })
  readonly times?: readonly Date[] | null;
}

@Resolver()
export class SimulationResolver {
  @Query(() => SimulationType, {
    description:
      "Tries linking rules on a few events, by the code that links real ones; nothing is stored. Permission: View Identity Namespaces.",
  })
  simulateIdentityGraph(
    @Args(() => SimulationArgs) { namespaces, events: text, cap, times }: SimulationArgs,
    @Ctx() context: GatewayContext,
  ): SimulationType {
    demand(context, "view-identity-namespaces");
    if (text.length > EVENTS_MAX)
      throw failure(
        "TOO_MUCH",
        `events: expected at most ${EVENTS_MAX} characters, got ${text.length}. Try fewer.`,
      );
    const parsed = valueOf(parseSimulation(text));
    const settings = namespaces.map(settingOf);
    const twice = settings.find(
      ({ namespace }, index) => settings.findIndex((other) => other.namespace === namespace) < index,
    );
    if (twice !== undefined)
      throw wrong("namespaces", {
        expected: "each namespace once",
        came: `${twice.namespace} twice`,
        todo: "Leave one out.",
      });
    if (times && times.length !== parsed.length)
      throw wrong("times", {
        expected: `${parsed.length}, one for each event`,
        came: `${times.length}`,
        todo: "Send as many as there are events, or none.",
      });
    const events = parsed.map((event, index) => {
      const at = times?.[index];
      return at === undefined ? event : { ...event, t: at.getTime() };
    });
    if (typeof cap === "number" && cap < CAP_LEAST)
      throw wrong("cap", { expected: `${CAP_LEAST} or more`, came: `${cap}`, todo: "Leave it out for 50." });
    const result = simulateGraph({ settings, events, ...(typeof cap === "number" && { cap }) });
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

/** What is wrong with an argument: settings and numbers, never values of identities. */
function wrong(
  what: string,
  { expected, came, todo }: { readonly expected: string; readonly came: string; readonly todo: string },
): GraphQLError {
  return failure("BAD_USER_INPUT", `${what}: expected ${expected}, got ${came}. ${todo}`);
}

function settingOf(input: SimulatedNamespaceInput): SimulatedNamespace {
  const { namespace, type, unique, priority, maxValues, newValues } = input;
  const known = parseIdentityType(type);
  const refuse = (field: string, expected: string, came: string): GraphQLError =>
    wrong(`namespaces, ${namespace}, ${field}`, { expected, came, todo: "Correct it and try again." });
  if (known === undefined)
    throw refuse("type", "an identity type such as CROSS_DEVICE, COOKIE or DEVICE", describe(type));
  if (priority < 1) throw refuse("priority", "1 or more", `${priority}`);
  if (typeof maxValues === "number" && maxValues < 1) throw refuse("maxValues", "1 or more", `${maxValues}`);
  if (newValues && newValues.count < 1) throw refuse("newValues.count", "1 or more", `${newValues.count}`);
  if (newValues && !(newValues.withinDays > 0))
    throw refuse("newValues.withinDays", "a number above 0", `${newValues.withinDays}`);
  return {
    namespace,
    type: known,
    unique,
    priority,
    ...(typeof maxValues === "number" && { maxValues }),
    ...(newValues && {
      newValues: {
        count: newValues.count,
        withinMs: Math.max(1, Math.round(newValues.withinDays * DAY_MS)),
      },
    }),
  };
}

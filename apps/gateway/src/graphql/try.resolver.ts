import { Arg, createUnionType, Ctx, ID, Mutation, Resolver } from "type-graphql";
import { AudienceResolver } from "./audience/audience.resolver.ts";
import { Audience, CreateAudienceInput } from "./audience/audience.type.ts";
import type { GatewayContext } from "./context.ts";
import { DataflowResolver } from "./destination/dataflow.resolver.ts";
import { UpdateDataflowInput } from "./destination/dataflow.type.ts";
import { DestinationResolver } from "./destination/destination.resolver.ts";
import {
  ActivateAudiencesInput,
  Activation,
  CreateDestinationInput,
  DataflowType,
  Destination,
} from "./destination/destination.type.ts";
import { isRefusal, orRefusal, Refusal } from "./refusal.type.ts";

const AudienceResult = createUnionType({
  name: "AudienceResult",
  description: "The audience, or why there is none.",
  types: () => [Audience, Refusal] as const,
  resolveType: (value) => (isRefusal(value) ? Refusal : Audience),
});
const DestinationResult = createUnionType({
  name: "DestinationResult",
  description: "The destination, or why there is none.",
  types: () => [Destination, Refusal] as const,
  resolveType: (value) => (isRefusal(value) ? Refusal : Destination),
});
const ActivationResult = createUnionType({
  name: "ActivationResult",
  description:
    "What activating brought about, or why it was refused: policies with their lineage among the issues.",
  types: () => [Activation, Refusal] as const,
  resolveType: (value) => (isRefusal(value) ? Refusal : Activation),
});
const DataflowResult = createUnionType({
  name: "DataflowResult",
  description: "The dataflow as it stands, or why it was refused.",
  types: () => [DataflowType, Refusal] as const,
  resolveType: (value) => (isRefusal(value) ? Refusal : DataflowType),
});

const audiences = new AudienceResolver();
const destinations = new DestinationResolver();
const dataflows = new DataflowResolver();

/** The edits that people make by hand, with their expected failures as data instead of errors. */
@Resolver()
export class TryResolver {
  @Mutation(() => AudienceResult, { description: "createAudience, with its refusal as data." })
  tryCreateAudience(
    @Arg("input", () => CreateAudienceInput, { description: "As for createAudience." })
    input: CreateAudienceInput,
    @Ctx() context: GatewayContext,
  ): Promise<typeof AudienceResult> {
    return orRefusal(() => audiences.createAudience(input, context));
  }

  @Mutation(() => AudienceResult, { description: "updateAudience, with its refusal as data." })
  tryUpdateAudience(
    @Arg("id", () => ID, { description: "The audience." }) id: string,
    @Arg("input", () => CreateAudienceInput, { description: "As for updateAudience." })
    input: CreateAudienceInput,
    @Ctx() context: GatewayContext,
  ): Promise<typeof AudienceResult> {
    return orRefusal(() => audiences.updateAudience(id, input, context));
  }

  @Mutation(() => DestinationResult, { description: "createDestination, with its refusal as data." })
  tryCreateDestination(
    @Arg("input", () => CreateDestinationInput, { description: "As for createDestination." })
    input: CreateDestinationInput,
    @Ctx() context: GatewayContext,
  ): Promise<typeof DestinationResult> {
    return orRefusal(() => destinations.createDestination(input, context));
  }

  @Mutation(() => ActivationResult, { description: "activateAudiences, with its refusal as data." })
  tryActivateAudiences(
    @Arg("input", () => ActivateAudiencesInput, { description: "As for activateAudiences." })
    input: ActivateAudiencesInput,
    @Ctx() context: GatewayContext,
  ): Promise<typeof ActivationResult> {
    return orRefusal(() => destinations.activateAudiences(input, context));
  }

  @Mutation(() => DataflowResult, { description: "updateDataflow, with its refusal as data." })
  tryUpdateDataflow(
    @Arg("input", () => UpdateDataflowInput, { description: "As for updateDataflow." })
    input: UpdateDataflowInput,
    @Ctx() context: GatewayContext,
  ): Promise<typeof DataflowResult> {
    return orRefusal(() => dataflows.updateDataflow(input, context));
  }
}

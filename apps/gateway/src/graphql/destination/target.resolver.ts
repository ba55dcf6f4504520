import {
  explainTargetMode,
  NO_DATASTREAM,
  TARGET_CLIENTS,
  targetMode,
  workspaceOf,
} from "@tessera/destinations-target";
import { Arg, Ctx, FieldResolver, ID, Mutation, Query, Resolver, Root } from "type-graphql";
import type { GatewayContext } from "../context.ts";
import { demand, valueOf } from "../failure.ts";
import { JsonObjectScalar } from "../scalars.ts";
import { activitiesOf, datastreamOf, targetSettingsOf } from "./check-target.ts";
import { Destination } from "./destination.type.ts";
import { TargetSetup, TargetMode } from "./target.type.ts";

@Resolver(() => Destination)
export class TargetResolver {
  @FieldResolver(() => TargetSetup, {
    nullable: true,
    description: "What it is to Target, and what works by it; null for other types.",
  })
  async target(
    @Root() { id }: Destination,
    @Ctx() { sandbox }: GatewayContext,
  ): Promise<TargetSetup | undefined> {
    const live = sandbox.hub.destinations().get(id);
    const settings = live && targetSettingsOf(live);
    if (settings === undefined) return undefined;
    const { workspace, datastreamId } = settings;
    const activities = (await activitiesOf(sandbox)).filter(
      (activity) => activity.status === "live" && workspaceOf(activity) === workspace,
    );
    return {
      workspace,
      datastreamId,
      liveActivityIds: activities.map((activity) => String(activity.id)),
      modes: await modesOf(sandbox, datastreamId),
    };
  }

  @Query(() => [TargetMode], {
    description:
      "What works with Target over a datastream, by kind of client; of a connection without a datastream with `none`. Permission: View Destinations.",
  })
  targetModes(
    @Arg("datastreamId", () => ID, { defaultValue: NO_DATASTREAM, description: "The datastream." })
    datastreamId: string,
    @Ctx() context: GatewayContext,
  ): Promise<readonly TargetMode[]> {
    demand(context, "view-destinations");
    return modesOf(context.sandbox, datastreamId);
  }

  @Mutation(() => JsonObjectScalar, {
    description:
      "Deletes an activity, live or not; edges stop showing it with their next snapshot. Permission: Manage Destinations.",
  })
  async deleteActivity(
    @Arg("id", () => ID, { description: "The activity." }) id: string,
    @Ctx() context: GatewayContext,
  ): Promise<object> {
    demand(context, "manage-destinations");
    const deleted = valueOf(await context.sandbox.hub.deleteEdgeDocument("activity", id));
    context.gateway.audit(context, { action: "activity.delete", subject: id });
    return deleted;
  }

  @Mutation(() => JsonObjectScalar, {
    description:
      "Deletes a datastream that no destination serves; edges refuse its requests with their next snapshot. Permission: Manage Destinations.",
  })
  async deleteDatastream(
    @Arg("id", () => ID, { description: "The datastream." }) id: string,
    @Ctx() context: GatewayContext,
  ): Promise<object> {
    demand(context, "manage-destinations");
    const { sandbox, gateway } = context;
    const users = [...sandbox.hub.destinations().values()].filter(
      ({ stored }) => stored.settings["datastreamId"] === id,
    );
    const issues = users.map(({ stored }) => ({
      code: "datastream.in-use",
      path: ["id"],
      message: `The destination ${stored.name} (${stored.id}) serves this datastream. Give it another one, or delete it first.`,
    }));
    if (issues.length > 0) valueOf({ ok: false, error: issues });
    const deleted = valueOf(await sandbox.hub.deleteEdgeDocument("datastream", id));
    gateway.audit(context, { action: "datastream.delete", subject: id });
    return deleted;
  }
}

async function modesOf(
  sandbox: GatewayContext["sandbox"],
  datastreamId: string,
): Promise<readonly TargetMode[]> {
  const datastream = await datastreamOf(sandbox, datastreamId);
  return TARGET_CLIENTS.map((client): TargetMode => {
    const mode = targetMode({ datastreamId }, datastream, client);
    const { samePage, nextPage, nextSession, attributes, edgeSegmentation, reason, namespaces } = mode;
    return {
      client,
      samePage,
      nextPage,
      nextSession,
      attributes,
      ecidOnly: namespaces !== "any",
      edgeSegmentation,
      reason,
      explanation: explainTargetMode(reason),
    };
  });
}

import { planSandboxOperation, SANDBOX_CONTENTS, type SandboxContent } from "@tessera/governance";
import { Arg, Ctx, Field, Int, Mutation, ObjectType, Query, Resolver } from "type-graphql";
import { may } from "../../access/principal.ts";
import { copyConfiguration } from "../../copy-configuration.ts";
import { changeLinkingRules } from "../../rebuild.ts";
import type { Sandbox } from "../../sandbox.ts";
import { SandboxType } from "../access/access.type.ts";
import type { GatewayContext } from "../context.ts";
import { demand, failure, valueOf } from "../failure.ts";

@ObjectType({ description: "What was copied from one sandbox to another." })
class SandboxCopy {
  @Field(() => [String], {
    description: "Kinds of configuration: schemas, audiences, policies and the like.",
  })
  readonly copied!: readonly string[];

  @Field(() => Int, { description: "Definitions that were copied; those of the same id were replaced." })
  readonly definitions!: number;
}

@Resolver()
export class SandboxResolver {
  @Query(() => [SandboxType], { description: "All sandboxes. Permission: View Sandboxes." })
  sandboxes(@Ctx() context: GatewayContext): SandboxType[] {
    demand(context, "view-sandboxes");
    return [...context.gateway.access.sandboxes()];
  }

  @Mutation(() => SandboxType, {
    description: "Makes an empty sandbox with a store of its own. Permission: Manage Sandboxes.",
  })
  async createSandbox(
    @Arg("name", () => String, { description: "Lower-case letters, digits and hyphens, a letter first." })
    name: string,
    @Arg("title", () => String, { nullable: true, description: "Name for people." })
    title: string | undefined,
    @Arg("type", () => String, { defaultValue: "development", description: "development or production." })
    type: string,
    @Ctx() context: GatewayContext,
  ): Promise<SandboxType> {
    demand(context, "manage-sandboxes");
    const made = valueOf(await context.gateway.access.createSandbox({ name, type, ...(title && { title }) }));
    context.gateway.audit(context, { action: "sandbox.create", subject: name });
    return made;
  }

  @Mutation(() => SandboxType, {
    description:
      "Removes everything in a sandbox, configuration included; its name and roles stay. The default sandbox is never reset. Permission: Reset a Sandbox, there.",
  })
  async resetSandbox(
    @Arg("name", () => String, { description: "Which one." }) name: string,
    @Arg("confirmed", () => Boolean, { defaultValue: false, description: "Needed for production sandboxes." })
    confirmed: boolean,
    @Ctx() context: GatewayContext,
  ): Promise<SandboxType> {
    demandIn(context, "reset-sandboxes", name);
    const { gateway } = context;
    valueOf(planSandboxOperation(gateway.access.sandboxes(), { kind: "reset", sandbox: name, confirmed }));
    gateway.audit(context, { action: "sandbox.reset", subject: name });
    await gateway.dropSandbox(name);
    return find(context, name);
  }

  @Mutation(() => Boolean, {
    description:
      "Removes a sandbox with everything in it. The default sandbox is never deleted. Permission: Manage Sandboxes, there.",
  })
  async deleteSandbox(
    @Arg("name", () => String, { description: "Which one." }) name: string,
    @Arg("confirmed", () => Boolean, { defaultValue: false, description: "Needed for production sandboxes." })
    confirmed: boolean,
    @Ctx() context: GatewayContext,
  ): Promise<boolean> {
    demandIn(context, "manage-sandboxes", name);
    const { gateway } = context;
    valueOf(planSandboxOperation(gateway.access.sandboxes(), { kind: "delete", sandbox: name, confirmed }));
    gateway.audit(context, { action: "sandbox.delete", subject: name });
    valueOf(await gateway.access.removeSandbox(name));
    await gateway.dropSandbox(name);
    return true;
  }

  @Mutation(() => SandboxCopy, {
    description:
      "Copies configuration, all of it or the kinds named, into another sandbox; never data or secrets. Copied dataflows are switched off; whom the target has already is derived anew under copied linking rules, in a job. Permission: Manage Sandboxes, in both.",
  })
  async copySandbox(
    @Arg("from", () => String, { description: "Whose configuration." }) from: string,
    @Arg("to", () => String, { description: "Where to." }) to: string,
    @Arg("only", () => [String], { nullable: true, description: "Kinds; all without it." })
    only: string[] | undefined,
    @Ctx() context: GatewayContext,
  ): Promise<SandboxCopy> {
    demandIn(context, "manage-sandboxes", from);
    demandIn(context, "manage-sandboxes", to);
    const { gateway } = context;
    const plan = valueOf(
      planSandboxOperation(gateway.access.sandboxes(), {
        kind: "copy",
        from,
        to,
        ...(only && { only: contentsOf(only) }),
      }),
    );
    const [source, target] = await Promise.all([gateway.sandbox(from), gateway.sandbox(to)]);
    if (plan.kind !== "copy" || !source || !target) throw failure("NOT_FOUND", "No such sandbox.");
    const definitions = await copyConfiguration(source.store, target.store, plan.copy);
    if (definitions === undefined) {
      throw failure("CONFLICT", "Someone else changed the target meanwhile. Try again.");
    }
    await target.reload();
    if (plan.copy.includes("linking-rules")) await followRules(gateway, target);
    gateway.audit(context, { action: "sandbox.copy", subject: `${from} to ${to}` });
    return { copied: plan.copy, definitions };
  }
}

/** Derives those who are in a sandbox already anew, in a job: they were linked by other rules than those that came. */
async function followRules({ jobs }: GatewayContext["gateway"], sandbox: Sandbox): Promise<void> {
  const { hub, store, name } = sandbox;
  const isSet = (await store.document("linkingRules", "current")) !== undefined;
  if (!isSet || (await hub.totals()).identities === 0) return;
  jobs.start(name, "setLinkingRules", async (progress) =>
    valueOf(await changeLinkingRules(sandbox, hub.configuration().ruleSettings, progress)),
  );
}

/** Throws unless the principal holds the permission in the sandbox named; what is not open to them is not there. */
function demandIn(
  { principal, gateway }: GatewayContext,
  permission: "reset-sandboxes" | "manage-sandboxes",
  name: string,
): void {
  const known = gateway.access.sandboxes().some((sandbox) => sandbox.name === name);
  if (known && may(principal, permission, name)) return;
  throw failure("NOT_FOUND", "There is no sandbox of this name, or no permission for this in it.");
}

function find({ gateway }: GatewayContext, name: string): SandboxType {
  const found = gateway.access.sandboxes().find((sandbox) => sandbox.name === name);
  if (found === undefined) throw failure("NOT_FOUND", "No such sandbox.");
  return found;
}

function contentsOf(names: readonly string[]): readonly SandboxContent[] {
  return names.map((name) => {
    const known = SANDBOX_CONTENTS.find(({ what }) => what === name);
    if (known !== undefined) return known.what;
    throw failure("BAD_USER_INPUT", `only: expected ${SANDBOX_CONTENTS.map(({ what }) => what).join(", ")}.`);
  });
}

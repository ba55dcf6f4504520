import { formatInstant, identityKey } from "@tessera/xdm";
import { Arg, Args, ArgsType, Ctx, Field, ID, Int, Mutation, Query, Resolver } from "type-graphql";
import type { ApiKey } from "../../access/access-registry.ts";
import { secretDigest } from "../../access/principal.ts";
import { AUDIT_KEPT, type PlacedEntry } from "../../observe/audit.ts";
import { connectionType } from "../connection.type.ts";
import type { GatewayContext } from "../context.ts";
import { demand, failure, valueOf } from "../failure.ts";
import { IdentityInput } from "../identity/identity.type.ts";
import { inOrder, type Order, type Page, pageOf } from "../page.ts";
import { PageArgs } from "../page.type.ts";
import { ApiKeyType, AuditLine, NewApiKey, RoleInput, RoleType } from "./access.type.ts";

const AuditLineConnection = connectionType(AuditLine, "AuditLine");

@ArgsType()
class AuditPageArgs extends PageArgs {
  @Field(() => IdentityInput, { nullable: true, description: "Only who looked at this one." })
  readonly identity?: IdentityInput;

  @Field(() => [String], { nullable: true, description: "Only these actions, such as profile.view." })
  readonly actions?: readonly string[];

  @Field(() => String, { nullable: true, description: "Only of this principal, such as jwt:ada." })
  readonly principal?: string;
}

@Resolver()
export class AccessResolver {
  @Query(() => [RoleType], { description: "All roles. For administrators." })
  roles(@Ctx() context: GatewayContext): RoleType[] {
    demandAdministrator(context);
    return context.gateway.access.roles().map(roleOf);
  }

  @Mutation(() => RoleType, { description: "Makes or changes a role. For administrators." })
  async saveRole(
    @Arg("input", () => RoleInput, { description: "The role." }) input: RoleInput,
    @Ctx() context: GatewayContext,
  ): Promise<RoleType> {
    demandAdministrator(context);
    const { id, name, permissions, sandboxes, labels = [] } = input;
    const role = {
      id,
      name,
      permissions: listOf(permissions),
      sandboxes: listOf(sandboxes),
      labels: listOf(labels ?? []),
    };
    const saved = valueOf(await context.gateway.access.saveRole(role));
    context.gateway.audit(context, { action: "role.save", subject: id });
    return roleOf(saved);
  }

  @Query(() => [ApiKeyType], { description: "All API keys, without their secrets. For administrators." })
  apiKeys(@Ctx() context: GatewayContext): ApiKeyType[] {
    demandAdministrator(context);
    return context.gateway.access.apiKeys().map(keyOf);
  }

  @Mutation(() => NewApiKey, { description: "Makes an API key that holds roles. For administrators." })
  async createApiKey(
    @Arg("name", () => String, { description: "Name for people." }) name: string,
    @Arg("roleIds", () => [ID], { description: "Roles it holds." }) roleIds: string[],
    @Ctx() context: GatewayContext,
  ): Promise<NewApiKey> {
    demandAdministrator(context);
    const made = valueOf(await context.gateway.access.createApiKey(name, roleIds));
    context.gateway.audit(context, { action: "apiKey.create", subject: made.id });
    return { ...keyOf(made), secret: made.secret };
  }

  @Mutation(() => Boolean, {
    description: "Takes an API key out of force at once; false when there is none. For administrators.",
  })
  async revokeApiKey(
    @Arg("id", () => ID, { description: "The key." }) id: string,
    @Ctx() context: GatewayContext,
  ): Promise<boolean> {
    demandAdministrator(context);
    context.gateway.audit(context, { action: "apiKey.revoke", subject: id });
    return context.gateway.access.revokeApiKey(id);
  }

  @Query(() => [AuditLine], {
    description:
      "Who looked at whom and who changed what, newest first, of the last 10,000. Permission: View User Activity Log.",
  })
  async auditLog(
    @Arg("first", () => Int, { defaultValue: 100, description: "At most so many lines, 1 to 1,000." })
    first: number,
    @Arg("identity", () => IdentityInput, { nullable: true, description: "Only who looked at this one." })
    identity: IdentityInput | undefined,
    @Ctx() context: GatewayContext,
  ): Promise<AuditLine[]> {
    demand(context, "view-activity-log");
    const entries = await context.gateway.auditLog.newest(Math.min(Math.max(first, 1), 1_000), {
      sandbox: context.sandbox.name,
      ...(identity && { subject: secretDigest(identityKey(identity)) }),
    });
    return [...entries];
  }

  @Query(() => AuditLineConnection, {
    description:
      "Who looked at whom and who changed what, page by page, newest first, of the last 10,000. Permission: View User Activity Log.",
  })
  async auditLogConnection(
    @Args(() => AuditPageArgs) { identity, actions, principal, ...page }: AuditPageArgs,
    @Ctx() context: GatewayContext,
  ): Promise<Page<AuditLine>> {
    demand(context, "view-activity-log");
    const newest = await context.gateway.auditLog.newest(AUDIT_KEPT, {
      sandbox: context.sandbox.name,
      ...(identity && { subject: secretDigest(identityKey(identity)) }),
    });
    const entries = newest.filter(
      (entry) =>
        (!actions || actions.includes(entry.action)) && (!principal || entry.principal === principal),
    );
    return pageOf(inOrder(entries, LOG), LOG, page);
  }
}

const LOG: Order<PlacedEntry> = {
  list: "auditLog",
  placeOf: ({ at, ordinal }) => [at, ordinal],
  descending: true,
};

/** Roles and keys are a way to any permission, so only those who hold all of them everywhere handle them. */
function demandAdministrator({ principal }: GatewayContext): void {
  const whole = principal.roles.some(
    ({ permissions, sandboxes, labels }) => permissions === "all" && sandboxes === "all" && labels === "all",
  );
  if (!whole) throw failure("FORBIDDEN", "Only administrators handle roles and keys.");
}

function listOf(given: readonly string[]): "all" | readonly string[] {
  return given.length === 1 && given[0] === "all" ? "all" : given;
}

function roleOf(role: {
  readonly id: string;
  readonly name: string;
  readonly permissions: "all" | readonly string[];
  readonly sandboxes: "all" | readonly string[];
  readonly labels: "all" | readonly string[];
}): RoleType {
  const told = (list: "all" | readonly string[]): readonly string[] => (list === "all" ? ["all"] : list);
  const { id, name, permissions, sandboxes, labels } = role;
  return { id, name, permissions: told(permissions), sandboxes: told(sandboxes), labels: told(labels) };
}

function keyOf({ id, name, roleIds, createdAt }: ApiKey): ApiKeyType {
  return { id, name, roleIds, createdAt: formatInstant(createdAt) };
}

import { parseJson } from "@tessera/xdm";
import { Arg, Ctx, Mutation, Query, Resolver } from "type-graphql";
import type { GatewayContext } from "../context.ts";
import { demand, failure, valueOf } from "../failure.ts";
import { JsonObjectScalar } from "../scalars.ts";

@Resolver()
export class SchemaResolver {
  @Query(() => [JsonObjectScalar], {
    description: "Field groups: the core ones and those of users. Permission: View Schemas.",
  })
  fieldGroups(@Ctx() context: GatewayContext): object[] {
    demand(context, "view-schemas");
    return [...context.sandbox.hub.fieldGroups()];
  }

  @Mutation(() => JsonObjectScalar, {
    description:
      "Saves a field group; its fields lie under the tenant's field. In use, it can only be added to. Permission: Manage Schemas.",
  })
  async saveFieldGroup(
    @Arg("definition", () => JsonObjectScalar, { description: "{id, name, class: profile|event, schema}" })
    definition: object,
    @Ctx() context: GatewayContext,
  ): Promise<object> {
    demand(context, "manage-schemas");
    const saved = valueOf(await context.sandbox.hub.saveFieldGroup(jsonOf(definition)));
    context.gateway.audit(context, { action: "fieldGroup.save", subject: saved.id });
    return saved;
  }

  @Query(() => [JsonObjectScalar], { description: "Schemas of the sandbox. Permission: View Schemas." })
  schemas(@Ctx() context: GatewayContext): object[] {
    demand(context, "view-schemas");
    return [...context.sandbox.hub.schemas()];
  }

  @Mutation(() => JsonObjectScalar, {
    description:
      "Saves a schema made of field groups. Used by a dataset, it can only be added to. Permission: Manage Schemas.",
  })
  async saveSchema(
    @Arg("definition", () => JsonObjectScalar, {
      description: "{id, name, class: profile|event, fieldGroups}",
    })
    definition: object,
    @Ctx() context: GatewayContext,
  ): Promise<object> {
    demand(context, "manage-schemas");
    const saved = valueOf(await context.sandbox.hub.saveSchema(jsonOf(definition)));
    context.gateway.audit(context, { action: "schema.save", subject: saved.id });
    return saved;
  }

  @Query(() => JsonObjectScalar, {
    nullable: true,
    description:
      "All fields of all datasets of a class, as JSON Schema; null while no dataset has a schema. Permission: View Schemas.",
  })
  unionSchema(
    @Arg("class", () => String, { description: "profile or event." }) schemaClass: string,
    @Ctx() context: GatewayContext,
  ): object | undefined {
    demand(context, "view-schemas");
    if (schemaClass !== "profile" && schemaClass !== "event")
      throw failure("BAD_USER_INPUT", "class: expected profile or event.");
    return context.sandbox.hub.unionSchema(schemaClass);
  }

  @Query(() => JsonObjectScalar, {
    nullable: true,
    description:
      "After how many days without anything new persons lose their data who are known by nothing but some namespaces; null when never. Permission: View Datasets.",
  })
  async pseudonymousExpiry(@Ctx() context: GatewayContext): Promise<object | undefined> {
    demand(context, "view-datasets");
    return context.sandbox.hub.pseudonymousExpiry();
  }

  @Mutation(() => JsonObjectScalar, {
    nullable: true,
    description: "Sets it; null turns it off. Permission: Manage Datasets.",
  })
  async setPseudonymousExpiry(
    @Arg("expiry", () => JsonObjectScalar, { nullable: true, description: "{namespaces: [...], days}" })
    expiry: object | null | undefined,
    @Ctx() context: GatewayContext,
  ): Promise<object | undefined> {
    demand(context, "manage-datasets");
    const set = valueOf(await context.sandbox.hub.setPseudonymousExpiry(expiry ?? undefined));
    context.gateway.audit(context, { action: "expiry.set", subject: "pseudonymous" });
    return set;
  }
}

function jsonOf(input: object): unknown {
  const json = parseJson(input);
  if ("badPath" in json) throw failure("BAD_USER_INPUT", `${json.badPath.join(".")}: expected JSON data.`);
  return json.value;
}

import {
  type AamEdgeConfig,
  audienceManager,
  compileAamEdge,
  explainAamPlan,
  shareAudience,
  totalAamPlan,
} from "@tessera/destinations-aam";
import { formatInstant, isObject, type JsonObject, parseJson } from "@tessera/xdm";
import { Arg, Ctx, ID, Mutation, Query, Resolver } from "type-graphql";
import type { GatewayContext } from "../context.ts";
import { demand, failure, valueOf } from "../failure.ts";
import { JsonObjectScalar } from "../scalars.ts";
import { AudienceManagerPlan, type SharedAudienceType } from "./audience-manager.type.ts";

@Resolver()
export class AudienceManagerResolver {
  @Query(() => JsonObjectScalar, {
    description:
      "What Audience Manager's endpoints on the edge work by: data sources, traits, segments, destinations, id synchronisations. Permission: View Destinations.",
  })
  async audienceManager(@Ctx() context: GatewayContext): Promise<object> {
    demand(context, "view-destinations");
    return (await context.sandbox.hub.edgeDefinitions()).audienceManager;
  }

  @Mutation(() => JsonObjectScalar, {
    description:
      "Sets what Audience Manager's endpoints on the edge work by {dataSources, traits, segments, cookieDestinations, urlDestinations, idSyncs}, refused with all that is wrong with it; edges read it with their next snapshot. Permission: Manage Destinations.",
  })
  async saveAudienceManager(
    @Arg("definition", () => JsonObjectScalar, { description: "The definition, in place of the one before." })
    definition: object,
    @Ctx() context: GatewayContext,
  ): Promise<object> {
    demand(context, "manage-destinations");
    const json = parseJson(definition);
    if ("badPath" in json) throw failure("BAD_USER_INPUT", `${json.badPath.join(".")}: expected JSON data.`);
    const body = json.value as JsonObject;
    checkDefinition(body, context);
    valueOf(await context.sandbox.hub.saveEdgeDocument("audienceManager", { ...body, id: "current" }));
    context.gateway.audit(context, { action: "audienceManager.save", subject: "current" });
    return body;
  }

  @Query(() => AudienceManagerPlan, {
    description:
      "What would be told to Audience Manager of everyone who is in the shared audiences: which way, when usable, what stays at home and why. Nothing is sent. Permission: View Destinations.",
  })
  async audienceManagerPlan(
    @Arg("destinationId", () => ID, { description: "The destination." }) destinationId: string,
    @Ctx() context: GatewayContext,
  ): Promise<AudienceManagerPlan> {
    demand(context, "view-destinations");
    const { hub } = context.sandbox;
    const live = hub.destinations().get(destinationId);
    if (live?.configured.slug !== audienceManager.slug)
      throw failure("NOT_FOUND", "There is no Audience Manager destination of this id in this sandbox.");
    const settings = valueOf(audienceManager.parseSettings(live.stored.settings));
    const planned = valueOf(await hub.planExports(destinationId));
    const now = formatInstant(context.gateway.clock());
    const items = planned.flatMap(({ batch }) => [...batch.items]);
    return {
      ...totalAamPlan(explainAamPlan(items, settings, { now })),
      audiences: live.dataflows.flatMap(({ audiences }) =>
        audiences.map(({ id, name, startsAt }) => sharedOf(id, name, startsAt ?? now)),
      ),
    };
  }
}

function sharedOf(audienceId: string, name: string, since: string): SharedAudienceType {
  const { trait, sharedSince, firstUse } = shareAudience({ audienceId, name }, since);
  const { nameVisible, usable, usableEverywhere } = firstUse;
  return {
    audienceId,
    traitExpression: trait.expression,
    sharedSince,
    nameVisible,
    usable,
    usableEverywhere,
  };
}

/** The lists of a definition with the fields that each entry needs, and of what type they are. */
const PARTS: { readonly [list: string]: { readonly [field: string]: "string" | "number" | "object" } } = {
  dataSources: { dpid: "number", namespace: "string" },
  traits: { sid: "number", rule: "string" },
  segments: { id: "number", rule: "string" },
  cookieDestinations: {
    id: "number",
    cookieName: "string",
    domain: "string",
    ttlDays: "number",
    values: "object",
  },
  urlDestinations: { id: "number", segmentId: "number", url: "string", tag: "string" },
  idSyncs: { id: "string", tag: "string", urls: "object", ttlMinutes: "number" },
};

function isListOf(list: unknown, fields: (typeof PARTS)[string]): boolean {
  if (list === undefined) return true;
  return (
    Array.isArray(list) &&
    list.every(
      (entry) =>
        isObject(entry) &&
        Object.entries(fields).every(([field, type]) =>
          type === "object" ? Array.isArray(entry[field]) : typeof entry[field] === type,
        ),
    )
  );
}

/** Throws all that is wrong: lists that are none, and whatever the rules and their references lack. */
function checkDefinition(body: JsonObject, { gateway, sandbox }: GatewayContext): void {
  const wrong = Object.entries(PARTS).filter(([name, fields]) => !isListOf(body[name], fields));
  if (wrong.length > 0) {
    const expected = wrong
      .map(([name, fields]) => `${name}: [{${Object.keys(fields).join(", ")}}]`)
      .join("; ");
    throw failure("BAD_USER_INPUT", `Expected ${expected}. Correct it and save again.`);
  }
  const defaults: AamEdgeConfig = {
    orgId: gateway.config.organisation,
    domainAlias: sandbox.name,
    region: 9,
    dataSources: [],
    traits: [],
    segments: [],
  };
  // The edge reads the same text by the same function.
  valueOf(compileAamEdge({ ...defaults, ...(body as unknown as Partial<AamEdgeConfig>) }));
}

import {
  formatInstant,
  isObject,
  type Issue,
  type JsonObject,
  type JsonValue,
  parseJson,
} from "@tessera/xdm";
import { Arg, Args, ArgsType, Ctx, Field, ID, Mutation, Resolver } from "type-graphql";
import { CATALOG } from "../../catalog.ts";
import { forgetDestination } from "../../delivery/journal.ts";
import type { GatewayContext } from "../context.ts";
import { demand, failure, valueOf } from "../failure.ts";
import { checkDataflow } from "./check-dataflow.ts";
import { checkTargetConnection, checkTargetRemoval, targetSettingsOf } from "./check-target.ts";
import { destinationOf } from "./destination.mapper.ts";
import { Destination, Removal, UpdateDestinationInput } from "./destination.type.ts";

@ArgsType()
class DeleteDestinationArgs {
  @Field(() => ID, { description: "The destination." })
  readonly id!: string;

  @Field(() => Boolean, {
    description: "true: members are told to leave, after all that waits. false: members are told nothing.",
  })
  readonly exits!: boolean;

  @Field(() => Boolean, {
    defaultValue: false,
    description: "Gives up what waits, where it would be told first otherwise; goes without exits only.",
  })
  readonly discardPending!: boolean;
}

type Live =
  ReturnType<GatewayContext["sandbox"]["hub"]["destinations"]> extends ReadonlyMap<string, infer D>
    ? D
    : never;

@Resolver()
export class RemovalResolver {
  @Mutation(() => Destination, {
    description:
      "Edits name and settings of a destination; its type stays. Refused with all that its dataflows or Target's rules have against the settings. What waits is told by the new settings. Permission: Manage Destinations.",
  })
  async updateDestination(
    @Arg("input", () => UpdateDestinationInput, { description: "What it is to be." })
    { id, name, settings: given }: UpdateDestinationInput,
    @Ctx() context: GatewayContext,
  ): Promise<Destination> {
    demand(context, "manage-destinations");
    const live = liveOf(context, id);
    const settings = given ? changed(live.stored.settings, given) : live.stored.settings;
    const next = { ...live, stored: { ...live.stored, settings } };
    const issues = given ? await issuesOf(live, next, context) : [];
    if (issues.length > 0) valueOf({ ok: false, error: issues });
    const saved = valueOf(
      await context.sandbox.hub.updateDestination(id, {
        settings,
        ...(typeof name === "string" && { name }),
      }),
    );
    context.gateway.audit(context, { action: "destination.update", subject: id });
    if (secretsOf(settings) !== secretsOf(live.stored.settings))
      context.gateway.audit(context, { action: "destination.secret.rotate", subject: id });
    return destinationOf(saved);
  }

  @Mutation(() => Removal, {
    description:
      "Removes a destination with its dataflows; refused while a live activity of Target uses its audiences. A streaming one is leaving until what is still told came to its end. Asking again with discardPending gives that up. Permission: Manage Destinations.",
  })
  async deleteDestination(
    @Args(() => DeleteDestinationArgs) { id, exits, discardPending }: DeleteDestinationArgs,
    @Ctx() context: GatewayContext,
  ): Promise<Removal> {
    demand(context, "manage-destinations");
    const { sandbox, gateway } = context;
    const inUse = await checkTargetRemoval(liveOf(context, id), sandbox);
    if (inUse.length > 0) valueOf({ ok: false, error: inUse });
    const pending = discardPending ? "discard" : "tell";
    valueOf(await sandbox.hub.deleteDestination(id, { exits, pending }));
    gateway.audit(context, {
      action: "destination.delete",
      subject: `${id} ${exits ? "with exits" : discardPending ? "discarding" : "without exits"}`,
    });
    // A pause would keep what is given up from coming to its end.
    if (discardPending) await gateway.delivery(sandbox.name).store.setPause(id, undefined);
    await sandbox.hub.followRemovals((gone) => forgetDestination(sandbox.store, gone));
    return removalOf(context, { id, destinationId: id, exits });
  }

  @Mutation(() => Removal, {
    description:
      "Removes a dataflow; its destination stays. Refused while a live activity of Target uses its audiences. What waits is told in any case. Permission: Activate Destinations.",
  })
  async deleteDataflow(
    @Arg("id", () => ID, { description: "The dataflow." }) id: string,
    @Arg("exits", () => Boolean, { description: "Whether members are told to leave, after all that waits." })
    exits: boolean,
    @Ctx() context: GatewayContext,
  ): Promise<Removal> {
    demand(context, "activate-destinations");
    const { sandbox, gateway } = context;
    const all = [...sandbox.hub.destinations().values()];
    const live = all.find(({ dataflows }) => dataflows.some((flow) => flow.id === id));
    if (live === undefined) throw failure("NOT_FOUND", "No such dataflow in this sandbox.");
    const own = live.dataflows.filter((flow) => flow.id === id);
    const inUse = await checkTargetRemoval(live, sandbox, own);
    if (inUse.length > 0) valueOf({ ok: false, error: inUse });
    valueOf(await sandbox.hub.deleteDataflow(id, exits));
    const subject = `${id} ${exits ? "with exits" : "without exits"}`;
    gateway.audit(context, { action: "dataflow.delete", subject });
    return removalOf(context, { id, destinationId: live.stored.id, exits });
  }
}

function liveOf({ sandbox }: GatewayContext, id: string): Live {
  const live = sandbox.hub.destinations().get(id);
  if (live === undefined) throw failure("NOT_FOUND", "No such destination in this sandbox.");
  return live;
}

/** Settings with changes by name; null takes one out. */
function changed(settings: JsonObject, changes: object): JsonObject {
  const json = parseJson(changes);
  if ("badPath" in json)
    throw failure("BAD_USER_INPUT", `settings.${json.badPath.join(".")}: expected JSON data.`);
  const next: Record<string, JsonValue | undefined> = { ...settings, ...(json.value as JsonObject) };
  for (const [name, value] of Object.entries(next)) if (value === null) delete next[name];
  return next;
}

/** What stands against new settings, beside their own form: Target's rules, and what dataflows did not break before. */
async function issuesOf(before: Live, next: Live, context: GatewayContext): Promise<readonly Issue[]> {
  const { sandbox } = context;
  const { id, name, type, settings } = next.stored;
  const issues = [...(await checkTargetConnection({ id, type, settings }, context))];
  if (targetSettingsOf(before)?.workspace !== targetSettingsOf(next)?.workspace)
    issues.push(...(await checkTargetRemoval(before, sandbox)));
  const configured = CATALOG.find(({ slug }) => slug === type)?.configure({ id, name }, settings);
  if (configured?.ok !== true) return issues;
  for (const dataflow of before.dataflows) {
    const [old, now] = await Promise.all(
      [before, { ...next, configured: configured.value }].map((live) =>
        checkDataflow(dataflow, live, context),
      ),
    );
    const known = new Set(old?.violations.map(({ message }) => message));
    issues.push(...(now?.violations ?? []).filter(({ message }) => !known.has(message)));
  }
  return issues;
}

/** The names of the secrets that settings use. */
function secretsOf(settings: JsonValue): string {
  if (!isObject(settings)) return "";
  const { secret } = settings;
  if (typeof secret === "string") return secret;
  return Object.entries(settings)
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([name, value]) => `${name}:${secretsOf((value ?? null) as JsonValue)}`)
    .filter((line) => !line.endsWith(":"))
    .join();
}

async function removalOf(
  { gateway, sandbox }: GatewayContext,
  of: Pick<Removal, "id" | "destinationId" | "exits">,
): Promise<Removal> {
  const live = sandbox.hub.destinations().get(of.destinationId);
  const isStreaming = live?.configured.kind.startsWith("streaming") === true;
  const { waiting } = isStreaming
    ? await gateway.delivery(sandbox.name).store.backlog(of.destinationId, formatInstant(gateway.clock()))
    : { waiting: 0 };
  const leaves = live?.stored.removal !== undefined || live?.leaving.some(({ id }) => id === of.id);
  return { ...of, status: leaves === true ? "leaving" : "deleted", waiting };
}

import {
  type ActivationItem,
  type DeadLetter,
  type DeadLetterQuery,
  replayDeadLetters,
  type ReplayRequest,
} from "@tessera/destinations";
import { formatInstant, identityKey, type JsonObject, type JsonValue, parseJson } from "@tessera/xdm";
import { idsOfPerson } from "@tessera/hub";
import { Args, Ctx, Mutation, Resolver } from "type-graphql";
import { replayRows } from "../../delivery/replay-rows.ts";
import type { GatewayContext } from "../context.ts";
import { demand, failure } from "../failure.ts";
import { type DeadLetterFilter, type DeadLetterType, ReplayArgs, ReplayReport } from "./dead-letter.type.ts";

@Resolver()
export class DeadLetterResolver {
  @Mutation(() => ReplayReport, {
    description:
      "Sends dead letters to their destination again, up to 1,000: those named, those of a filter, or all. Those of a file destination are written to files of their own. Permission: Activate Destinations.",
  })
  async replayDeadLetters(
    @Args(() => ReplayArgs) { destinationId, ids, filter, attributes }: ReplayArgs,
    @Ctx() context: GatewayContext,
  ): Promise<ReplayReport> {
    demand(context, "activate-destinations");
    const { gateway, sandbox } = context;
    const live = sandbox.hub.destinations().get(destinationId);
    if (live === undefined) throw failure("NOT_FOUND", "No such destination in this sandbox.");
    gateway.audit(context, { action: "deadLetters.replay", subject: destinationId });
    const query = await deadLetterQuery(context, destinationId, filter ?? {});
    const now = formatInstant(gateway.clock());
    const request: ReplayRequest = {
      query: { ...query, limit: 1_000, ...(ids && { ids }) },
      now,
      ...(attributes && { fix: (item) => mended(item, attributes) }),
    };
    const { store, exportPorts } = gateway.delivery(sandbox.name);
    if (live.configured.kind !== "batch-file")
      return { ...(await replayDeadLetters(store, request)), files: [] };
    const { organisation: orgId } = gateway.config;
    const { name: destinationName } = live.stored;
    const plan = { now, destinationId, destinationName, orgId, sandbox: sandbox.name };
    return replayRows(live, request, { ...exportPorts, delivery: store, context: plan });
  }
}

/** The filter as the store takes it. Someone who is not known has no letters. */
export async function deadLetterQuery(
  context: GatewayContext,
  destinationId: string,
  { codes, dataflowId, identity, since }: DeadLetterFilter,
): Promise<Omit<DeadLetterQuery, "limit">> {
  if (identity) {
    demand(context, "view-profiles");
    context.gateway.audit(context, { action: "deadLetters.view", person: identityKey(identity) });
  }
  const person = identity && (await context.sandbox.hub.profile({ ...identity }));
  return {
    destinationId,
    ...(codes && { codes }),
    ...(dataflowId && { dataflowId }),
    ...(identity && { personIds: person ? idsOfPerson(person.personId, person.identities) : [] }),
    ...(since && { since: since.toISOString() }),
  };
}

/** An item with other values for some fields. */
function mended(item: ActivationItem, attributes: object): ActivationItem {
  const json = parseJson(attributes);
  if ("badPath" in json) throw failure("BAD_USER_INPUT", "attributes: expected JSON data.");
  const next: Record<string, JsonValue | undefined> = { ...item.attributes, ...(json.value as JsonObject) };
  for (const [name, value] of Object.entries(next)) if (value === null) delete next[name];
  return { ...item, attributes: next };
}

/** A dead letter as the API tells it: names of fields, no values. */
export function deadLetterOf({ item, at, code, detail }: DeadLetter): DeadLetterType {
  const { id, lanes: persons, dataflowId, payload } = item;
  const told = payload.kind === "profile" ? payload.item : undefined;
  return {
    id,
    at,
    code,
    detail,
    persons,
    dataflowId,
    changes: told?.changes ?? [],
    fields: Object.entries(told?.attributes ?? {}).flatMap(([name, value]) =>
      value === undefined ? [] : [name],
    ),
    namespaces: [...new Set(told?.identities.map(({ namespace }) => namespace))],
  };
}

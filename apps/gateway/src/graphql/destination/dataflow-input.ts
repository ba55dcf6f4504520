import { type Dataflow, type DataflowAudience, parseSchedule } from "@tessera/destinations";
import { formatInstant, UPS } from "@tessera/xdm";
import type { GatewayContext } from "../context.ts";
import { valueOf } from "../failure.ts";
import type { CreateDataflowInput, DataflowAudienceInput, UpdateDataflowInput } from "./dataflow.type.ts";
import { mappingOf } from "./destination.mapper.ts";

/** A dataflow as an input wants to change it; what is left out stays. */
export function editedDataflow(
  before: Dataflow,
  { name, audiences, mapping, enabled }: UpdateDataflowInput,
  context: GatewayContext,
): Dataflow {
  return {
    ...before,
    ...(typeof name === "string" && { name }),
    ...(audiences && { audiences: audiences.map((one) => audienceOf(one, before.audiences, context)) }),
    ...(mapping && { mapping: valueOf(mappingOf(mapping)) }),
    ...(typeof enabled === "boolean" && { enabled }),
  };
}

/** A dataflow as an input wants it to be made, yet without an id. */
export function createdDataflow(
  { destinationId, name, audiences, mapping, enabled }: CreateDataflowInput,
  destination: { readonly stored: { readonly name: string } },
  context: GatewayContext,
): Dataflow {
  return {
    id: "",
    destinationId,
    name: name ?? destination.stored.name,
    audiences: audiences.map((one) => audienceOf(one, [], context)),
    mapping: mapping ? valueOf(mappingOf(mapping)) : [],
    enabled: enabled !== false,
  };
}

function audienceOf(
  { id, startsAt, endsAt, schedule }: DataflowAudienceInput,
  before: readonly DataflowAudience[],
  { sandbox, gateway }: GatewayContext,
): DataflowAudience {
  const known = before.find((audience) => audience.id === id);
  const since = startsAt?.toISOString() ?? known?.startsAt ?? formatInstant(gateway.clock());
  return {
    namespace: UPS,
    id,
    name: sandbox.hub.configuration().audiences.get(id)?.name ?? known?.name ?? id,
    startsAt: since,
    ...(endsAt && { endsAt: endsAt.toISOString() }),
    ...(schedule && { schedule: valueOf(parseSchedule(schedule)) }),
  };
}

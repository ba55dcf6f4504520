import { checkLimit } from "@tessera/guardrails";
import type { Issue, JsonObject } from "@tessera/xdm";
import type { GatewayContext } from "../context.ts";
import { checkTargetConnection } from "./check-target.ts";

/** What keeps a destination from being made besides its settings: the number of destinations, and rules of its kind. */
export async function checkDestination(
  input: { readonly type: string; readonly settings: JsonObject },
  context: GatewayContext,
): Promise<readonly Issue[]> {
  const { hub } = context.sandbox;
  const limit = hub.configuration().limits["destinations.destinations"];
  const { kind, message, whatToDo } = checkLimit(limit, hub.destinations().size + 1);
  const tooMany: Issue = { code: `limit.${limit.id}`, path: [], message: `${message} ${whatToDo}` };
  const rules = await checkTargetConnection(input, context);
  return kind === "hard-violation" ? [tooMany, ...rules] : rules;
}

import { requestLogItem } from "@tessera/destinations-target";
import type { FinishedItem } from "@tessera/destinations";
import { formatInstant, isObject, parseInstant, UPS } from "@tessera/xdm";
import type { Context } from "hono";
import { may } from "../access/principal.ts";
import type { Gateway } from "../gateway.ts";
import type { Sandbox } from "../sandbox.ts";
import { readBody } from "./read-body.ts";
import { refuse, type RouteEnv } from "./request-scope.ts";

const BODY_MAX = 2_000_000;
const LINES_MAX = 1_000;

/**
 * `POST /edge/told?destinationId=…`, NDJSON of `{ identity, at, audienceIds, attributes }`: what an edge told Target of
 * visitors, for the delivery log. `attributes` are names. The same line again changes nothing. Lines of people, audiences
 * or a destination that are gone are counted as `skipped`.
 */
export function toldRoute(gateway: Gateway): (context: Context<RouteEnv>) => Promise<Response> {
  return async (context) => {
    const { principal, sandbox } = context.var;
    if (!may(principal, "view-profiles", sandbox.name)) {
      const message = 'The permission "View Profiles" is needed for this.';
      return refuse(context, 403, { code: "FORBIDDEN", message });
    }
    const body = await readBody(context.env.incoming, BODY_MAX);
    if (body === undefined) {
      const message = `Expected at most ${BODY_MAX} bytes. Send the lines in several requests.`;
      return refuse(context, 413, { code: "TOO_LARGE", message });
    }
    const lines = body.split("\n").filter((line) => line.trim() !== "");
    if (lines.length > LINES_MAX) {
      const message = `Expected at most ${LINES_MAX} lines. Send them in several requests.`;
      return refuse(context, 413, { code: "TOO_LARGE", message });
    }
    const destinationId = context.req.query("destinationId") ?? "";
    const items: FinishedItem[] = [];
    const rejected: { readonly index: number; readonly code: string; readonly message: string }[] = [];
    let skipped = 0;
    for (const [index, line] of lines.entries()) {
      const told = readLine(line);
      if (typeof told === "string") {
        rejected.push({ index, code: "told.line", message: `${told} Correct the line and send it again.` });
        continue;
      }
      const item = await logItem(sandbox, destinationId, told);
      if (item === undefined) skipped += 1;
      else items.push(item);
    }
    if (items.length > 0) await gateway.delivery(sandbox.name).store.record(items);
    return context.json({ accepted: items.length, skipped, rejected });
  };
}

interface Line {
  readonly identity: { readonly namespace: string; readonly id: string };
  /** ISO 8601. */
  readonly at: string;
  readonly audienceIds: readonly string[];
  readonly attributes: readonly string[];
}

/** A line, or what is wrong with it. */
function readLine(text: string): Line | string {
  let input: unknown;
  try {
    input = JSON.parse(text);
  } catch {
    return "Expected a JSON object.";
  }
  if (!isObject(input)) return "Expected a JSON object.";
  const { identity, audienceIds, attributes } = input;
  const at = parseInstant(input["at"]);
  const { namespace, id } = isObject(identity) ? identity : {};
  if (typeof namespace !== "string" || typeof id !== "string") return "identity: expected { namespace, id }.";
  if (!at.ok) return "at: expected an ISO 8601 time.";
  if (!isTexts(audienceIds)) return "audienceIds: expected a list of texts.";
  if (!isTexts(attributes)) return "attributes: expected a list of names.";
  return { identity: { namespace, id }, at: formatInstant(at.value), audienceIds, attributes };
}

function isTexts(input: unknown): input is readonly string[] {
  return Array.isArray(input) && input.every((item) => typeof item === "string");
}

async function logItem(
  { hub }: Sandbox,
  destinationId: string,
  { identity, at, audienceIds, attributes }: Line,
): Promise<FinishedItem | undefined> {
  const [dataflow] = hub.destinations().get(destinationId)?.dataflows ?? [];
  const person = dataflow === undefined ? undefined : await hub.edgeLookup(identity);
  if (dataflow === undefined || person === undefined) return undefined;
  return requestLogItem({
    id: `${at}\n${identity.namespace}:${identity.id}`,
    at,
    personId: person.personId,
    dataflow,
    profile: {
      audiences: audienceIds.map((id) => ({ id, namespace: UPS })),
      attributes: Object.fromEntries(attributes.map((name) => [name, ""])),
    },
  });
}

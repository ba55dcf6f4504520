import { identityKey, isObject, type JsonObject, ok, type Result } from "@tessera/xdm";
import { sameText } from "./access.ts";
import type { Edge } from "./edge.ts";
import { updateProfile } from "./edge-profile.ts";
import type { EdgeError } from "./errors.ts";
import type { EdgeReply } from "./exchange.ts";
import type { ForwardEntry, HubLink, HubPerson } from "./hub-link.ts";
import type { Exchange } from "./interact.ts";
import { applyHubPerson, mergeIdentities, parseHubPerson } from "./projection.ts";
import { readBody } from "./session.ts";

/** The most bytes of one delivery of projections. */
const MAX_BYTES = 8 * 1024 * 1024;

/**
 * `POST /internal/projections`: takes in what changed on the hub, `{ projections, erased }`. Only profiles held here are
 * changed; a version that is not newer is ignored, and so is everything of another sandbox (`x-sandbox-name`). Profiles of `erased` identities are forgotten. Answers how many
 * profiles changed and how many were forgotten, and which projections could not be read.
 */
export async function takeProjections(edge: Edge, exchange: Exchange): Promise<Result<EdgeReply, EdgeError>> {
  const { request } = exchange;
  const token = /^Bearer (.+)$/i.exec(request.header("authorization") ?? "")?.[1];
  if (token === undefined)
    return { ok: false, error: { code: "EXEG-0500", detail: "Expected the hub's bearer token." } };
  if (!sameText(edge.internalToken, token))
    return { ok: false, error: { code: "EXEG-0501", detail: "The bearer token is not the hub's." } };
  const read = await readBody(request, MAX_BYTES);
  if (!read.ok) return read;
  const { projections, erased = [] } = read.value.body;
  if (!Array.isArray(projections) || !Array.isArray(erased))
    return { ok: false, error: { code: "EXEG-0103", detail: "projections, erased: expected lists." } };
  const sandbox = request.header("x-sandbox-name");
  const own = (await edge.snapshot.current(exchange.context.waitUntil))?.snapshot.sandbox;
  // Another sandbox may know somebody under the same identity: nothing of it belongs here.
  if (sandbox !== undefined && own !== undefined && sandbox !== own) {
    const issue = `x-sandbox-name: this edge serves the sandbox ${own}. What was sent is left aside; name the other sandbox in TESSERA_EDGE_SANDBOXES as well to have it served here.`;
    return ok(report({ applied: 0, forgotten: 0, issues: [issue] }));
  }
  let applied = 0;
  const issues: string[] = [];
  for (const [index, item] of (projections as unknown[]).entries()) {
    const person = parseHubPerson(
      isObject(item) ? { ...item, freshAt: item["at"] ?? item["freshAt"] } : item,
    );
    if (person.ok) applied += await applyPerson(edge, person.value);
    else issues.push(`projections.${index}.${person.error}`);
  }
  let forgotten = 0;
  for (const identity of erased as unknown[]) {
    if (!isObject(identity)) continue;
    const { namespace, id } = identity;
    if (typeof namespace !== "string" || typeof id !== "string") continue;
    if (await edge.profiles.remove(identityKey({ namespace, id }))) forgotten += 1;
  }
  return ok(report({ applied, forgotten, ...(issues.length > 0 && { issues }) }));
}

function report(body: JsonObject): EdgeReply {
  return {
    status: 200,
    headers: [["content-type", "application/json;charset=utf-8"]],
    body: JSON.stringify(body),
  };
}

/** Brings what the hub says of a person into every profile held of their identities; tells how many changed. */
async function applyPerson(edge: Pick<Edge, "profiles" | "clock">, person: HubPerson): Promise<number> {
  const now = edge.clock();
  const changes = await Promise.all(
    person.identities.map((identity) =>
      updateProfile(edge.profiles, identityKey(identity), {
        now,
        change: (held) =>
          held === undefined ? undefined : applyHubPerson(held, person, { outcome: "found", at: now }),
      }),
    ),
  );
  return changes.filter(Boolean).length;
}

/**
 * Once events that brought identities together have arrived, the persons behind them are asked for again: the next
 * hit knows what the hub made of it.
 */
export async function refreshDelivered(
  edge: Pick<Edge, "profiles" | "clock"> & { readonly lookup: HubLink["lookup"] },
  entries: readonly Pick<ForwardEntry, "refresh">[],
): Promise<void> {
  for (const { refresh } of entries) {
    if (refresh === undefined) continue;
    const answer = await edge.lookup(refresh, REFRESH_MS);
    if (answer.outcome !== "found") continue;
    const { person } = answer;
    await applyPerson(edge, { ...person, identities: mergeIdentities([refresh], person.identities) });
  }
}

/** How long a refresh waits for the hub, in milliseconds. */
const REFRESH_MS = 10_000;

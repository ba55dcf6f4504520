import { err, ok, type Result } from "@tessera/xdm";
import { plainAnswer } from "./answer.ts";
import { readConsentCookie } from "./consent.ts";
import { knownDevice, resolveDevice } from "./device.ts";
import type { Edge } from "./edge.ts";
import type { EdgeError } from "./errors.ts";
import type { EdgeReply } from "./exchange.ts";
import { eventsOf, type Exchange } from "./interact.ts";
import { openSession } from "./session.ts";
import { readVisitEvents, sharedIdentities, takeVisit } from "./visit.ts";

/**
 * `collect`: takes the events in and answers without waiting for what follows from them. v1 (the page's farewell
 * beacon): 204. v2: events may be of different people, each names its own primary identity; 202, or 204 when silent.
 */
export async function collect(
  edge: Edge,
  exchange: Exchange,
  version: 1 | 2,
): Promise<Result<EdgeReply, EdgeError>> {
  const { request, route, requestId, context } = exchange;
  const opened = await openSession(edge, request, { route, requestId, context, kind: "collect" });
  if (!opened.ok) return opened;
  const session = opened.value;
  const isSilent = version === 1 || route.query.get("silent") === "true";
  const done = plainAnswer(edge, request, { requestId, status: isSilent ? 204 : 202 });
  const consent = readConsentCookie(session.state.consent);
  if (consent === "out" || consent === "pending") return ok(done);
  const inputs = eventsOf(session.body, 1);
  if (!inputs.ok) return inputs;
  const shared = sharedIdentities(session.body);
  if (!shared.ok) return shared;
  const read = readVisitEvents(session, inputs.value, shared.value);
  const identities = [...shared.value, ...read.events.flatMap((event) => event.items)];
  let ecid: string | undefined;
  if (version === 1) {
    const device = await resolveDevice(edge, session, { identities, fetch: [] });
    if (!device.ok) return device;
    ecid = device.value.identity.ecid;
  } else {
    ecid = (await knownDevice(edge, session)).identity?.ecid;
  }
  const visit = await takeVisit(edge, session, { events: read.events, ecid, context, answers: false });
  if (!visit.ok) return visit;
  const remarks = [...read.errors, ...visit.value.errors].filter((error) => error.code !== "EXEG-0301");
  const [first] = remarks;
  if (first === undefined) return ok(done);
  if (visit.value.answers.length === 0) return err(first);
  return ok(plainAnswer(edge, request, { requestId, status: 207, remarks }));
}

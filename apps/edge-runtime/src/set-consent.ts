import {
  formatInstant,
  identityKey,
  isObject,
  type JsonObject,
  ok,
  parseInstant,
  type Result,
} from "@tessera/xdm";
import { handleAnswer, type Handle } from "./answer.ts";
import { type ConsentChoice, parseConsent, writeConsentCookie } from "./consent.ts";
import { type Device, knownDevice, resolveDevice } from "./device.ts";
import type { Edge } from "./edge.ts";
import type { EdgeError } from "./errors.ts";
import type { EdgeReply } from "./exchange.ts";
import { fetchedNamespaces, identifyEvent, toIdentityMap } from "./identify.ts";
import { cookieHeaders, type Exchange, identityHandles } from "./interact.ts";
import { openSession, type Session } from "./session.ts";
import { consentEntry, type StateEntry } from "./state.ts";
import { consentOptions, sharedIdentities } from "./visit.ts";

/**
 * `privacy/set-consent`: remembers a choice in the consent cookie and, where the datastream has a profile dataset,
 * in the person's profile on the hub. It replaces the earlier choice. A first choice of "out" gives no identity.
 */
export async function setConsent(edge: Edge, exchange: Exchange): Promise<Result<EdgeReply, EdgeError>> {
  const { request, route, requestId, context } = exchange;
  const opened = await openSession(edge, request, { route, requestId, context, kind: "interact" });
  if (!opened.ok) return opened;
  const session = opened.value;
  const choice = parseConsent(session.body["consent"], consentOptions(edge));
  if (!choice.ok) return choice;
  const shared = sharedIdentities(session.body);
  if (!shared.ok) return shared;
  const fetch = fetchedNamespaces(session.body["query"]);
  const known = await knownDevice(edge, session);
  let device: Device | undefined;
  if (choice.value.general !== "out" || known.identity !== undefined) {
    const resolved = await resolveDevice(edge, session, { identities: shared.value, fetch });
    if (!resolved.ok) return resolved;
    device = resolved.value;
  }
  const named = identifyEvent(shared.value, device?.identity.ecid);
  if (named.ok) {
    const kept = await forwardChoice(edge, session, { choice: choice.value, identities: named.value });
    if (!kept.ok) return kept;
  }
  const entries: readonly StateEntry[] = [
    consentEntry(session.prefix, writeConsentCookie(choice.value.general)),
    ...(device?.entries ?? []),
  ];
  const handles: Handle[] = [
    ...(device === undefined ? [] : identityHandles(device, fetch)),
    { type: "privacy:consent", payload: [{ consent: choice.value.general }] },
    { type: "state:store", payload: entries },
  ];
  return ok(
    handleAnswer(edge, request, {
      requestId,
      handles,
      remarks: device?.warnings ?? [],
      headers: cookieHeaders(session, entries, device),
    }),
  );
}

async function forwardChoice(
  edge: Edge,
  session: Session,
  of: { readonly choice: ConsentChoice; readonly identities: NamedIdentities },
): Promise<Result<undefined, EdgeError>> {
  const dataset = session.datastream.platform?.profileDataset;
  if (dataset === undefined || Object.keys(of.choice.consents).length === 0) return ok(undefined);
  const { primary, items } = of.identities;
  const key = identityKey(primary);
  try {
    await edge.hub.forward([
      {
        kind: "record",
        datasetId: dataset,
        orderKey: items.find((item) => item.namespace === "ECID")?.id ?? key,
        body: {
          identityMap: toIdentityMap(items),
          consents: withTime(of.choice.consents, session.now),
        },
      },
    ]);
    return ok(undefined);
  } catch {
    return {
      ok: false,
      error: {
        code: "EXEG-0000",
        detail: "The choice could not be kept for the hub. Send it again.",
        retryAfterSeconds: 1,
      },
    };
  }
}

/** The choices with the time they were made: as the visitor's side says, else now. */
function withTime(consents: JsonObject, now: number): JsonObject {
  const { metadata } = consents;
  const said = isObject(metadata) && parseInstant(metadata["time"]).ok ? (metadata as JsonObject) : {};
  return { ...consents, metadata: { time: formatInstant(now), ...said } };
}

type NamedIdentities = Extract<ReturnType<typeof identifyEvent>, { readonly ok: true }>["value"];

import { ok, type Result } from "@tessera/xdm";
import { handleAnswer } from "./answer.ts";
import { readConsentCookie } from "./consent.ts";
import { resolveDevice } from "./device.ts";
import type { Edge } from "./edge.ts";
import type { EdgeError } from "./errors.ts";
import type { EdgeReply } from "./exchange.ts";
import { fetchedNamespaces } from "./identify.ts";
import { cookieHeaders, type Exchange, fetchWarnings, identityHandles, regionHandle } from "./interact.ts";
import { openSession } from "./session.ts";
import { clusterEntry } from "./state.ts";
import { sharedIdentities } from "./visit.ts";

/** `identity/acquire`: gives a visitor their identity without an event. Someone who refused gets none. */
export async function acquire(edge: Edge, exchange: Exchange): Promise<Result<EdgeReply, EdgeError>> {
  const { request, route, requestId, context } = exchange;
  const opened = await openSession(edge, request, { route, requestId, context, kind: "interact" });
  if (!opened.ok) return opened;
  const session = opened.value;
  if (readConsentCookie(session.state.consent) === "out") {
    const remark: EdgeError = {
      code: "EXEG-0301",
      detail: 'The visitor\'s consent is "out": no identity is given.',
    };
    return ok(handleAnswer(edge, request, { requestId, handles: [], remarks: [remark] }));
  }
  const shared = sharedIdentities(session.body);
  if (!shared.ok) return shared;
  const fetch = fetchedNamespaces(session.body["query"]);
  const device = await resolveDevice(edge, session, { identities: shared.value, fetch });
  if (!device.ok) return device;
  const entries = [...device.value.entries, clusterEntry(session.prefix, edge.region.hint)];
  return ok(
    handleAnswer(edge, request, {
      requestId,
      handles: [
        ...identityHandles(device.value, fetch),
        regionHandle(edge),
        { type: "state:store", payload: entries },
      ],
      remarks: [...device.value.warnings, ...fetchWarnings(device.value, fetch)],
      headers: cookieHeaders(session, entries, device.value),
    }),
  );
}

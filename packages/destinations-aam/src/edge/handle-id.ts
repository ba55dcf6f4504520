import { digest } from "@tessera/xdm";
import type { AamDevice } from "./aam-device.ts";
import type { AamError, AamRequest } from "./aam-request.ts";
import { type DeclaredId } from "./customer-ids.ts";
import type { AamIdSync } from "./edge-config.ts";
import { type AamContext, demdexCookie, openCall } from "./open-call.ts";
import { type AamReply, jsonReply, pixelReply } from "./reply.ts";

/** The answer to `/id`, the device to save, and the ids that were declared with it. */
export interface AamIdAnswer {
  readonly reply: AamReply;
  readonly device?: AamDevice;
  /** To be linked with the device's ECID. */
  readonly customers: readonly DeclaredId[];
  readonly errors: readonly AamError[];
}

/** The default interval of id synchronisations, seconds. */
const ID_SYNC_SECONDS = 604_800;
/** How long a client may trust an opt-out answer, seconds. */
const OPT_OUT_SECONDS = 7_200;

/**
 * Answers the identity call of VisitorAPI and of servers: the ECID (kept when declared, else derived from the device),
 * the region, the metadata blob, id synchronisations. An opted-out device is told so (`d_optout`) and synced nowhere.
 */
export function handleAamId(request: AamRequest, context: AamContext): AamIdAnswer {
  const call = openCall(request, context);
  if (call.kind === "closed") return { reply: call.reply, customers: [], errors: call.errors };
  const { edge } = context;
  const { device, parameters } = call;
  const body = {
    d_mid: device.ecid,
    id_sync_ttl: ID_SYNC_SECONDS,
    d_blob: digest(`${edge.config.orgId}\n${edge.config.region}\n${device.uuid}`),
    dcs_region: edge.config.region,
    d_ottl: OPT_OUT_SECONDS,
    ...(device.optedOut && { d_optout: ["global"] }),
    ibs: device.optedOut || parameters.get("d_jsonv") === "0" ? [] : idSyncs(edge.config.idSyncs ?? []),
    subdomain: edge.config.domainAlias,
    tid: call.tid,
    ...(call.errors.length > 0 && { errors: call.errors }),
  };
  const reply = jsonReply(request, call.callback, body, {
    status: 200,
    tid: call.tid,
    errors: call.errors,
    ...(!device.optedOut && { setCookie: demdexCookie(edge, device.uuid) }),
  });
  return { reply, device, customers: device.optedOut ? [] : call.customers.ids, errors: call.errors };
}

/** Id synchronisations in the fields the clients read. */
export function idSyncs(syncs: readonly AamIdSync[]): readonly { readonly [field: string]: unknown }[] {
  return syncs.map((sync) => ({
    id: sync.id,
    ttl: sync.ttlMinutes,
    tag: sync.tag,
    fireURLSync: sync.fireURLSync === true ? 1 : 0,
    syncOnPage: sync.syncOnPage === true ? 1 : 0,
    url: sync.urls,
  }));
}

/** Answers `/demoptout.jpg`: the device is opted out from now on, its traits are forgotten. */
export function handleAamOptOut(request: AamRequest, context: AamContext): AamIdAnswer {
  const call = openCall(request, context);
  if (call.kind === "closed") return { reply: call.reply, customers: [], errors: call.errors };
  const device: AamDevice = { ...call.device, traits: {}, cookies: [], optedOut: true };
  const reply = pixelReply(request, { status: 200, tid: call.tid, errors: call.errors });
  return { reply, device, customers: [], errors: call.errors };
}

import type {
  ActivationBatch,
  ActivationItem,
  DeliveryOutcome,
  FileRequest,
  HttpRequest,
  PlanContext,
  PlannedRequest,
} from "@tessera/destinations";
import { digest, isMember } from "@tessera/xdm";
import { isAfterSharing, shareAudience } from "./audience-sharing.ts";
import { type DataSources, dcsCalls, DEFAULT_DATA_SOURCES } from "./dcs-request.ts";
import { inboundFileName } from "./files/inbound-file.ts";
import { type InboundItem, inboundLines } from "./files/inbound-line.ts";
import { filterIdentities, type LeftOutIdentities, type SharedIdentity } from "./identity-filter.ts";
import { expectedLatency, type ExpectedLatency, type RegionRoute, routeRegions } from "./region-router.ts";
import type { AamSettings } from "./settings.ts";

/** What is going to happen with one item, for people to read: no identity value in it. */
export interface AamItemPlan {
  readonly item: string;
  readonly route: RegionRoute;
  /** When the person can be used there; for an audience that was shared just now, not before its first use. */
  readonly expected: ExpectedLatency;
  /** How many entries and exits are told. */
  readonly told: number;
  /** How many identities are told, by namespace. */
  readonly shared: { readonly [namespace: string]: number };
  readonly leftOut: readonly LeftOutIdentities[];
  /** Codes of what cannot be told about this item. */
  readonly refused: readonly string[];
}

interface Decided {
  readonly item: ActivationItem;
  readonly route: RegionRoute;
  readonly identities: readonly SharedIdentity[];
  readonly leftOut: readonly LeftOutIdentities[];
  readonly realized: readonly string[];
  readonly removedTraits: readonly number[];
  readonly refused: readonly string[];
}

/** The route, the expected latency, and what is shared and left out, item by item. */
export function explainAamPlan(
  items: Iterable<ActivationItem>,
  settings: AamSettings,
  context: Pick<PlanContext, "now">,
): readonly AamItemPlan[] {
  return [...items].map((item) => {
    const decided = decide(item, settings, context.now);
    const shared: Record<string, number> = {};
    for (const { namespace } of decided.identities) shared[namespace] = (shared[namespace] ?? 0) + 1;
    const { realized, removedTraits, identities } = decided;
    return {
      item: item.id,
      route: decided.route,
      expected: fromFirstUse(expectedLatency(decided.route.kind, context.now), realized, settings),
      told: identities.length === 0 ? 0 : realized.length + removedTraits.length,
      shared,
      leftOut: decided.leftOut,
      refused: decided.refused,
    };
  });
}

/** A newly shared audience is usable after 4 hours, whatever the way: the latest of an item's audiences counts. */
function fromFirstUse(
  expected: ExpectedLatency,
  audienceIds: readonly string[],
  { audiences }: AamSettings,
): ExpectedLatency {
  let { earliest, latest } = expected;
  for (const audienceId of audienceIds) {
    const since = Object.hasOwn(audiences, audienceId) ? audiences[audienceId]?.sharedSince : undefined;
    if (since === undefined) continue;
    const { usable } = shareAudience({ audienceId, name: audienceId }, since).firstUse;
    if (usable > earliest) earliest = usable;
    if (usable > latest) latest = usable;
  }
  return { ...expected, earliest, latest };
}

/**
 * The requests that tell a batch: DCS calls to every fresh region of each person, and for persons without one the
 * lines of the hub's `.sync` files, one file for each kind of id. What cannot be told is settled with a code.
 */
export function planAam(
  batch: ActivationBatch,
  settings: AamSettings,
  context: PlanContext,
): readonly PlannedRequest[] {
  if (batch.kind === "audiences")
    return settled(batch.items.map(({ id }) => rejected(id, "aam.batch.audiences")));
  const calls: HttpRequest[] = [];
  const hub = new Map<HubSource, Decided[]>();
  const outcomes: DeliveryOutcome[] = [];
  for (const item of batch.items) {
    const decided = decide(item, settings, context.now);
    const [refusal] = decided.refused;
    if (refusal !== undefined) outcomes.push(refusedOutcome(decided, refusal));
    if (decided.identities.length === 0 || decided.realized.length + decided.removedTraits.length === 0)
      continue;
    if (decided.route.kind === "edge" && batch.kind === "profiles") {
      for (const call of callsOf(decided, settings, context)) calls.push(call);
    } else {
      for (const source of new Set(decided.identities.map((identity) => identity.namespace))) {
        const members = hub.get(source);
        if (members === undefined) hub.set(source, [decided]);
        else members.push(decided);
      }
    }
  }
  const files = [...hub].map(([source, members]) => hubFile(source, members, settings, context));
  for (const file of files) outcomes.push(...file.unwritable);
  return [...calls, ...files.flatMap(({ request }) => request ?? []), ...settled(outcomes)];
}

function settled(outcomes: readonly DeliveryOutcome[]): readonly PlannedRequest[] {
  const seen = new Set<string>();
  const once = outcomes.filter(({ item }) => !seen.has(item) && seen.add(item));
  return once.length === 0 ? [] : [{ kind: "settled", outcomes: once }];
}

function rejected(item: string, code: string, detail?: string): DeliveryOutcome {
  return detail === undefined ? { kind: "rejected", item, code } : { kind: "rejected", item, code, detail };
}

function refusedOutcome({ item, leftOut }: Decided, code: string): DeliveryOutcome {
  if (code !== "aam.identity.none") return rejected(item.id, code);
  const counts = leftOut.map(({ because, count }) => `${count} ${because}`).join(", ");
  return rejected(item.id, code, counts === "" ? "no identity was mapped" : `left out: ${counts}`);
}

function decide(item: ActivationItem, settings: AamSettings, now: string): Decided {
  const filtered = filterIdentities(
    item.identities.map(({ namespace, id }) => ({
      namespace,
      id,
      // A hashed e-mail only comes from a person who was known; device ids carry no login.
      authenticatedState: namespace.toUpperCase().startsWith("EMAIL") ? "authenticated" : "ambiguous",
    })),
  );
  const refused: string[] = [];
  const realized: string[] = [];
  const removedTraits: number[] = [];
  for (const change of item.changes) {
    const audience = Object.hasOwn(settings.audiences, change.audienceId)
      ? settings.audiences[change.audienceId]
      : undefined;
    if (audience?.sharedSince !== undefined && !isAfterSharing(change, audience.sharedSince)) {
      refused.push("aam.sharing.before");
    } else if (isMember(change.status)) realized.push(change.audienceId);
    else if (audience?.traitId === undefined) refused.push("aam.removal.traitUnknown");
    else removedTraits.push(audience.traitId);
  }
  if (filtered.shared.length === 0) refused.unshift("aam.identity.none");
  else if (item.changes.length === 0) refused.push("aam.change.none");
  return {
    item,
    route: routeRegions(captures(item.regions), now),
    identities: filtered.shared,
    leftOut: filtered.leftOut,
    realized,
    removedTraits,
    refused,
  };
}

function captures(regions: ActivationItem["regions"]): unknown {
  if (regions === undefined) return undefined;
  return Object.fromEntries(
    Object.entries(regions).map(([code, captureTimestamp]) => [code, { captureTimestamp }]),
  );
}

function dataSources(settings: AamSettings): DataSources {
  const { hashedEmailDataSourceId: dpid } = settings;
  return dpid === undefined ? DEFAULT_DATA_SOURCES : { ...DEFAULT_DATA_SOURCES, EMAIL_LC_SHA256: { dpid } };
}

function callsOf(decided: Decided, settings: AamSettings, context: PlanContext): readonly HttpRequest[] {
  if (decided.route.kind !== "edge") return [];
  const { item, identities, realized, removedTraits } = decided;
  const calls = dcsCalls({
    orgId: context.orgId,
    identities,
    signals: { realized, removedTraits },
    dataSources: dataSources(settings),
  });
  return decided.route.regions.flatMap(({ region }) =>
    calls.map((call, index): HttpRequest => ({
      kind: "http",
      id: digest(`${item.id}\n${region.host}\n${index}`),
      items: [item.id],
      method: call.method,
      url: `${settings.dcsOrigin ?? `https://${region.host}`}${call.path}`,
      headers: {
        host: `${settings.domainAlias}.demdex.net`,
        ...(call.body !== undefined && { "content-type": "application/x-www-form-urlencoded" }),
      },
      ...(call.body !== undefined && { body: call.body }),
    })),
  );
}

type HubSource = SharedIdentity["namespace"];

/** What a file name and its provider say about the ids in it. Device ids name their global data source. */
function hubTarget(source: HubSource, settings: AamSettings): number | undefined {
  if (source === "ECID") return undefined;
  const named = dataSources(settings)[source];
  return "dpid" in named ? named.dpid : undefined;
}

function hubFile(
  source: HubSource,
  members: readonly Decided[],
  settings: AamSettings,
  context: PlanContext,
): { readonly request: FileRequest | undefined; readonly unwritable: readonly DeliveryOutcome[] } {
  const lines: string[] = [];
  const items: string[] = [];
  const unwritable: DeliveryOutcome[] = [];
  for (const member of members) {
    const record: readonly InboundItem[] = [
      ...member.realized.map((value) => addition(value, settings)),
      ...member.removedTraits.map((sid): InboundItem => ({ kind: "untrait", sid })),
    ];
    const written: string[] = [];
    let issue: string | undefined;
    for (const { namespace, id } of member.identities) {
      if (namespace !== source) continue;
      const text = inboundLines({ userId: id, items: record });
      if (text.ok) written.push(...text.value);
      else issue = text.error.code;
    }
    if (issue === undefined) {
      items.push(member.item.id);
      for (const line of written) lines.push(`${line}\n`);
    } else unwritable.push(rejected(member.item.id, issue));
  }
  if (lines.length === 0) return { request: undefined, unwritable };
  const target = hubTarget(source, settings);
  // Two batches of one second must not take the same name: the split number comes from what the file carries.
  const carried = digest(`${source}\n${items.join("\n")}`);
  const name = inboundFileName(
    {
      dataProviderId: settings.dataProviderId,
      ...(target !== undefined && { targetDataSourceId: target }),
      mode: "sync",
      at: context.now,
      gzip: settings.gzip,
    },
    Number.parseInt(carried.slice(0, 7), 16) + 1,
  );
  return {
    request: {
      kind: "file",
      id: digest(`${name}\n${carried}`),
      items,
      target: settings.hub,
      name,
      contentType: settings.gzip ? "application/gzip" : "text/tab-separated-values",
      encoding: "utf-8",
      compression: settings.gzip ? "gzip" : "none",
      content: lines,
    },
    unwritable,
  };
}

function addition(audienceId: string, settings: AamSettings): InboundItem {
  const sid = Object.hasOwn(settings.audiences, audienceId)
    ? settings.audiences[audienceId]?.traitId
    : undefined;
  return sid === undefined ? { kind: "signal", key: "segID", value: audienceId } : { kind: "trait", sid };
}

import { findLimit } from "@tessera/guardrails";
import type { SharedIdentity, SharedNamespace } from "./identity-filter.ts";

/** Customer ids in one call at most (error 301 and 309 beyond). */
export const MAX_CUSTOMER_IDS: number = findLimit("aam.customer-ids-per-request").value;
/** Customer ids of one namespace in one call at most (error 310 beyond). */
export const MAX_CUSTOMER_IDS_PER_NAMESPACE: number = findLimit("aam.customer-ids-per-namespace").value;
/** Bytes of a GET call and of a POST body at most. */
export const MAX_GET_BYTES: number = findLimit("aam.get-size").value;
export const MAX_POST_BYTES: number = findLimit("aam.post-size").value;

/** Between the parts of a customer id: data source, id, authentication state. Travels as `%01`. */
export const ID_SEPARATOR = "\u0001";

/** How the data source of a namespace is named: by its number, or by its integration code. */
export type DataSourceReference = { readonly dpid: number } | { readonly integrationCode: string };

/** The data sources that customer ids are declared under. Device ids have the global ones. */
export type DataSources = { readonly [namespace in Exclude<SharedNamespace, "ECID">]: DataSourceReference };

/** Global device data sources, and the advertising cloud's; the hashed e-mail's is the organisation's own. */
export const DEFAULT_DATA_SOURCES: DataSources = {
  IDFA: { dpid: 20915 },
  GAID: { dpid: 20914 },
  AdCloud: { dpid: 411 },
  EMAIL_LC_SHA256: { integrationCode: "EMAIL_LC_SHA256" },
};

/** What one person is to be told: entered and left audiences, in the words of the wire. */
export interface DcsSignals {
  /** Values of the `segID` signal. */
  readonly realized: readonly string[];
  /** Ids of traits to remove (`d_unsid`). */
  readonly removedTraits: readonly number[];
}

/** One call to a DCS, before it is given a host. */
export interface DcsCall {
  readonly method: "GET" | "POST";
  /** `/event?…`, everything variable percent-encoded. */
  readonly path: string;
  readonly body?: string;
}

/** What the calls of one person are made from. */
export interface DcsPerson {
  readonly orgId: string;
  readonly identities: readonly SharedIdentity[];
  readonly signals: DcsSignals;
  readonly dataSources: DataSources;
}

/**
 * The calls that tell one person's changes to one region.
 *
 * - One ECID a call (`d_mid`), at most 10 customer ids and 3 a namespace; more identities make more calls, so that
 *   every identity is told every change.
 * - A call that fits 8 KB is a GET, up to 32 KB a form POST, beyond that the changes are spread over several calls.
 * - No identity, or nothing to tell: no call.
 */
export function dcsCalls(person: DcsPerson): readonly DcsCall[] {
  const { realized, removedTraits } = person.signals;
  if (person.identities.length === 0 || realized.length + removedTraits.length === 0) return [];
  const groups = identityParameters(person);
  return groups.flatMap((identities) => {
    const fixed = [["d_orgid", person.orgId], ...identities, ["d_rtbd", "json"], ["d_jsonv", "0"]];
    return signalChunks(person.signals, MAX_POST_BYTES - formOf(fixed).length - 64).map((signals) => {
      const form = formOf([...fixed, ...signals]);
      return form.length + "/event?".length <= MAX_GET_BYTES
        ? { method: "GET", path: `/event?${form}` }
        : { method: "POST", path: "/event", body: form };
    });
  });
}

const HALF_PAIR = /[\ud800-\udbff](?![\udc00-\udfff])|(?<![\ud800-\udbff])[\udc00-\udfff]/g;

type Pairs = readonly (readonly string[])[];

function formOf(pairs: Pairs): string {
  return pairs.map(([key = "", value = ""]) => `${encodeURIComponent(key)}=${percent(value)}`).join("&");
}

/** Percent-encodes a value; half a surrogate pair, which no encoding has, becomes U+FFFD. */
function percent(value: string): string {
  return encodeURIComponent(value.replace(HALF_PAIR, "\ufffd"));
}

function identityParameters({ identities, dataSources }: DcsPerson): readonly Pairs[] {
  const ecids = identities.filter((identity) => identity.namespace === "ECID");
  const groups = customerGroups(identities.filter((identity) => identity.namespace !== "ECID"));
  const count = Math.max(ecids.length, groups.length);
  return Array.from({ length: count }, (_, index) => {
    const ecid = ecids[index] ?? ecids[0];
    const customers = groups[index] ?? (index < ecids.length ? groups[0] : undefined) ?? [];
    return [
      ...(ecid === undefined ? [] : [["d_mid", ecid.id]]),
      ...customers.map((identity) => customerParameter(identity, dataSources)),
    ];
  });
}

function customerParameter(identity: SharedIdentity, dataSources: DataSources): readonly string[] {
  if (identity.namespace === "ECID") return ["d_mid", identity.id];
  const source = dataSources[identity.namespace];
  const parts = [identity.id, String(identity.authState)];
  return "dpid" in source
    ? ["d_cid", [String(source.dpid), ...parts].join(ID_SEPARATOR)]
    : ["d_cid_ic", [source.integrationCode, ...parts].join(ID_SEPARATOR)];
}

function customerGroups(customers: readonly SharedIdentity[]): readonly (readonly SharedIdentity[])[] {
  const groups: SharedIdentity[][] = [];
  for (const customer of customers) {
    const group = groups.find(
      (members) =>
        members.length < MAX_CUSTOMER_IDS &&
        members.filter((member) => member.namespace === customer.namespace).length <
          MAX_CUSTOMER_IDS_PER_NAMESPACE,
    );
    if (group === undefined) groups.push([customer]);
    else group.push(customer);
  }
  return groups;
}

function signalChunks(signals: DcsSignals, room: number): readonly Pairs[] {
  const all: (readonly string[])[] = [
    ...signals.realized.map((value) => ["segID", value]),
    ...signals.removedTraits.map((sid) => ["d_unsid", String(sid)]),
  ];
  const chunks: (readonly string[])[][] = [];
  let size = Infinity;
  for (const pair of all) {
    const length = formOf([pair]).length + 1;
    if (size + length > room) {
      chunks.push([]);
      size = 0;
    }
    chunks.at(-1)?.push(pair);
    size += length;
  }
  return chunks;
}

/** The page-less call that opts a device out of the organisation's data collection. */
export function optOutPath(ecid: string, orgId: string): string {
  return `/demoptout.jpg?${formOf([
    ["d_mid", ecid],
    ["d_orgid", orgId],
  ])}`;
}

import type { JsonObject, JsonValue } from "@tessera/xdm";
import type { Authenticator } from "./access.ts";
import type { CompiledSnapshot, SnapshotSource } from "./compiled-snapshot.ts";
import type { Datastream } from "./datastream.ts";
import type { EdgeProfileStore } from "./edge-profile.ts";
import type { PersonalizationQuery } from "./event.ts";
import type { EdgeContext, EdgeReply, EdgeRequest } from "./exchange.ts";
import type { HubLink } from "./hub-link.ts";
import type { CookieSigner } from "./identity-cookie.ts";
import type { EdgeRegion } from "./region.ts";
import type { UnitMeter } from "./request-units.ts";

/** Whom and what a decision is about. */
export interface DecisionRequest {
  readonly query: PersonalizationQuery;
  readonly members: ReadonlySet<string>;
  /** The attributes of the person; only offers read them, nothing of them leaves unasked. */
  readonly attributes: JsonObject;
  readonly visitorId: string;
  readonly now: number;
  readonly datastream: Datastream;
  /** The `data` object of the event: mbox and profile parameters. */
  readonly data: JsonObject;
  readonly xdm: JsonObject;
}

/** Decides what a page shows: the propositions of `personalization:decisions`. */
export type Decider = (compiled: CompiledSnapshot, request: DecisionRequest) => readonly JsonValue[];

/** A further protocol on the same edge (Target delivery, Audience Manager). */
export type Mount = (
  edge: Edge,
  exchange: { readonly request: EdgeRequest; readonly query: URLSearchParams; readonly context: EdgeContext },
) => Promise<EdgeReply>;

/** Something worth a line in the log. Never carries personal data. */
export interface EdgeNotice {
  readonly level: "info" | "warn" | "error";
  readonly event: string;
  readonly detail: string;
}

/** Everything an edge works with: the ports a runtime brings, and the settings. */
export interface Edge {
  readonly snapshot: SnapshotSource;
  readonly profiles: EdgeProfileStore;
  readonly hub: HubLink;
  /** Milliseconds since 1970. */
  readonly clock: () => number;
  readonly newId: () => string;
  /** Random bytes of cryptographic quality. */
  readonly random: (bytes: number) => Uint8Array;
  readonly region: EdgeRegion;
  readonly authenticate: Authenticator;
  /** What the hub proves itself with on `/internal/*`. */
  readonly internalToken: string;
  readonly basePath: string;
  /** How long a request waits for the hub at most, in milliseconds. */
  readonly lookupBudgetMs: number;
  /** How long after a failed question the hub is not asked again for the same profile, in milliseconds. */
  readonly lookupRetryMs: number;
  readonly signer: ((organisation: string) => CookieSigner) | undefined;
  readonly tcfVendorId: number | undefined;
  readonly units: UnitMeter;
  readonly decide: Decider;
  readonly mounts: { readonly delivery?: Mount; readonly aamEvent?: Mount; readonly aamId?: Mount };
  readonly notice: (notice: EdgeNotice) => void;
}

import type { Authenticator } from "./access.ts";
import type { SnapshotSource } from "./compiled-snapshot.ts";
import type { EdgeProfileStore } from "./edge-profile.ts";
import type { EdgeContext, EdgeReply, EdgeRequest } from "./exchange.ts";
import type { HubLink } from "./hub-link.ts";
import type { CookieSigner } from "./identity-cookie.ts";
import type { EdgeRegion } from "./region.ts";
import type { UnitMeter } from "./request-units.ts";
import type { Route } from "./route.ts";

/** A further protocol on the same edge (Target delivery, Audience Manager). */
export type Mount = (
  edge: Edge,
  exchange: {
    readonly request: EdgeRequest;
    readonly route: Route;
    readonly requestId: string;
    readonly context: EdgeContext;
  },
) => Promise<EdgeReply>;

/** Target's and Audience Manager's protocols on this edge. */
export interface Mounts {
  /** `POST /rest/v1/delivery`. */
  readonly delivery: Mount;
  /** `GET /<client>/production/v1/rules.json`. */
  readonly artifact: Mount;
  /** `/event`, `/id` and `/demoptout.jpg` of the DCS. */
  readonly aam: Mount;
}

/** Something worth a line in the log. Never carries personal data. */
export interface EdgeNotice {
  readonly level: "info" | "warn" | "error";
  readonly event: string;
  readonly detail: string;
}

/** Everything an edge works with: the ports a runtime brings, and the settings. */
export interface Edge {
  /** The sandbox it serves, where one was named; else the hub's default one. */
  readonly sandbox: string | undefined;
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
  /** The protocols served beside the Edge Network's. */
  readonly mounts: Mounts;
  readonly notice: (notice: EdgeNotice) => void;
}

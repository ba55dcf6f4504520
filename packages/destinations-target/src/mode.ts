import type { TargetSettings } from "./connection.ts";
import { NO_DATASTREAM } from "./workspace.ts";

/** What calls Target: the Web SDK (or the Edge API), at.js, or a server-side SDK. */
export const TARGET_CLIENTS = ["web-sdk", "at.js", "server"] as const;

/** See `TARGET_CLIENTS`. */
export type TargetClient = (typeof TARGET_CLIENTS)[number];

/** Why a mode is what it is. */
export type TargetModeReason =
  | "edge-segmentation"
  | "no-edge-segmentation"
  | "no-datastream"
  | "unknown-datastream"
  | "no-target-service"
  | "delivery-api";

/** When an audience takes effect, by which identities a visitor is recognised, and what works. */
export interface TargetMode {
  readonly personalization: "same-page" | "next-session";
  /** `any`: every identity of the identity map. */
  readonly namespaces: "any" | readonly string[];
  readonly edgeSegmentation: boolean;
  /** Audiences that a request itself brings about count in its answer. */
  readonly samePage: boolean;
  /** They count on the next page. */
  readonly nextPage: boolean;
  /** Audiences that the hub evaluated count from the next session on. */
  readonly nextSession: boolean;
  /** Mapped attributes can stand in offers. */
  readonly attributes: boolean;
  readonly reason: TargetModeReason;
}

/** What of a datastream decides the mode. `target` is on where it is not said. */
export interface TargetDatastream {
  readonly edgeSegmentation: boolean;
  readonly target?: boolean;
}

/**
 * The mode of a connection. Only the Web SDK (or the Edge API) over a datastream with edge segmentation personalises the
 * same page and the next one; without edge segmentation, and with at.js or server-side SDKs, audiences hold from the
 * next session. at.js knows the ECID alone. A datastream without the Target service personalises nothing.
 */
export function targetMode(
  settings: Pick<TargetSettings, "datastreamId">,
  datastream: TargetDatastream | undefined,
  client: TargetClient,
): TargetMode {
  const reason = reasonOf(settings, datastream, client);
  const edgeSegmentation = reason === "edge-segmentation";
  const serves = reason !== "no-target-service" && reason !== "unknown-datastream";
  return {
    personalization: edgeSegmentation ? "same-page" : "next-session",
    namespaces: client === "at.js" ? ["ECID"] : "any",
    edgeSegmentation,
    samePage: edgeSegmentation,
    nextPage: edgeSegmentation,
    nextSession: serves,
    attributes: serves,
    reason,
  };
}

function reasonOf(
  { datastreamId }: Pick<TargetSettings, "datastreamId">,
  datastream: TargetDatastream | undefined,
  client: TargetClient,
): TargetModeReason {
  if (client !== "web-sdk") return "delivery-api";
  if (datastreamId === NO_DATASTREAM) return "no-datastream";
  if (datastream === undefined) return "unknown-datastream";
  if (datastream.target === false) return "no-target-service";
  return datastream.edgeSegmentation ? "edge-segmentation" : "no-edge-segmentation";
}

const EXPLANATIONS: Readonly<Record<TargetModeReason, string>> = {
  "edge-segmentation":
    "The datastream has edge segmentation: audiences are evaluated in the request, for the same page and the next one.",
  "no-edge-segmentation":
    "The datastream has no edge segmentation: audiences hold as the hub evaluated them, from the next session on. Switch edge segmentation on for same-page personalization.",
  "no-datastream":
    "The connection has no datastream: it serves datastreams without a connection of their own, by what the hub evaluated, from the next session on.",
  "unknown-datastream":
    "The datastream does not exist here: nothing is personalised. Save it, or give the connection another one.",
  "no-target-service":
    "The datastream does not have the Target service: nothing is personalised. Switch Target on in the datastream.",
  "delivery-api":
    "The Delivery API evaluates nothing itself: audiences hold as the hub evaluated them, from the next session on.",
};

/** A mode's reason in words, with what to do where something is missing. */
export function explainTargetMode(reason: TargetModeReason): string {
  return EXPLANATIONS[reason];
}

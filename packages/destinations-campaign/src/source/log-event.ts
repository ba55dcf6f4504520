import {
  describe,
  digest,
  err,
  type EventBody,
  isObject,
  type Issue,
  type JsonObject,
  ok,
  parseInstant,
  type Result,
} from "@tessera/xdm";

/** Which log a row comes from: deliveries sent (`broadLogRcp`), or opens and clicks (`trackingLogRcp`). */
export type CampaignLog = "broadLog" | "trackingLog";

/** What turns rows of one Campaign instance into events. */
export interface LogSettings {
  readonly instance: string;
  /** Namespace of `externalID`, the primary identity of the events. */
  readonly externalIdNamespace: string;
}

/** An event from a log row: always with an id, so that reading a row twice changes nothing. */
export type CampaignEvent = EventBody & { readonly _id: string; readonly eventType: string };

const BROAD_EVENT: { readonly [status: string]: string } = {
  sent: "directMarketing.emailSent",
  delivered: "directMarketing.emailDelivered",
  failed: "directMarketing.emailBounced",
  bounced: "directMarketing.emailBounced",
  rejected: "directMarketing.emailBounced",
};
const TRACKING_EVENT: { readonly [type: string]: string } = {
  open: "directMarketing.emailOpened",
  click: "directMarketing.emailClicked",
  optout: "directMarketing.emailUnsubscribed",
  unsubscribe: "directMarketing.emailUnsubscribed",
  mirror: "directMarketing.emailClicked",
};

const TEXTS = [
  "status",
  "reason",
  "reasonMessage",
  "externalID",
  "campaignID",
  "campaignName",
  "campaignLabel",
  "broadlogID",
  "deliveryID",
  "deliveryName",
  "deliveryLabel",
  "deliveryMode",
  "visitorID",
  "recipientID",
  "serviceID",
  "channel",
] as const;
const FLAGS = ["quarantine", "controlGroupMember", "seedMember", "proofMember"] as const;
const TRACKING_TEXTS = ["trackinglogID", "url", "urlCategory"] as const;

/**
 * One log row as an experience event with the documented fields under `_experience.campaign`. `externalID` is the
 * primary identity; a `visitorID` of 38 digits is the ECID. A delivery whose status changes is another event, the
 * same row read again is the same event. Refused: rows without id, time or `externalID`.
 */
export function campaignEvent(
  log: CampaignLog,
  row: unknown,
  settings: LogSettings,
): Result<CampaignEvent, Issue> {
  if (!isObject(row)) return err(refused("campaign.log.row", [], "an object of columns", row));
  const idColumn = log === "broadLog" ? "broadlogID" : "trackinglogID";
  const id = text(row[idColumn]);
  if (id === undefined)
    return err(refused("campaign.log.id", [idColumn], "the id of the log entry", row[idColumn]));
  const externalID = text(row["externalID"]);
  if (externalID === undefined || externalID.length > 1024)
    return err(
      refused(
        "campaign.log.externalId",
        ["externalID"],
        "the id of the recipient, at most 1,024 characters",
        row["externalID"],
      ),
    );
  const time = parseInstant(row["eventDate"]);
  if (!time.ok) return err({ ...time.error, code: "campaign.log.time", path: ["eventDate"] });
  const campaign: { [field: string]: string | boolean } = {};
  for (const field of log === "broadLog" ? TEXTS : [...TEXTS, ...TRACKING_TEXTS]) {
    const value = text(row[field]);
    if (value !== undefined) campaign[field] = value;
  }
  for (const field of FLAGS) {
    const value = flag(row[field]);
    if (value !== undefined) campaign[field] = value;
  }
  const visitor = text(row["visitorID"]);
  return ok({
    _id: digest(
      `campaign\n${settings.instance}\n${log}\n${id}${log === "broadLog" ? `\n${campaign["status"] ?? ""}` : ""}`,
    ),
    timestamp: new Date(time.value).toISOString(),
    eventType: eventType(log, row),
    identityMap: {
      [settings.externalIdNamespace]: [{ id: externalID, primary: true }],
      ...(visitor !== undefined && /^\d{38}$/.test(visitor) && { ECID: [{ id: visitor }] }),
    },
    _experience: { campaign } satisfies JsonObject,
  });
}

function eventType(log: CampaignLog, row: Record<string, unknown>): string {
  if (log === "trackingLog")
    return (
      TRACKING_EVENT[(text(row["urlType"]) ?? text(row["urlCategory"]) ?? "").toLowerCase()] ??
      "directMarketing.emailClicked"
    );
  return BROAD_EVENT[(text(row["status"]) ?? "").toLowerCase()] ?? "directMarketing.emailSent";
}

/** A column as text: numbers come as numbers from JSON, as text from CSV. */
function text(value: unknown): string | undefined {
  if (typeof value === "string") return value === "" ? undefined : value;
  return typeof value === "number" && Number.isFinite(value) ? String(value) : undefined;
}

function flag(value: unknown): boolean | undefined {
  if (typeof value === "boolean") return value;
  const word = text(value)?.toLowerCase();
  if (word === "true" || word === "1" || word === "yes") return true;
  return word === "false" || word === "0" || word === "no" ? false : undefined;
}

function refused(code: string, path: readonly string[], expected: string, came: unknown): Issue {
  return {
    code,
    path,
    expected,
    came: describe(came),
    message: `${path.join(".") || "row"}: expected ${expected}, got ${describe(came)}. The row was left out; correct it and read it again.`,
  };
}

import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  campaignEvent,
  type CampaignLog,
  type LogWatermark,
  readCsvRecords,
  readLogs,
  REISSUE_HOURS,
} from "../index.ts";

const SETTINGS = { instance: "acme-mkt-prod1", externalIdNamespace: "CRMID" };
const ECID = "1".repeat(38);
const BROAD = {
  broadlogID: "b1",
  lastModified: "2026-02-01T10:00:00Z",
  eventDate: "2026-02-01T09:59:00Z",
  externalID: "crm-1",
  status: "sent",
  channel: "email",
  deliveryID: 17,
  deliveryLabel: "Spring",
  campaignName: "SPR26",
  quarantine: "0",
  seedMember: true,
  visitorID: ECID,
};
const TRACKING = {
  trackinglogID: "t1",
  broadlogID: "b1",
  lastModified: "2026-02-01T11:00:00Z",
  eventDate: "2026-02-01T10:59:00+02:00",
  externalID: "crm-1",
  urlType: "click",
  url: "https://example.test/?a=1",
  urlCategory: "offer",
};

describe("campaignEvent", () => {
  it("a delivery with its documented fields; no field without a value", () => {
    const event = campaignEvent("broadLog", { ...BROAD, reason: "", unknown: "x" }, SETTINGS);
    expect(event).toEqual({
      ok: true,
      value: {
        _id: expect.stringMatching(/^[0-9a-f]+$/),
        timestamp: "2026-02-01T09:59:00.000Z",
        eventType: "directMarketing.emailSent",
        identityMap: { CRMID: [{ id: "crm-1", primary: true }], ECID: [{ id: ECID }] },
        _experience: {
          campaign: {
            status: "sent",
            externalID: "crm-1",
            campaignName: "SPR26",
            broadlogID: "b1",
            deliveryID: "17",
            deliveryLabel: "Spring",
            visitorID: ECID,
            channel: "email",
            quarantine: false,
            seedMember: true,
          },
        },
      },
    });
  });

  it("a click, in UTC, with the url", () => {
    const event = campaignEvent("trackingLog", TRACKING, SETTINGS);
    expect(event).toMatchObject({
      ok: true,
      value: {
        timestamp: "2026-02-01T08:59:00.000Z",
        eventType: "directMarketing.emailClicked",
        _experience: {
          campaign: {
            trackinglogID: "t1",
            broadlogID: "b1",
            url: "https://example.test/?a=1",
            urlCategory: "offer",
          },
        },
      },
    });
  });

  it.each<[CampaignLog, object, string]>([
    ["broadLog", { status: "Delivered" }, "directMarketing.emailDelivered"],
    ["broadLog", { status: "failed" }, "directMarketing.emailBounced"],
    ["broadLog", { status: "pending" }, "directMarketing.emailSent"],
    ["trackingLog", { urlType: "open" }, "directMarketing.emailOpened"],
    ["trackingLog", { urlType: "OptOut" }, "directMarketing.emailUnsubscribed"],
    ["trackingLog", { urlType: undefined, urlCategory: undefined }, "directMarketing.emailClicked"],
  ])("%s %j is %s", (log, changes, eventType) => {
    const event = campaignEvent(log, { ...(log === "broadLog" ? BROAD : TRACKING), ...changes }, SETTINGS);
    expect(event.ok && event.value.eventType).toBe(eventType);
  });

  it.each<[string, unknown, string]>([
    ["no object", 3, "campaign.log.row"],
    ["no id", { ...BROAD, broadlogID: "" }, "campaign.log.id"],
    ["no externalID", { ...BROAD, externalID: undefined }, "campaign.log.externalId"],
    ["an externalID too long", { ...BROAD, externalID: "x".repeat(1025) }, "campaign.log.externalId"],
    ["no time", { ...BROAD, eventDate: "yesterday" }, "campaign.log.time"],
  ])("refuses %s and says nothing of the person", (_, row, code) => {
    const event = campaignEvent("broadLog", row, SETTINGS);
    expect(event.ok ? "taken" : event.error.code).toBe(code);
    expect(JSON.stringify(event)).not.toContain("crm-1");
  });

  it("the same row is the same event; another status, log or instance is another", () => {
    const id = (log: CampaignLog, row: object, settings = SETTINGS): string => {
      const event = campaignEvent(log, { ...row, broadlogID: "x", trackinglogID: "x" }, settings);
      if (!event.ok) throw new Error(event.error.message);
      return event.value._id;
    };
    expect(id("broadLog", BROAD)).toBe(id("broadLog", { ...BROAD, lastModified: "2027-01-01T00:00:00Z" }));
    const others = [
      id("broadLog", BROAD),
      id("broadLog", { ...BROAD, status: "failed" }),
      id("trackingLog", BROAD),
      id("broadLog", BROAD, { ...SETTINGS, instance: "other" }),
    ];
    expect(new Set(others).size).toBe(4);
  });
});

describe("readLogs", () => {
  it("reads a log file, keeps what is good beside what is not", () => {
    const file =
      'broadlogID,lastModified,eventDate,externalID,status,deliveryLabel\nb1,2026-02-01T10:00:00Z,2026-02-01T09:00:00Z,crm-1,sent,"Spring, ""26"""\nb2,2026-02-01T10:00:00Z,never,crm-2,sent,\n';
    const { rows, watermark } = readLogs("broadLog", readCsvRecords([file]), SETTINGS);
    expect(rows.map(({ kind }) => kind)).toEqual(["event", "refused"]);
    expect(rows[0]).toMatchObject({
      event: { _experience: { campaign: { deliveryLabel: 'Spring, "26"' } } },
    });
    expect(rows[1]).toMatchObject({ row: 1, issue: { code: "campaign.log.time" } });
    expect(watermark).toEqual({ lastModified: "2026-02-01T10:00:00.000Z", ids: ["b1", "b2"] });
  });

  it("pages that overlap, repeat or tear one instant apart give every entry once", () => {
    const entry = fc.record({ n: fc.integer({ min: 0, max: 400 }), second: fc.integer({ min: 0, max: 5 }) });
    fc.assert(
      fc.property(
        fc.uniqueArray(entry, { selector: ({ n }) => n, maxLength: 30 }),
        fc.integer({ min: 1, max: 7 }),
        fc.integer({ min: 0, max: 3 }),
        (entries, size, overlap) => {
          const log = entries
            .map(({ n, second }) => ({
              ...BROAD,
              broadlogID: `b${n}`,
              lastModified: `2026-02-01T10:00:0${second}Z`,
            }))
            .sort((a, b) => a.lastModified.localeCompare(b.lastModified));
          const ids: string[] = [];
          let watermark: LogWatermark | undefined;
          for (let at = 0; at < log.length; at += size) {
            const page = log.slice(Math.max(0, at - overlap), at + size);
            const read = readLogs("broadLog", page, SETTINGS, { ...(watermark && { watermark }) });
            for (const row of read.rows) if (row.kind === "event") ids.push(row.event._id);
            watermark = JSON.parse(JSON.stringify(read.watermark)) as LogWatermark;
          }
          expect(ids.length).toBe(log.length);
          expect(new Set(ids).size).toBe(log.length);
        },
      ),
      { numRuns: 200 },
    );
  });

  it("a recipient who was deleted is not read in again, but who signs up anew later is", () => {
    const deleted = new Map([["crm-1", "2026-02-01T00:00:00Z"]]);
    const reissueAt = "2026-02-04T00:00:00.000Z";
    expect(Date.parse(reissueAt) - Date.parse("2026-02-01T00:00:00Z")).toBe(REISSUE_HOURS * 3_600_000);
    const at = (eventDate: string): string =>
      readLogs("broadLog", [{ ...BROAD, eventDate }], SETTINGS, { deleted }).rows[0]?.kind ?? "none";
    expect(at("2026-01-31T00:00:00Z")).toBe("deleted");
    expect(at("2026-02-03T23:59:59Z")).toBe("deleted");
    expect(at("2026-02-04T00:00:00Z")).toBe("event");
    const { rows } = readLogs("broadLog", [BROAD], SETTINGS, { deleted });
    expect(rows).toEqual([{ kind: "deleted", row: 0, reissueAt }]);
  });
});

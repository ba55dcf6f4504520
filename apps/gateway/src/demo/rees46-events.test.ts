import { describe, expect, it } from "vitest";
import { readEventLog } from "./rees46-events.ts";

const HEADER = "event_time,event_type,product_id,category_id,category_code,brand,price,user_id,user_session";
const ROW = "2026-01-01 00:00:05 UTC,view,1,7,a.b,acme,3.10,5,s1";

const BAD: readonly (readonly [string, string, RegExp])[] = [
  ["too few columns", "garbage", /expected 9 columns, got 1/],
  ["a time that is none", ROW.replace("2026-01-01 00:00:05 UTC", "yesterday"), /event_time/],
  ["a type that is none", ROW.replace("view", "dance"), /event_type/],
  ["a price that is none", ROW.replace("3.10", "much"), /price/],
  ["nobody", ROW.replace(",5,s1", ",,s1"), /user_id/],
  ["no product", ROW.replace("view,1", "view,"), /product_id/],
  ["a quote left open", ROW.replace("acme", '"acme'), /quote/],
];

describe("readEventLog", () => {
  it.each(["\n", "\r\n", "\r"])(
    "reads rows that end with %j, and says two equal rows are two events",
    (end) => {
      const { rows, events, bad } = readEventLog(
        [HEADER, ROW, ROW, "", ROW.replace("view", "cart")].join(end),
        "web",
      );
      expect([rows, bad]).toEqual([3, []]);
      expect(events[0]).toMatchObject({
        timestamp: "2026-01-01T00:00:05.000Z",
        eventType: "commerce.productViews",
        identityMap: { CRMID: [{ id: "5", primary: true }], SESSION: [{ id: "s1" }] },
        productListItems: [
          { SKU: "1", priceTotal: 3.1, brand: "acme", categoryCode: "a.b", categoryId: "7" },
        ],
      });
      expect(new Set(events.map(({ _id }) => _id)).size).toBe(3);
    },
  );

  it.each(BAD)("reports %s with its line and reads the rows around it", (_what, row, reason) => {
    const { rows, events, bad } = readEventLog([HEADER, ROW, row, ROW].join("\r\n"), "web");
    expect([rows, events.length]).toEqual([3, 2]);
    expect(bad).toEqual([{ line: 3, reason: expect.stringMatching(reason) as unknown }]);
  });

  it("gives an event the same id on every reading, whatever stands around it", () => {
    const first = readEventLog([HEADER, ROW].join("\n"), "web").events[0]?.["_id"];
    expect(
      readEventLog([HEADER, "garbage", ROW.replace("view", "cart"), ROW].join("\r\n"), "web").events[1],
    ).toMatchObject({ _id: first });
    expect(readEventLog([HEADER, ROW].join("\n"), "app").events[0]?.["_id"]).not.toBe(first);
  });

  it("says which columns a header lacks", () => {
    expect(readEventLog("event_time,user_id\n1,2\n", "web").bad[0]?.reason).toContain("event_type");
  });
});

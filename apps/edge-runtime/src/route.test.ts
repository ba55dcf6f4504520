import { describe, expect, it } from "vitest";
import { parseRoute } from "./route.ts";

describe("paths", () => {
  it.each([
    ["/ee/v1/interact", "v1/interact", undefined],
    ["/ee/v2/interact", "v2/interact", undefined],
    ["/ee/v1/collect", "v1/collect", undefined],
    ["/ee/v2/collect", "v2/collect", undefined],
    ["/ee/v1/identity/acquire", "acquire", undefined],
    ["/ee/v1/privacy/set-consent", "set-consent", undefined],
    ["/ee/va6/v1/interact", "v1/interact", "va6"],
    ["/ee/irl1/v2/interact", "v2/interact", "irl1"],
    ["/ee/irl1/v1/privacy/set-consent", "set-consent", "irl1"],
    ["/ee/t38/v1/interact", "v1/interact", "t38"],
    ["/ee/va6/va/v1/interact", "v1/interact", "va6"],
    ["/rest/v1/delivery?client=shop", "delivery", undefined],
    ["/shop/production/v1/rules.json", "artifact", undefined],
    ["/event?d_cid=1", "aam-event", undefined],
    ["/id", "aam-id", undefined],
  ])("%s", (target, action, hint) => {
    expect(parseRoute(target, "ee")).toMatchObject(hint === undefined ? { action } : { action, hint });
  });

  it.each([
    "/",
    "/ee",
    "/ee/",
    "/ee/v3/interact",
    "/ee/v1/interact/",
    "/ee/v1/constructor",
    "/ee/VA6/v1/interact",
    "/ee/../v1/interact",
    "/ee/va6/irl1/v1/interact",
    "/ee/a-hint-of-great-length/v1/interact",
    "/other/v1/interact",
  ])("%s is none", (target) => {
    expect(parseRoute(target, "ee")).toBeUndefined();
  });

  it("reads the parameters", () => {
    const route = parseRoute("/ee/v1/interact?configId=a%20b&requestId=1", "ee");
    expect(Object.fromEntries(route?.query ?? [])).toEqual({ configId: "a b", requestId: "1" });
  });

  it("follows the base path it is set to", () => {
    expect(parseRoute("/collect-here/v1/interact", "collect-here")).toMatchObject({ action: "v1/interact" });
  });
});

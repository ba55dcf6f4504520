import { describe, expect, it } from "vitest";
import { applyOverrides, obfuscateIp, parseDatastream } from "./datastream.ts";

describe("the address of a client", () => {
  it.each([
    ["198.51.100.77", "none", "198.51.100.77"],
    ["198.51.100.77", "partial", "198.51.100.0"],
    ["198.51.100.77", "full", undefined],
    ["2001:db8:85a3:8d3:1319:8a2e:370:7348", "none", "2001:db8:85a3:8d3:1319:8a2e:370:7348"],
    ["2001:0db8:85a3:8d3:1319:8a2e:370:7348", "partial", "2001:db8:85a3::"],
    ["2001:db8::1", "partial", "2001:db8:0::"],
    ["::1", "partial", "0:0:0::"],
    ["2001:db8::1", "full", undefined],
    ["not an address", "partial", undefined],
    ["1::2::3", "partial", undefined],
  ] as const)("%s, obfuscated %s, is %s", (ip, level, expected) => {
    expect(obfuscateIp(ip, level)).toBe(expected);
  });
});

const PLATFORM = {
  eventDatasets: ["web", "web-two"],
  profileDataset: "profile",
  edgeSegmentation: true,
  personalizationDestinations: true,
};
const parsed = parseDatastream({
  id: "main",
  services: {
    platform: PLATFORM,
    target: { propertyToken: "p1" },
    audienceManager: { cookieDestinations: true, urlDestinations: true },
  },
});
if (!parsed.ok) throw new Error(parsed.error.message);
const main = parsed.value;
const platform = (value: object): object => ({ com_adobe_experience_platform: value });

describe("overrides of a datastream", () => {
  it.each([
    ["nothing", undefined, main],
    ["what this edge does not know", { com_adobe_analytics: { reportSuites: ["x"] } }, main],
    [
      "another of its event datasets",
      platform({ datasets: { event: { datasetId: "web-two" } } }),
      { ...main, platform: { ...PLATFORM, eventDatasets: ["web-two"] } },
    ],
    ["its profile dataset", platform({ datasets: { profile: { datasetId: "profile" } } }), main],
    [
      "edge segmentation switched off",
      platform({ com_adobe_edge_segmentation: { enabled: false } }),
      { ...main, platform: { ...PLATFORM, edgeSegmentation: false } },
    ],
    [
      "personalization destinations switched off",
      platform({ com_adobe_edge_destinations: { enabled: false } }),
      { ...main, platform: { ...PLATFORM, personalizationDestinations: false } },
    ],
    ["the platform switched off", platform({ enabled: false }), { ...main, platform: undefined }],
    ["Target switched off", { com_adobe_target: { enabled: false } }, { ...main, target: undefined }],
    [
      "another Target property",
      { com_adobe_target: { propertyToken: "p2" } },
      { ...main, target: { propertyToken: "p2" } },
    ],
    [
      "Audience Manager switched off",
      { com_adobe_audience_manager: { enabled: false } },
      { ...main, audienceManager: undefined },
    ],
  ])("%s", (_, overrides, expected) => {
    expect(applyOverrides(main, overrides)).toEqual({ ok: true, value: expected });
  });

  it.each([
    ["no object", "all"],
    ["somebody else's event dataset", platform({ datasets: { event: { datasetId: "other" } } })],
    ["somebody else's profile dataset", platform({ datasets: { profile: { datasetId: "other" } } })],
    ["a dataset that is no text", platform({ datasets: { event: { datasetId: 5 } } })],
  ])("%s is refused", (_, overrides) => {
    expect(applyOverrides(main, overrides)).toMatchObject({ ok: false });
  });
});

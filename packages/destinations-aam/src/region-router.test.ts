import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { DCS_REGIONS, dcsRegion, expectedLatency, routeRegions, totalRoutes } from "./index.ts";

const NOW = "2026-03-29T03:00:00Z";
const at = (captureTimestamp: unknown): { captureTimestamp: unknown } => ({ captureTimestamp });

const CASES: readonly {
  name: string;
  regions: unknown;
  expect: { kind: "edge"; hosts: string[] } | { kind: "hub"; because: string };
}[] = [
  { name: "captured now", regions: { VA6: at(NOW) }, expect: { kind: "edge", hosts: ["use.demdex.net"] } },
  {
    name: "exactly 14 days ago",
    regions: { VA6: at("2026-03-15T03:00:00Z") },
    expect: { kind: "edge", hosts: ["use.demdex.net"] },
  },
  {
    name: "14 days and one second ago",
    regions: { VA6: at("2026-03-15T02:59:59Z") },
    expect: { kind: "hub", because: "stale" },
  },
  {
    name: "14 days and one millisecond ago",
    regions: { VA6: at("2026-03-15T02:59:59.999Z") },
    expect: { kind: "hub", because: "stale" },
  },
  {
    name: "one second less than 14 days ago",
    regions: { OR2: at("2026-03-15T03:00:01Z") },
    expect: { kind: "edge", hosts: ["usw2.demdex.net"] },
  },
  {
    name: "exactly 14 days ago, written in another zone, across a change of summer time",
    regions: { IRL1: at("2026-03-15T04:00:00+01:00") },
    expect: { kind: "edge", hosts: ["irl1.demdex.net"] },
  },
  {
    name: "one second too old, written in another zone",
    regions: { IRL1: at("2026-03-14T21:59:59-05:00") },
    expect: { kind: "hub", because: "stale" },
  },
  {
    name: "without a zone UTC is meant",
    regions: { JPN3: at("2026-03-15T03:00:00") },
    expect: { kind: "edge", hosts: ["tyo3.demdex.net"] },
  },
  { name: "no field at all", regions: undefined, expect: { kind: "hub", because: "noRegion" } },
  { name: "null", regions: null, expect: { kind: "hub", because: "noRegion" } },
  { name: "an empty map", regions: {}, expect: { kind: "hub", because: "noRegion" } },
  { name: "a list", regions: [1], expect: { kind: "hub", because: "noRegion" } },
  { name: "no timestamp", regions: { VA6: {} }, expect: { kind: "hub", because: "unreadable" } },
  {
    name: "a number as timestamp",
    regions: { VA6: at(1774753200) },
    expect: { kind: "hub", because: "unreadable" },
  },
  {
    name: "an unknown region",
    regions: { MARS1: at(NOW) },
    expect: { kind: "hub", because: "unknownRegion" },
  },
  {
    name: "far in the future",
    regions: { VA6: at("2026-03-30T03:00:00Z") },
    expect: { kind: "hub", because: "future" },
  },
  {
    name: "a clock two minutes ahead",
    regions: { VA6: at("2026-03-29T03:02:00Z") },
    expect: { kind: "edge", hosts: ["use.demdex.net"] },
  },
  {
    name: "all fresh regions, newest first; the stale one is left out",
    regions: {
      VA6: at("2026-03-20T00:00:00Z"),
      IRL1: at("2026-03-28T00:00:00Z"),
      AUS3: at("2026-03-01T00:00:00Z"),
    },
    expect: { kind: "edge", hosts: ["irl1.demdex.net", "use.demdex.net"] },
  },
  {
    name: "an edge code and the DCS number of one place are one region",
    regions: { VA6: at("2026-03-20T00:00:00Z"), 7: at("2026-03-27T00:00:00Z") },
    expect: { kind: "edge", hosts: ["use.demdex.net"] },
  },
];

describe("routeRegions", () => {
  it.each(CASES)("$name", ({ regions, expect: wanted }) => {
    const route = routeRegions(regions, NOW);
    const came =
      route.kind === "edge"
        ? { kind: "edge", hosts: route.regions.map(({ region }) => region.host) }
        : { kind: "hub", because: route.because };
    expect(came).toEqual(wanted);
  });

  it("agrees with the plain reading of the rule for any second around the boundary", () => {
    fc.assert(
      fc.property(
        fc.integer({ min: -100, max: 100 }),
        fc.integer({ min: -14 * 60, max: 14 * 60 }),
        (off, zone) => {
          const captured = Date.parse(NOW) - 14 * 86_400_000 + off * 1000;
          const local = new Date(captured + zone * 60_000).toISOString().slice(0, 19);
          const sign = zone < 0 ? "-" : "+";
          const [h, m] = [Math.floor(Math.abs(zone) / 60), Math.abs(zone) % 60];
          const text = `${local}${sign}${String(h).padStart(2, "0")}:${String(m).padStart(2, "0")}`;
          expect(routeRegions({ VA6: at(text) }, NOW).kind).toBe(off >= 0 ? "edge" : "hub");
        },
      ),
      { numRuns: 300 },
    );
  });

  it("says when a membership can be used, for one person and in total", () => {
    expect(expectedLatency("edge", NOW)).toEqual({
      label: "minutes",
      earliest: "2026-03-29T03:01:00.000Z",
      latest: "2026-03-29T03:15:00.000Z",
    });
    expect(expectedLatency("hub", NOW)).toEqual({
      label: "12-24 hours",
      earliest: "2026-03-29T15:00:00.000Z",
      latest: "2026-03-30T03:00:00.000Z",
    });
    const routes = CASES.map(({ regions }) => routeRegions(regions, NOW));
    const totals = totalRoutes(routes);
    expect(totals.edge + totals.hub).toBe(CASES.length);
    expect(totals.hubBecause).toEqual({ stale: 3, noRegion: 4, unreadable: 2, unknownRegion: 1, future: 1 });
    expect(totals.hosts["use.demdex.net"]).toBe(5);
  });

  it("knows every region by number, and by edge code where there is one", () => {
    for (const region of DCS_REGIONS) {
      expect(dcsRegion(String(region.id))).toBe(region);
      if (region.edge !== undefined) expect(dcsRegion(region.edge.toLowerCase())).toBe(region);
    }
  });
});

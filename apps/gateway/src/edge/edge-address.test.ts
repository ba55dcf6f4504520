import { describe, expect, it } from "vitest";
import { parseEdgeAddresses, servesRegions } from "./edge-address.ts";

describe("the edges that changes are projected to", () => {
  it.each([
    ["https://edge.example/", [{ url: "https://edge.example" }]],
    [
      "va6=https://a.example, irl1=http://b.example/base/",
      [
        { url: "https://a.example", region: "va6" },
        { url: "http://b.example/base", region: "irl1" },
      ],
    ],
    [
      "va6=https://a.example,https://rest.example",
      [{ url: "https://a.example", region: "va6" }, { url: "https://rest.example" }],
    ],
  ])("reads %s", (text, edges) => {
    expect(parseEdgeAddresses(text)).toEqual(edges);
  });

  it.each(["", "edge.example", "file:///etc", "va6=https://a.example,va6=https://b.example", "va6="])(
    "refuses %j",
    (text) => {
      expect(parseEdgeAddresses(text)).toBeUndefined();
    },
  );

  it.each([
    ["its own region", "irl1", { irl1: 10 }, true],
    ["the code in capitals", "irl1", { IRL1: 10 }, true],
    ["the number that Audience Manager gives it", "irl1", { "6": 10 }, true],
    ["another region", "irl1", { va6: 10 }, false],
    ["a visit too long ago", "irl1", { irl1: 9 }, false],
    ["any region, when it serves all", undefined, { elsewhere: 10 }, true],
    ["no region at all", undefined, {}, false],
    ["nothing known", undefined, undefined, false],
  ] as const)("serves %s", (_, region, regions, expected) => {
    const edge = { url: "https://edge.example", ...(region === undefined ? {} : { region }) };
    expect(servesRegions(edge, regions, 10)).toBe(expected);
  });
});

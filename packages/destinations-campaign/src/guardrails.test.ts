import type { FieldMapping } from "@tessera/destinations";
import { describe, expect, it } from "vitest";
import { audienceNameFault, type CampaignDataflow, checkCampaign, isCampaignRefused } from "./index.ts";

const field = (path: string): FieldMapping => ({ source: { kind: "attribute", path }, target: path });
const fields = (count: number): readonly FieldMapping[] =>
  Array.from({ length: count }, (_, index) => field(`f${index}`));
const named = (name: string, namespace = "ups"): CampaignDataflow => ({ audiences: [{ name, namespace }] });
const SCHEMA = {
  type: "object",
  properties: {
    tags: { type: "array", items: { type: "string" } },
    person: { type: "object", properties: { name: { type: "string" } } },
    extras: { type: "object", additionalProperties: { type: "string" } },
  },
} as const;
const PATTERN = "Real-Time CDP with Adobe Campaign v8 integration pattern";

/** Each rule on both sides of its limit: `[rule, kind, value, limit]` of every finding. */
const CASES: readonly {
  readonly name: string;
  readonly given: CampaignDataflow;
  readonly findings: readonly (readonly [string, "soft" | "hard", number | string, number | string])[];
}[] = [
  { name: "nothing to check", given: {}, findings: [] },
  { name: "25 audiences", given: { audiencesOfInstance: 25 }, findings: [] },
  {
    name: "26 audiences warn",
    given: { audiencesOfInstance: 26 },
    findings: [["campaign.audiences", "soft", 26, 25]],
  },
  {
    name: "50 audiences warn once",
    given: { audiencesOfInstance: 50 },
    findings: [["campaign.audiences", "soft", 50, 25]],
  },
  {
    name: "51 audiences are beyond the recommendation too",
    given: { audiencesOfInstance: 51 },
    findings: [
      ["campaign.audiences", "soft", 51, 25],
      ["campaign.audiences-recommended", "soft", 51, 50],
    ],
  },
  { name: "20 attributes", given: { mapping: fields(20) }, findings: [] },
  {
    name: "21 attributes warn",
    given: { mapping: fields(21) },
    findings: [["campaign.fields", "soft", 21, 20]],
  },
  ...[3, 6, 8, 12, 24].map((everyHours) => ({
    name: `every ${everyHours} hours`,
    given: { everyHours },
    findings: [],
  })),
  {
    name: "every 2 hours",
    given: { everyHours: 2 },
    findings: [["campaign.interval", "hard", 2, 3]],
  },
  {
    name: "every 5 hours",
    given: { everyHours: 5 },
    findings: [["campaign.interval-step", "hard", 5, "3, 6, 8, 12, 24"]],
  },
  { name: "one unit", given: { organisationalUnits: 1 }, findings: [] },
  {
    name: "two units",
    given: { organisationalUnits: 2 },
    findings: [["campaign.organizational-units", "hard", 2, 1]],
  },
  { name: "a name of 255", given: { fileName: "x".repeat(255) }, findings: [] },
  {
    name: "a name of 256",
    given: { fileName: "x".repeat(256) },
    findings: [["campaign.file-name-length", "hard", 256, 255]],
  },
  { name: "no encryption", given: { encryption: false, filesPerAudience: 1 }, findings: [] },
  {
    name: "encryption",
    given: { encryption: true },
    findings: [["campaign.encryption", "hard", "on", "off"]],
  },
  {
    name: "two files an audience",
    given: { filesPerAudience: 2 },
    findings: [["campaign.files-per-audience", "hard", 2, 1]],
  },
  { name: "a plain name", given: named("Frühling 2026 (A-B)_c.d"), findings: [] },
  {
    name: "a name with &",
    given: named("a & b"),
    findings: [
      ["campaign.audience-name", "hard", "5 characters", "letters, digits, blanks, _ - . ( ), at most 255"],
    ],
  },
  {
    name: "an audience of elsewhere",
    given: named("a", "AAM"),
    findings: [["campaign.audience-origin", "hard", "AAM", "ups"]],
  },
  ...(
    [
      ["xEvent.commerce.order", "part of xEvent"],
      ["segmentMembership.ups.a", "part of segmentMembership"],
      ["identityMap.ECID", "part of identityMap"],
      ["tags[0]", "an element of a list"],
      ["tags", "a list"],
      ["person", "an object or a map"],
      ["extras", "an object or a map"],
      ["extras.x", "an entry of a map"],
      ["person.age", "not in the union schema"],
    ] as const
  ).map(([path, problem]) => ({
    name: `the field ${path}`,
    given: { mapping: [field(path)], schema: SCHEMA },
    findings: [
      ["campaign.complex-fields", "hard", `${path}: ${problem}`, "one value of the union schema"] as const,
    ],
  })),
  { name: "a single value", given: { mapping: [field("person.name")], schema: SCHEMA }, findings: [] },
];

describe("checkCampaign", () => {
  it.each(CASES)("$name", ({ given, findings: wanted }) => {
    const findings = checkCampaign(given);
    expect(findings.map(({ rule, kind, value, limit }) => [rule, kind, value, limit])).toEqual(wanted);
    for (const { source, message, whatToDo } of findings) {
      expect(source).toMatch(/./);
      expect(message).toMatch(/\.$/);
      expect(whatToDo).toMatch(/\.$/);
    }
    expect(isCampaignRefused(findings)).toBe(wanted.some(([, kind]) => kind === "hard"));
  });

  it("names the document, and tells hard ones first", () => {
    const findings = checkCampaign({ audiencesOfInstance: 51, encryption: true });
    expect(findings.map(({ rule, source }) => [rule, source])).toEqual([
      ["campaign.encryption", PATTERN],
      [
        "campaign.audiences",
        "experience-platform.en help/destinations/catalog/email-marketing/adobe-campaign-managed-services.md",
      ],
      ["campaign.audiences-recommended", PATTERN],
    ]);
  });
});

it.each([
  ["", true],
  [" a", true],
  ["a/b", true],
  ["a\nb", true],
  ['a"b', true],
  ["a%b", true],
  ["a".repeat(256), true],
  ["a".repeat(255), false],
  ["Käufer 1", false],
])("audienceNameFault(%j) is %j", (name, fault) => expect(audienceNameFault(name)).toBe(fault));

import { expect, it } from "vitest";
import { ADOBE_LIMITS, type PlannedDataflow, type Preflight, preflight } from "./index.ts";

const flow: PlannedDataflow = {
  kind: "dataflow",
  destination: "streaming",
  newDestination: true,
  audiences: 3,
  attributes: 4,
  eventFields: 0,
  arrayFields: 0,
};
const counts = {
  destinations: 4,
  personalizationDestinations: 1,
  personalizationAttributes: 20,
  campaignAudiences: 20,
  audiencesInSameHour: 40,
};
const published = { batch: 40, streaming: 340, edge: 150 };

const CASES: readonly (readonly [string, Preflight, readonly string[]])[] = [
  ["a batch audience", { planned: { kind: "audience", evaluation: "batch" }, counts: published }, []],
  [
    "a streaming audience, edge audiences counted in",
    { planned: { kind: "audience", evaluation: "streaming" }, counts: published },
    ["near segmentation.streaming-audiences 491"],
  ],
  [
    "an edge audience too many",
    { planned: { kind: "audience", evaluation: "edge" }, counts: published },
    ["near segmentation.streaming-audiences 491", "soft-violation segmentation.edge-audiences 151"],
  ],
  ["a small dataflow", { planned: flow, counts }, []],
  [
    "events and arrays",
    { planned: { ...flow, eventFields: 1, arrayFields: 2 }, counts },
    ["hard-violation destinations.event-fields 1", "hard-violation destinations.array-fields 2"],
  ],
  [
    "one destination too many",
    { planned: flow, counts: { ...counts, destinations: 100 } },
    ["hard-violation destinations.destinations 101"],
  ],
  [
    "a further dataflow of a destination that is there",
    { planned: { ...flow, newDestination: false }, counts: { ...counts, destinations: 100 } },
    ["near destinations.destinations 100"],
  ],
  [
    "Target, with the attributes of the sandbox",
    { planned: { ...flow, destination: "target", audiences: 51, attributes: 11 }, counts },
    ["soft-violation target.audiences-per-destination 51", "hard-violation target.attributes 31"],
  ],
  [
    "personalization",
    {
      planned: { ...flow, destination: "personalization" },
      counts: { ...counts, personalizationDestinations: 10 },
    },
    [
      "soft-violation destinations.personalization-destinations 11",
      "near destinations.personalization-attributes 24",
    ],
  ],
  [
    "Campaign every two hours",
    {
      planned: {
        ...flow,
        destination: "campaign",
        audiences: 6,
        arrayFields: 1,
        schedule: { mode: "incremental", everyHours: 2 },
      },
      counts,
    },
    [
      "hard-violation destinations.array-fields 1",
      "soft-violation campaign.audiences 26",
      "hard-violation campaign.complex-fields 1",
      "hard-violation destinations.incremental-interval 2",
      "hard-violation campaign.interval 2",
    ],
  ],
  [
    "a full file twice a day, in a busy hour",
    {
      planned: { ...flow, destination: "file", audiences: 61, schedule: { mode: "full", everyHours: 12 } },
      counts,
    },
    ["hard-violation destinations.full-interval 12", "soft-violation destinations.audiences-per-hour 101"],
  ],
  [
    "files over the whole day, few of them in one hour",
    {
      planned: {
        ...flow,
        destination: "file",
        audiences: 120,
        schedule: { mode: "full", everyHours: 24, audiencesInHour: 61 },
      },
      counts,
    },
    ["near destinations.full-interval 24", "soft-violation destinations.audiences-per-hour 101"],
  ],
];

it.each(CASES)("%s", (_, plan, expected) => {
  const notable = preflight(plan, ADOBE_LIMITS).filter(({ kind }) => kind !== "ok");
  expect(notable.map(({ kind, limit, value }) => `${kind} ${limit.id} ${value}`)).toEqual(expected);
});

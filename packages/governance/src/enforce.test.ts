import * as fc from "fast-check";
import { expect, it } from "vitest";
import {
  CORE_POLICIES,
  decideChange,
  enableCorePolicies,
  enforceDataflow,
  formatLineage,
  type GovernanceCatalog,
  type GovernanceChange,
  type GovernedAudience,
  type GovernedDataflow,
  type Label,
  LabelInheritance,
  reviewDataflows,
} from "./index.ts";

const newsletter: GovernedDataflow = {
  id: "flow-1",
  name: "Newsletter",
  destinationId: "mail",
  audienceIds: ["vips"],
  mappedFields: ["person.name.firstName"],
};

const catalog: GovernanceCatalog = {
  datasets: [
    {
      id: "crm",
      name: "CRM",
      kind: "record",
      labels: [],
      fieldLabels: { "personalEmail.address": ["core/I1", "core/C2"], homeAddress: ["core/S2"] },
    },
    { id: "web", name: "Web", kind: "event", labels: [], fieldLabels: { "commerce.order": ["core/C8"] } },
  ],
  mergePolicies: [
    { id: "default", name: "Default", datasets: "all", identityGraph: "none" },
    { id: "stitched", name: "Stitched", datasets: ["crm"], identityGraph: "pdg" },
  ],
  defaultMergePolicyId: "default",
  audiences: [
    { id: "vips", name: "VIPs", fields: ["loyalty.tier"] },
    { id: "reachable", name: "Reachable", fields: ["personalEmail.address"] },
    { id: "both", name: "Both", fields: [], audiences: ["vips", "reachable"] },
    { id: "buyers", name: "Buyers", fields: ["xEvent.commerce.order.priceTotal"] },
    { id: "one-person", name: "One person", mergePolicyId: "stitched", fields: ["loyalty.tier"] },
  ],
  destinations: [
    { id: "mail", name: "Mailer", marketingActions: ["core/emailTargeting", "core/exportToThirdParty"] },
    { id: "lab", name: "Lab", marketingActions: ["core/analytics", "core/singleIdentityPersonalization"] },
  ],
  dataflows: [newsletter],
  policies: enableCorePolicies(CORE_POLICIES),
};

const flow = (change: Partial<GovernedDataflow>): GovernedDataflow => ({ ...newsletter, ...change });

it.each<readonly [string, GovernedDataflow, readonly string[]]>([
  ["nothing labelled", newsletter, []],
  [
    "a labelled field in the rule",
    flow({ audienceIds: ["reachable"] }),
    ["core/C2 → CRM → personalEmail.address → Default → Reachable → Mailer → core/exportToThirdParty"],
  ],
  [
    "a labelled field in the rule of an audience inside",
    flow({ audienceIds: ["both"] }),
    ["core/C2 → CRM → personalEmail.address → Default → Reachable → Both → Mailer → core/exportToThirdParty"],
  ],
  [
    "a labelled field in the mapping, by its parent",
    flow({ mappedFields: ["personalEmail"] }),
    ["core/C2 → CRM → personalEmail.address → Default → personalEmail → Mailer → core/exportToThirdParty"],
  ],
  [
    "a field of events under a labelled parent",
    flow({ destinationId: "lab", audienceIds: ["buyers"] }),
    ["core/C8 → Web → commerce.order → Default → Buyers → Lab → core/analytics"],
  ],
  [
    "stitched identities",
    flow({ destinationId: "lab", audienceIds: ["one-person"] }),
    ["core/C10 → Stitched → One person → Lab → core/singleIdentityPersonalization"],
  ],
  [
    "all violations at once",
    flow({ destinationId: "lab", audienceIds: ["buyers", "one-person", "vips"] }),
    [
      "core/C8 → Web → commerce.order → Default → Buyers → Lab → core/analytics",
      "core/C10 → Stitched → One person → Lab → core/singleIdentityPersonalization",
    ],
  ],
])("%s", (_, dataflow, expected) => {
  const found = enforceDataflow(catalog, dataflow);
  const ways =
    found.kind === "refused" ? found.violations.flatMap(({ lineages }) => lineages.map(formatLineage)) : [];
  expect(ways).toEqual(expected);
  expect(found.kind).toBe(expected.length > 0 ? "refused" : "permitted");
});

it("a label on a whole dataset reaches every audience of its merge policies, and no other", () => {
  const labelled: GovernanceCatalog = {
    ...catalog,
    datasets: catalog.datasets.map((dataset) =>
      dataset.id === "web" ? { ...dataset, labels: ["core/C12"] } : dataset,
    ),
  };
  expect(enforceDataflow(labelled, newsletter)).toMatchObject({
    kind: "refused",
    violations: [{ policy: { id: "corepolicy_0001" }, labels: ["core/C12"] }],
  });
  expect(enforceDataflow(labelled, flow({ audienceIds: ["one-person"] })).kind).toBe("permitted");
});

const { defaultMergePolicyId: _, ...withoutDefault } = catalog;

it.each<readonly [string, GovernanceCatalog, GovernedDataflow]>([
  ["audience", catalog, flow({ audienceIds: ["gone"] })],
  ["destination", catalog, flow({ destinationId: "gone" })],
  ["merge policy", { ...catalog, mergePolicies: [] }, newsletter],
  [
    "default merge policy of a mapped field",
    { ...withoutDefault, audiences: [{ id: "vips", name: "VIPs", fields: [] }] },
    newsletter,
  ],
  ["dataset", { ...catalog, datasets: [] }, flow({ audienceIds: ["one-person"] })],
  [
    "audience made of itself",
    {
      ...catalog,
      audiences: [
        { id: "vips", name: "VIPs", fields: [], audiences: ["other"] },
        { id: "other", name: "Other", fields: [], audiences: ["vips"] },
      ],
    },
    newsletter,
  ],
])("a lost %s permits nothing", (_, catalog, dataflow) => {
  const found = enforceDataflow(catalog, dataflow);
  expect(found.kind === "refused" && found.issues.map(({ code }) => code)).toContain("governance.reference");
});

const crm = (fieldLabels: { readonly [path: string]: readonly Label[] }): GovernanceChange => ({
  kind: "dataset",
  dataset: { id: "crm", name: "CRM", kind: "record", labels: [], fieldLabels },
});
const audience = (change: Partial<GovernedAudience>): GovernanceChange => ({
  kind: "audience",
  audience: { id: "vips", name: "VIPs", fields: ["loyalty.tier"], ...change },
});

const CHANGES: readonly (readonly [string, GovernanceChange, readonly string[]])[] = [
  ["a label on a mapped field", crm({ "person.name": ["core/C2"] }), ["core/C2"]],
  ["a label on a field of the rule", crm({ "/loyalty/tier": ["core/C12"] }), ["core/C12"]],
  ["a label nothing forbids", crm({ "person.name": ["core/C1"] }), []],
  [
    "a label on a dataset",
    {
      kind: "dataset",
      dataset: { id: "new", name: "New", kind: "record", labels: ["core/C2"], fieldLabels: {} },
    },
    ["core/C2"],
  ],
  ["an audience that reads a labelled field", audience({ fields: ["personalEmail.address"] }), ["core/C2"]],
  ["an audience made of a labelled one", audience({ audiences: ["reachable"] }), ["core/C2"]],
  ["an audience that is labelled itself", audience({ labels: ["core/C12"] }), ["core/C12"]],
  ["another audience", { kind: "audience", audience: { id: "x", name: "X", fields: ["personalEmail"] } }, []],
  [
    "a mapping",
    { kind: "dataflow", dataflow: flow({ mappedFields: ["personalEmail.address"] }) },
    ["core/C2"],
  ],
  [
    "a policy",
    {
      kind: "policy",
      policy: {
        id: "own",
        name: "Own",
        status: "ENABLED",
        marketingActionRefs: ["core/emailTargeting"],
        deny: { label: "core/S2" },
      },
    },
    [],
  ],
  [
    "a destination with other marketing actions",
    {
      kind: "destination",
      destination: { id: "mail", name: "Mailer", marketingActions: ["core/analytics"] },
    },
    [],
  ],
  ["deleting a merge policy", { kind: "delete", what: "merge-policy", id: "default" }, ["lost"]],
  ["deleting an audience", { kind: "delete", what: "audience", id: "vips" }, ["lost"]],
  ["deleting the dataflow", { kind: "delete", what: "dataflow", id: "flow-1" }, []],
];

it.each(CHANGES)("%s", (_, change, expected) => {
  const reviews = reviewDataflows(catalog, change);
  const found = reviews.flatMap(({ started, lost }) => [
    ...started.flatMap(({ labels }) => labels),
    ...(lost.length > 0 ? ["lost"] : []),
  ]);
  expect(found).toEqual(expected);
  expect(decideChange(catalog, change).kind).toBe(expected.length > 0 ? "refused" : "saved");
  expect(decideChange(catalog, change, "report")).toMatchObject({ kind: "saved", pause: [] });
  expect(decideChange(catalog, change, "pause").pause).toEqual(expected.length > 0 ? ["flow-1"] : []);
});

it("enabling a policy and changing marketing actions start violations of dataflows that were in order", () => {
  const quiet: GovernanceCatalog = {
    ...catalog,
    dataflows: [flow({ audienceIds: ["reachable"] })],
    policies: CORE_POLICIES,
  };
  expect(enforceDataflow(quiet, flow({ audienceIds: ["reachable"] })).kind).toBe("permitted");
  const [policy] = enableCorePolicies(CORE_POLICIES);
  if (!policy) throw new Error("no core policy");
  const enabled = decideChange(quiet, { kind: "policy", policy });
  expect(enabled.kind).toBe("refused");
  expect(enabled.issues[0]?.message).toContain(
    "core/C2 → CRM → personalEmail.address → Default → Reachable → Mailer",
  );
  const inside = { ...catalog, dataflows: [flow({ destinationId: "lab", audienceIds: ["reachable"] })] };
  const destination = { id: "lab", name: "Lab", marketingActions: ["core/exportToThirdParty"] };
  expect(reviewDataflows(inside, { kind: "destination", destination })).toMatchObject([
    { started: [{ marketingAction: "core/exportToThirdParty" }] },
  ]);
});

it("a change that ends a violation is told, and one that leaves it does not hold up others", () => {
  const violating = { ...catalog, dataflows: [flow({ audienceIds: ["reachable"] })] };
  expect(reviewDataflows(violating, crm({}))).toMatchObject([
    { started: [], ended: [{ labels: ["core/C2"] }] },
  ]);
  expect(decideChange(violating, crm({ "personalEmail.address": ["core/C2"], x: ["core/C2"] })).kind).toBe(
    "saved",
  );
});

it("policies in draft are told and refuse nothing", () => {
  const drafts = {
    ...catalog,
    policies: CORE_POLICIES.map((policy) => ({ ...policy, status: "DRAFT" as const })),
  };
  expect(enforceDataflow(drafts, flow({ audienceIds: ["reachable"] }))).toMatchObject({
    kind: "permitted",
    drafts: [{ policy: { id: "corepolicy_0001" } }],
  });
});

it("audiences made of audiences many levels deep do not multiply their ways", () => {
  const audiences: GovernedAudience[] = [{ id: "a0", name: "A0", fields: ["personalEmail.address"] }];
  for (let level = 1; level <= 40; level += 1) {
    const inner = `a${level - 1}`;
    audiences.push({ id: `a${level}`, name: `A${level}`, fields: [], audiences: [inner, inner] });
  }
  const { labels } = new LabelInheritance({ ...catalog, audiences }).ofAudience("a40");
  expect(labels.map(({ label }) => label)).toEqual(["core/I1", "core/C2"]);
});

// laws over whole catalogs

const LABELS: readonly Label[] = ["core/C2", "core/C4", "core/C8", "core/C12", "custom/x"];
const FIELDS = ["a", "a.b", "a.b.c", "d", "xEvent.a", "xEvent.e.f"];
const some = <T>(values: readonly T[]): fc.Arbitrary<T[]> =>
  fc.uniqueArray(fc.constantFrom(...values), { maxLength: 3 });
const paths = fc.constantFrom("a", "a.b", "a.b.c", "d", "e.f");
const anyCatalog: fc.Arbitrary<GovernanceCatalog> = fc.record({
  datasets: fc.tuple(
    ...["d0", "d1"].map((id) =>
      fc.record({
        id: fc.constant(id),
        name: fc.constant(id.toUpperCase()),
        kind: fc.constantFrom("record" as const, "event" as const),
        labels: some(LABELS),
        fieldLabels: fc.dictionary(paths, some(LABELS), { maxKeys: 3 }),
      }),
    ),
  ),
  mergePolicies: fc.tuple(
    fc.record({
      id: fc.constant("m"),
      name: fc.constant("M"),
      datasets: fc.oneof(fc.constant("all" as const), some(["d0", "d1"])),
      identityGraph: fc.constantFrom("none" as const, "pdg" as const),
    }),
  ),
  defaultMergePolicyId: fc.constant("m"),
  audiences: fc.tuple(
    fc.record({ id: fc.constant("s0"), name: fc.constant("S0"), fields: some(FIELDS), labels: some(LABELS) }),
    fc.record({
      id: fc.constant("s1"),
      name: fc.constant("S1"),
      fields: some(FIELDS),
      audiences: some(["s0"]),
    }),
  ),
  destinations: fc.constant([
    {
      id: "x",
      name: "X",
      marketingActions: ["core/exportToThirdParty", "core/crossSiteTargeting", "core/analytics"],
    },
  ]),
  dataflows: fc.tuple(
    fc.record({
      id: fc.constant("f"),
      name: fc.constant("F"),
      destinationId: fc.constant("x"),
      audienceIds: some(["s0", "s1"]),
      mappedFields: some(FIELDS),
    }),
  ),
  policies: fc.constant(enableCorePolicies(CORE_POLICIES)),
});

const keysOf = (catalog: GovernanceCatalog): ReadonlySet<string> => {
  const [dataflow] = catalog.dataflows;
  const found = dataflow && enforceDataflow(catalog, dataflow);
  const violations = found?.kind === "refused" ? found.violations : [];
  return new Set(violations.map(({ policy, marketingAction }) => `${policy.id} ${marketingAction}`));
};

it("adding a label anywhere never permits more", () => {
  const where = fc.record({
    at: fc.constantFrom(0, 1),
    path: fc.option(paths),
    label: fc.constantFrom(...LABELS),
  });
  fc.assert(
    fc.property(anyCatalog, where, (catalog, { at, path, label }) => {
      const datasets = catalog.datasets.map((dataset, index) => {
        if (index !== at) return dataset;
        if (path === null) return { ...dataset, labels: [...dataset.labels, label] };
        const labels = [...(dataset.fieldLabels[path] ?? []), label];
        return { ...dataset, fieldLabels: { ...dataset.fieldLabels, [path]: labels } };
      });
      const before = keysOf(catalog);
      expect([...keysOf({ ...catalog, datasets })]).toEqual(expect.arrayContaining([...before]));
    }),
    { numRuns: 300 },
  );
});

it("every lineage begins at a source that really carries the label, and ends at the marketing action", () => {
  let seen = 0;
  fc.assert(
    fc.property(anyCatalog, (catalog) => {
      const [dataflow] = catalog.dataflows;
      const found = dataflow && enforceDataflow(catalog, dataflow);
      for (const { labels, lineages, marketingAction } of found?.kind === "refused" ? found.violations : []) {
        expect(lineages.length).toBeGreaterThanOrEqual(labels.length);
        for (const lineage of lineages) {
          const [label, source, field] = lineage;
          expect(labels).toContain(label?.id);
          expect(lineage.at(-1)).toEqual({ kind: "marketing-action", id: marketingAction });
          expect(lineage.at(-2)).toEqual({ kind: "destination", id: "x", name: "X" });
          const dataset = catalog.datasets.find(({ id }) => source?.kind === "dataset" && id === source.id);
          const audience = catalog.audiences.find(
            ({ id }) => source?.kind === "audience" && id === source.id,
          );
          const carried = dataset
            ? field?.kind === "field"
              ? dataset.fieldLabels[field.id]
              : dataset.labels
            : audience?.labels;
          expect(carried).toContain(label?.id);
          seen += 1;
        }
      }
    }),
    { numRuns: 300 },
  );
  expect(seen).toBeGreaterThan(100);
});

it("no input is changed", () => {
  const frozen = structuredClone(catalog);
  const freeze = (value: unknown): void => {
    if (typeof value !== "object" || value === null) return;
    Object.freeze(value);
    Object.values(value).forEach(freeze);
  };
  freeze(frozen);
  expect(decideChange(frozen, audience({ fields: ["personalEmail.address"] })).kind).toBe("refused");
});

import { createHash } from "node:crypto";
import type {
  ActivationItem,
  FieldMapping,
  FileBatch,
  FileRequest,
  PlannedRequest,
} from "@tessera/destinations";
import { destinationCases } from "@tessera/destinations/conformance";
import { parse } from "csv-parse/sync";
import { describe, expect, it } from "vitest";
import {
  campaignFiles,
  campaignManagedServices,
  type CampaignPorts,
  type Manifest,
  mappingFaults,
  planRows,
  reconcile,
  reconciliationCsv,
  type RecipientList,
} from "./index.ts";

const NOW = "2026-02-01T12:00:00Z";
const context = {
  now: NOW,
  destinationId: "d1",
  destinationName: "Campaign EU",
  orgId: "ORG@AdobeOrg",
  sandbox: "prod",
};
const sha256 = (): { update: (bytes: Uint8Array) => unknown; digest: () => string } => {
  const hash = createHash("sha256");
  return { update: (bytes) => hash.update(bytes), digest: () => hash.digest("hex") };
};

const managed = {
  instance: "acme-mkt-prod1",
  targetMapping: "mapRecipient",
  syncType: "audience",
  landingZone: {
    kind: "azure-blob",
    container: "dlz-campaign",
    prefix: "aep/",
    connectionString: { secret: "dlz" },
  },
};
const sftp = {
  storage: {
    kind: "sftp",
    host: "sftp.example.test",
    port: 22,
    user: "acme",
    credential: { kind: "password", password: { secret: "sftp" } },
    hostKeyFingerprint: "SHA256:abc",
    folder: "/in",
  },
  csv: { delimiter: ";", compression: "gzip", formulaGuard: true },
  fileName: [
    { kind: "audienceName" },
    { kind: "timestamp", format: "MMDDYYYY_HHMMSS" },
    { kind: "text", text: "daily" },
  ],
  rowsPerFile: 2,
};
const s3 = {
  storage: {
    kind: "s3",
    bucket: "acme-files",
    region: "eu-west-1",
    prefix: "in/",
    accessKeyId: "AKIA",
    secretAccessKey: { secret: "s3" },
  },
  manifest: false,
};

const MAPPING: readonly FieldMapping[] = [
  { source: { kind: "identity", namespace: "CRMID" }, target: "external_id", dedup: true },
  { source: { kind: "attribute", path: "person.name.firstName" }, target: "firstName" },
  { source: { kind: "attribute", path: "personalEmail.address" }, target: "email", required: true },
  { source: { kind: "membership-status" }, target: "segmentMembershipStatus" },
];

function item(
  id: string,
  attributes: ActivationItem["attributes"],
  { status = "realized" as "realized" | "exited", at = NOW, ids = [`crm-${id}`] as readonly string[] } = {},
): ActivationItem {
  return {
    id,
    personId: `p-${id}`,
    trigger: "schedule",
    at,
    identities: ids.map((value) => ({ namespace: "CRMID", id: value, target: "external_id" })),
    attributes,
    changes: [{ audienceId: "aud-1", namespace: "ups", status, at }],
    memberships: {},
  };
}

function batch(items: readonly ActivationItem[], rest: Partial<FileBatch> = {}): FileBatch {
  return {
    kind: "file",
    destinationId: "d1",
    dataflowId: "f1",
    audience: { id: "aud-1", namespace: "ups", name: "Spring buyers" },
    mapping: MAPPING,
    mode: "incremental",
    items,
    ...rest,
  };
}

const ITEMS = [
  item("1", { firstName: "Ada", email: "ada@example.test" }),
  item("2", { firstName: 'Bob, "the"\nbuilder', email: "bob@example.test" }, { status: "exited" }),
  item("3", { firstName: "Eve" }),
  item("4", { firstName: "Zoë 😀", email: "zoe@example.test" }),
  item("5", { email: "dup@example.test" }, { ids: ["crm-4"], at: "2026-01-31T00:00:00Z" }),
  item("6", { email: "x@example.test", firstName: ["a"] }),
  item("7", { email: "y@example.test" }, { ids: [] }),
];

function plan(
  given: FileBatch,
  input: unknown = managed,
  ports: CampaignPorts = { createHash: sha256 },
): readonly PlannedRequest[] {
  const legacy = campaignFiles(ports);
  const cloud = campaignManagedServices(ports);
  const parsed = cloud.parseSettings(input);
  if (parsed.ok) return cloud.plan(given, parsed.value, context);
  const files = legacy.parseSettings(input);
  if (!files.ok) throw new Error(JSON.stringify(files.error));
  return legacy.plan(given, files.value, context);
}

const isFile = (request: PlannedRequest): request is FileRequest => request.kind === "file";
const textOf = (request: FileRequest | undefined): string => [...(request?.content ?? [])].join("");
const refusals = (requests: readonly PlannedRequest[]): Record<string, string> =>
  Object.fromEntries(
    requests.flatMap((request) =>
      request.kind === "settled"
        ? request.outcomes.map((outcome) => [outcome.item, "code" in outcome ? outcome.code : outcome.kind])
        : [],
    ),
  );

describe("conformance", () => {
  const batches = [
    batch(ITEMS),
    batch(ITEMS, { mode: "full" }),
    {
      kind: "profiles" as const,
      destinationId: "d1",
      dataflowId: "f1",
      audiences: [],
      mapping: MAPPING,
      items: [ITEMS[0] ?? item("1", {})],
    },
  ];
  const stored = {
    response: { kind: "file", location: "x", bytes: 1, receivedAt: NOW },
    kind: "delivered",
  } as const;
  const lists = [
    ...destinationCases(campaignManagedServices({ createHash: sha256 }), {
      settings: [
        managed,
        {
          ...managed,
          syncType: "profile",
          csv: { encoding: "utf-16", escape: "\\" },
          columns: ["external_id", "firstName", "email"],
        },
      ],
      invalidSettings: [
        { input: { ...managed, syncType: "create" }, path: ["syncType"] },
        { input: { ...managed, encryption: true }, path: ["encryption"] },
        {
          input: { ...managed, landingZone: { kind: "azure-blob", container: "dlz-campaign" } },
          path: ["landingZone", "connectionString"],
        },
        { input: { ...managed, csv: { delimiter: '"' } }, path: ["csv", "quote"] },
        { input: { ...managed, rowsPerFile: 5_000_001 }, path: ["rowsPerFile"] },
        { input: { ...managed, fileName: [{ kind: "text" }] }, path: ["fileName", 0, "text"] },
      ],
      batches,
      context,
      responses: [stored],
    }),
    ...destinationCases(campaignFiles({ createHash: sha256 }), {
      settings: [sftp, s3],
      invalidSettings: [
        {
          input: { storage: { ...sftp.storage, credential: { kind: "key" } } },
          path: ["storage", "credential", "privateKey"],
        },
        { input: { storage: { ...s3.storage, host: "x" } }, path: ["storage", "host"] },
        { input: {}, path: ["storage"] },
      ],
      batches,
      context,
      responses: [stored],
    }),
  ];
  for (const { name, run } of lists) it(name, run);
});

describe("plan", () => {
  it("writes realised and exited rows, and says who was left out and why", () => {
    const requests = plan(batch(ITEMS));
    const [file, manifest] = requests.filter(isFile);
    expect(file).toMatchObject({
      name: "Campaign_EU_segmentaud-1_20260201120000.csv",
      items: ["1", "2", "4"],
      target: { kind: "azure-blob", container: "dlz-campaign" },
    });
    expect(textOf(file)).toBe(
      'external_id,firstName,email,segmentMembershipStatus\ncrm-1,Ada,ada@example.test,realized\ncrm-2,"Bob, ""the""\nbuilder",bob@example.test,exited\ncrm-4,Zoë 😀,zoe@example.test,realized\n',
    );
    expect(refusals(requests)).toEqual({
      3: "campaign.row.required",
      5: "campaign.row.duplicate",
      6: "campaign.row.complex",
      7: "campaign.row.keyMissing",
    });
    const listed = JSON.parse(textOf(manifest)) as Manifest;
    expect(listed).toMatchObject({
      mode: "incremental",
      rows: 3,
      leftOut: {
        "campaign.row.required": 1,
        "campaign.row.duplicate": 1,
        "campaign.row.complex": 1,
        "campaign.row.keyMissing": 1,
      },
      load: {
        instance: "acme-mkt-prod1",
        targetMapping: "mapRecipient",
        syncType: "audience",
        createRecipients: false,
      },
      columns: ["external_id", "firstName", "email", "segmentMembershipStatus"],
    });
    const bytes = new TextEncoder().encode(textOf(file));
    expect(listed.files).toEqual([
      {
        name: file?.name,
        rows: 3,
        contentBytes: bytes.length,
        contentSha256: createHash("sha256").update(bytes).digest("hex"),
      },
    ]);
  });

  it("never writes exits into full files", () => {
    const requests = plan(batch(ITEMS, { mode: "full" }));
    expect(textOf(requests.find(isFile))).not.toContain("exited");
    expect(refusals(requests)["2"]).toBe("campaign.exit.full");
  });

  it("splits at the rows of a file, _2 and _3, with compression and the parts of the name", () => {
    const many = Array.from({ length: 5 }, (_, n) =>
      item(`${n}`, { email: `${n}@example.test`, firstName: n === 2 ? "=1+1" : "x" }),
    );
    const files = plan(batch(many), sftp).filter(isFile);
    expect(files.map(({ name, items }) => [name, items])).toEqual([
      ["Campaign_EU_segmentaud-1_Spring_buyers_02012026_120000_daily.csv.gz", ["0", "1"]],
      ["Campaign_EU_segmentaud-1_Spring_buyers_02012026_120000_daily_2.csv.gz", ["2", "3"]],
      ["Campaign_EU_segmentaud-1_Spring_buyers_02012026_120000_daily_3.csv.gz", ["4"]],
      ["Campaign_EU_segmentaud-1_Spring_buyers_02012026_120000_daily.manifest.json", []],
    ]);
    expect(files[1]).toMatchObject({ compression: "gzip", contentType: "application/gzip" });
    expect(textOf(files[1])).toBe(
      "external_id;firstName;email;segmentMembershipStatus\ncrm-2;'=1+1;2@example.test;realized\ncrm-3;x;3@example.test;realized\n",
    );
    const rows = files
      .slice(0, 3)
      .flatMap((file) => parse(textOf(file), { delimiter: ";", from_line: 2 }) as string[][]);
    expect(rows.map(([id]) => id)).toEqual(many.map(({ id }) => `crm-${id}`));
  });

  it("keeps to the recipients Campaign knows when they are given", () => {
    const requests = plan(batch(ITEMS), managed, {
      knownRecipients: ({ column }) => (column === "external_id" ? new Set(["crm-1", "crm-2"]) : undefined),
    });
    expect(requests.find(isFile)?.items).toEqual(["1", "2"]);
    expect(refusals(requests)).toMatchObject({
      4: "campaign.recipient.unknown",
      5: "campaign.recipient.unknown",
    });
  });

  it("asks for the recipients of the instance, and reports everyone who was left out", () => {
    const asked: RecipientList[] = [];
    const given = batch(ITEMS);
    const requests = plan(
      given,
      { ...managed, syncType: "profile" },
      {
        knownRecipients: (of) => {
          asked.push(of);
          return new Set(["crm-1"]);
        },
      },
    );
    expect(asked).toEqual([
      { instance: "acme-mkt-prod1", targetMapping: "mapRecipient", column: "external_id" },
    ]);
    const report = reconcile(given, requests);
    expect(report).toMatchObject({ memberships: 7, inFiles: 1, leftOut: 6, unknownRecipients: 3 });
    expect(Object.values(report.reasons).reduce((sum, count) => sum + count, 0)).toBe(6);
    const rows = parse([...reconciliationCsv(report)].join("")) as string[][];
    expect(rows.map(([person, status, code]) => [person, status, code])).toEqual([
      ["personId", "status", "code"],
      ["p-2", "exited", "campaign.recipient.unknown"],
      ["p-3", "realized", "campaign.row.required"],
      ["p-4", "realized", "campaign.recipient.unknown"],
      ["p-5", "realized", "campaign.recipient.unknown"],
      ["p-6", "realized", "campaign.row.complex"],
      ["p-7", "realized", "campaign.row.keyMissing"],
    ]);
  });

  it("reconciles a refused batch too: everyone is left out, nobody twice", () => {
    const given = batch(ITEMS, { mapping: MAPPING.slice(0, 3) });
    const report = reconcile(given, plan(given));
    expect(report).toMatchObject({
      memberships: ITEMS.length,
      inFiles: 0,
      leftOut: ITEMS.length,
      reasons: { "campaign.mapping.status": ITEMS.length },
    });
  });

  it("each part can be read alone, in any order and again, and reads no more than its own rows", () => {
    let read = 0;
    const many = Array.from({ length: 50 }, (_, n) => {
      const one = item(
        `${n}`,
        { email: `${n}@e.test` },
        { ids: n % 7 === 0 ? [`a${n}`, `b${n}`] : [`a${n}`] },
      );
      return n % 5 === 0 ? item(`${n}`, {}) : one;
    });
    const counted = {
      *[Symbol.iterator]() {
        for (const one of many) {
          yield Object.defineProperty({ ...one }, "attributes", {
            get: () => {
              read += 1;
              return one.attributes;
            },
          });
        }
      },
    };
    const settings = { ...managed, rowsPerFile: 4 };
    const whole = textOf(plan(batch(many)).find(isFile))
      .split("\n")
      .slice(1, -1);
    const files = plan(batch([], { items: counted }), settings)
      .filter(isFile)
      .filter(({ name }) => name.endsWith(".csv"));
    const lines = (file: FileRequest): string[] => textOf(file).split("\n").slice(1, -1);
    const last = files.at(-1);
    read = 0;
    expect(last && lines(last)).toEqual(whole.slice((files.length - 1) * 4));
    expect(read).toBeLessThan(4 * 3);
    expect(files.flatMap(lines)).toEqual(whole);
    expect([...files].reverse().flatMap((file) => lines(file).reverse())).toEqual([...whole].reverse());
  });

  it.each<[string, Partial<FileBatch>, unknown, string]>([
    [
      "a profile sync with nothing to update",
      {
        mapping: MAPPING.filter(({ source, dedup }) => dedup === true || source.kind === "membership-status"),
      },
      { ...managed, syncType: "profile" },
      "campaign.mapping.nothingToUpdate",
    ],
    ["no status column", { mapping: MAPPING.slice(0, 3) }, managed, "campaign.mapping.status"],
    [
      "no deduplication key",
      { mapping: MAPPING.map((line) => ({ ...line, dedup: false })) },
      managed,
      "campaign.mapping.dedup",
    ],
    [
      "two deduplication keys",
      { mapping: MAPPING.map((line) => (line.target === "email" ? { ...line, dedup: true } : line)) },
      managed,
      "campaign.mapping.dedup",
    ],
    [
      "a key that is no column of the target mapping",
      {},
      { ...managed, columns: ["firstName", "email"] },
      "campaign.mapping.column",
    ],
    [
      "an identity Campaign does not take",
      { mapping: [{ source: { kind: "identity", namespace: "X" }, target: "x" }, ...MAPPING] },
      managed,
      "campaign.mapping.identity",
    ],
    [
      "one column twice",
      { mapping: [...MAPPING, { source: { kind: "attribute", path: "a" }, target: "email" }] },
      managed,
      "campaign.mapping.twice",
    ],
    [
      "a name with &",
      { audience: { id: "a", namespace: "ups", name: "Buyers & sellers" } },
      managed,
      "campaign.name.characters",
    ],
    [
      "a file name too long",
      { audience: { id: "a".repeat(250), namespace: "ups", name: "Buyers" } },
      managed,
      "campaign.name.length",
    ],
    [
      "an identity and an attribute as key, in files",
      { mapping: MAPPING.map((line) => (line.target === "email" ? { ...line, dedup: true } : line)) },
      s3,
      "campaign.mapping.dedup",
    ],
  ])("refuses %s: nothing is written", (_, rest, settings, code) => {
    const requests = plan(batch(ITEMS, rest), settings);
    expect(requests.filter(isFile)).toEqual([]);
    expect(new Set(Object.values(refusals(requests)))).toEqual(new Set([code]));
    expect(Object.keys(refusals(requests))).toHaveLength(ITEMS.length);
  });

  it("refuses exits where the status is not mapped", () => {
    const requests = plan(batch(ITEMS, { mapping: MAPPING.slice(0, 3) }), s3);
    expect(refusals(requests)["2"]).toBe("campaign.exit.noStatus");
    expect(textOf(requests.find(isFile))).not.toContain("crm-2");
  });
});

describe("deduplication", () => {
  const rowsOf = (items: readonly ActivationItem[], mapping: readonly FieldMapping[]): unknown => {
    const planned = planRows(items, { mapping, mode: "full" });
    expect(planned.rows).toBe([...planned.values()].length);
    return [...planned.values()];
  };
  const byEmail: readonly FieldMapping[] = [
    { source: { kind: "identity", namespace: "Email" }, target: "Email", dedup: true },
    { source: { kind: "attribute", path: "n" }, target: "n" },
  ];
  const person = (id: string, emails: readonly string[], at: string): ActivationItem => ({
    ...item(id, { n: id }, { at }),
    identities: emails.map((value) => ({ namespace: "Email", id: value, target: "Email" })),
  });

  it("by identity: one row for each value, the later qualification takes shared ones", () => {
    expect(
      rowsOf(
        [
          person("A", ["x@e.test", "y@e.test"], "2026-01-02T00:00:00Z"),
          person("B", ["x@e.test", "z@e.test"], "2026-01-01T00:00:00Z"),
        ],
        byEmail,
      ),
    ).toEqual([
      ["x@e.test", "A"],
      ["y@e.test", "A"],
      ["z@e.test", "B"],
    ]);
  });

  it("by identity, both shared: the later person's values only", () => {
    expect(
      rowsOf(
        [
          person("A", ["x@e.test", "y@e.test"], "2026-01-01T00:00:00Z"),
          person("B", ["x@e.test", "y@e.test"], "2026-01-02T00:00:00Z"),
        ],
        byEmail,
      ),
    ).toEqual([
      ["x@e.test", "B"],
      ["y@e.test", "B"],
    ]);
  });

  it("by two attributes", () => {
    const mapping: readonly FieldMapping[] = ["a", "b"].map((path) => ({
      source: { kind: "attribute", path },
      target: path,
      dedup: true,
    }));
    const row = (id: string, a: string, b: string): ActivationItem => item(id, { a, b });
    expect(rowsOf([row("1", "x", "yz"), row("2", "xy", "z"), row("3", "x", "yz")], mapping)).toEqual([
      ["xy", "z"],
      ["x", "yz"],
    ]);
  });

  it("none: every row stays", () => {
    const mapping: readonly FieldMapping[] = [{ source: { kind: "attribute", path: "n" }, target: "n" }];
    expect(rowsOf([item("1", { n: 1 }), item("2", { n: true }), item("3", {})], mapping)).toEqual([
      ["1"],
      ["true"],
      [null],
    ]);
  });

  it("an empty mapping is a fault", () => {
    expect(mappingFaults([], { dedup: "identityOrAttributes" })).toEqual([
      { code: "campaign.mapping.empty" },
    ]);
  });
});

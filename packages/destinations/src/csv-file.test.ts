import { describe, expect, it } from "vitest";
import { destinationCases } from "./conformance/index.ts";
import type { ActivationItem, FileBatch } from "./activation-batch.ts";
import {
  csvFileDestination,
  catalogEntry,
  type Dataflow,
  exportAudience,
  fileName,
  fileNamePart,
  type FieldMapping,
  nextRun,
  parseSchedule,
  type PersonView,
  type Send,
  selectForExport,
} from "./index.ts";

const at = "2026-01-31T12:34:56.000Z";
const mapping: readonly FieldMapping[] = [
  { source: { kind: "attribute", path: "person.name.firstName" }, target: "first_name" },
  { source: { kind: "attribute", path: "tier" }, target: "tier" },
  { source: { kind: "identity", namespace: "Email" }, target: "email", required: true },
  { source: { kind: "membership-status" }, target: "status" },
];
const dataflow: Dataflow = {
  id: "f1",
  destinationId: "d1",
  name: "nightly",
  enabled: true,
  mapping,
  audiences: [{ id: "a1", namespace: "ups", name: "Gold & more" }],
};
const [audience] = dataflow.audiences;
if (!audience) throw new Error("no audience");
const context = { now: at, destinationId: "d1", destinationName: "CRM", orgId: "org", sandbox: "prod" };

function person(
  id: string,
  emails: readonly string[],
  status: "realized" | "exited",
  day: number,
): PersonView {
  const lastQualificationTime = `2026-01-${String(day).padStart(2, "0")}T00:00:00.000Z`;
  return {
    personId: id,
    identities: emails.map((email) => ({ namespace: "Email", id: email })),
    attributes: { person: { name: { firstName: id.toUpperCase() } }, tier: day > 15 ? "gold" : "silver" },
    memberships: { ups: { a1: { status, lastQualificationTime } } },
  };
}

const people = [
  person("ann", ["ann@x.test"], "realized", 10),
  person("bob", ["bob@x.test", "both@x.test"], "realized", 20),
  person("cyd", ["both@x.test"], "realized", 25),
  person("dan", [], "realized", 25),
  person("eve", ["eve@x.test"], "exited", 26),
];

function select(mode: "full" | "incremental", since?: string, change: Partial<Dataflow> = {}): FileBatch {
  const flow = { ...dataflow, ...change };
  const selection = {
    dataflow: flow,
    audience: audience as never,
    mode,
    at,
    marketingActions: ["exportToThirdParty"],
    evaluate: () => undefined,
    ...(since !== undefined && { since }),
  };
  const items: readonly ActivationItem[] = [...selectForExport(people, selection)];
  return {
    kind: "file",
    destinationId: "d1",
    dataflowId: "f1",
    audience: audience as never,
    mapping: flow.mapping,
    mode,
    items,
  };
}

async function written(
  batch: FileBatch,
  settings: object = {},
): Promise<{ files: Record<string, string>; refused: string[] }> {
  const configured = catalogEntry(csvFileDestination("local")).configure(
    { id: "d1", name: "CRM" },
    { target: { folder: "out" }, ...settings },
  );
  if (!configured.ok) throw new Error(configured.error.map((i) => i.message).join());
  const files: Record<string, string> = {};
  const send: Send = async (request) => {
    if (request.kind !== "file") throw new Error("no call");
    files[request.name] = [...request.content].join("");
    return { kind: "file", location: request.name, bytes: 1, receivedAt: at };
  };
  const report = await exportAudience(configured.value, batch, context, {
    send,
    sleep: (ms, signal) =>
      ms > 1000
        ? new Promise((resolve) => signal?.addEventListener("abort", () => resolve()))
        : Promise.resolve(),
    now: () => Date.parse(at),
    random: () => 0,
  });
  const refused = report.finished.flatMap(({ item, outcome }) =>
    outcome.kind === "rejected" && item.payload.kind === "profile"
      ? [`${item.payload.item.personId} ${outcome.code}`]
      : [],
  );
  return { files, refused };
}

describe("CSV file destinations", () => {
  const sftp = {
    target: {
      host: "files.test",
      port: 22,
      user: "u",
      credential: { kind: "password", password: { secret: "pw" } },
      folder: "in",
    },
  };
  const samples = {
    local: {
      settings: [
        { target: { folder: "out" } },
        {
          target: { folder: "out" },
          csv: { compression: "gzip", delimiter: ";" },
          fileName: ["audience-name", { text: "x" }],
          rowsPerFile: 2,
        },
      ],
      invalid: [
        { input: { target: { folder: "../etc" } }, path: ["target", "folder"] },
        { input: {}, path: ["target"] },
        { input: { target: { folder: "x" }, fileName: ["colour"] }, path: ["fileName", 0] },
      ],
    },
    sftp: {
      settings: [sftp],
      invalid: [
        {
          input: { target: { ...sftp.target, credential: { kind: "key", password: { secret: "x" } } } },
          path: ["target", "credential", "privateKey"],
        },
        {
          input: { target: { ...sftp.target, credential: { kind: "password", password: "plain" } } },
          path: ["target", "credential", "password"],
        },
      ],
    },
    s3: {
      settings: [
        {
          target: {
            bucket: "my-bucket",
            region: "eu-west-1",
            prefix: "a/b",
            accessKeyId: "AKIDEXAMPLE",
            secretAccessKey: { secret: "s3" },
          },
        },
      ],
      invalid: [
        {
          input: {
            target: {
              bucket: "My Bucket",
              region: "eu-west-1",
              prefix: "",
              accessKeyId: "AKID",
              secretAccessKey: { secret: "s3" },
            },
          },
          path: ["target", "bucket"],
        },
      ],
    },
    "azure-blob": {
      settings: [{ target: { container: "landing", prefix: "", connectionString: { secret: "azure" } } }],
      invalid: [
        {
          input: { target: { container: "UP", prefix: "", connectionString: { secret: "azure" } } },
          path: ["target", "container"],
        },
      ],
    },
  } as const;
  for (const kind of ["local", "sftp", "s3", "azure-blob"] as const) {
    const { settings, invalid } = samples[kind];
    const cases = destinationCases(csvFileDestination(kind), {
      settings,
      invalidSettings: invalid,
      batches: [select("full"), select("incremental", "2026-01-15T00:00:00.000Z")],
      context,
      responses: [{ response: { kind: "file", location: "x", bytes: 1, receivedAt: at }, kind: "delivered" }],
    });
    for (const { name, run } of cases) it(name, run);
  }

  it("writes a full file of the active members and says who is missing", async () => {
    expect(await written(select("full"))).toEqual({
      files: {
        "CRM_segmenta1_20260131123456.csv":
          "first_name,tier,email,status\nANN,silver,ann@x.test,realized\nBOB,gold,bob@x.test,realized\nCYD,gold,both@x.test,realized\n",
      },
      refused: ["dan row.required-missing"],
    });
  });

  it("writes increments with exits when the status is mapped, and without when it is not", async () => {
    const since = "2026-01-21T00:00:00.000Z";
    expect(Object.values((await written(select("incremental", since))).files)).toEqual([
      "first_name,tier,email,status\nCYD,gold,both@x.test,realized\nEVE,gold,eve@x.test,exited\n",
    ]);
    const bare = await written(select("incremental", since, { mapping: mapping.slice(0, 3) }));
    expect(bare.refused).toEqual(["dan row.required-missing", "eve row.exit"]);
  });

  it("begins incremental exports with a full file", () => {
    expect([...select("incremental").items].map(({ personId }) => personId)).toEqual([
      "ann",
      "bob",
      "cyd",
      "dan",
    ]);
  });

  it("deduplicates by an identity, the later qualification winning", async () => {
    const keyed = mapping.map((m) => ({ ...m, dedup: m.target === "email" }));
    expect(Object.values((await written(select("full", undefined, { mapping: keyed }))).files)).toEqual([
      "first_name,tier,email,status\nANN,silver,ann@x.test,realized\nBOB,gold,bob@x.test,realized\nCYD,gold,both@x.test,realized\n",
    ]);
  });

  it("deduplicates by attributes and names who went under", async () => {
    const keyed = mapping.map((m) => ({ ...m, dedup: m.target === "tier" }));
    const { files, refused } = await written(select("full", undefined, { mapping: keyed }));
    expect(Object.values(files)[0]?.split("\n").length).toBe(4);
    expect(refused).toEqual(["bob row.duplicate", "dan row.required-missing"]);
  });

  it("splits files by rows and names the parts", async () => {
    const { files } = await written(select("full"), {
      rowsPerFile: 2,
      fileName: ["audience-name", { text: "../v1" }],
    });
    expect(Object.keys(files)).toEqual(["Gold-more_v1.csv", "Gold-more_v1_2.csv"]);
  });

  it("builds every part of a file name, within 255 bytes", () => {
    const values = {
      destinationName: "CRM",
      destinationId: "d1",
      audienceId: "a1",
      audienceName: "é".repeat(200),
      orgId: "ORG@AdobeOrg",
      sandbox: "prod",
      at,
    };
    expect(fileName(["date-time", "timestamp", "org", "sandbox", "destination-id"], values, ".csv")).toBe(
      "01312026_123456_1769862896_ORG@AdobeOrg_prod_d1.csv",
    );
    const long = fileNamePart(fileName(["audience-name"], values, ".csv"), 12);
    expect(new TextEncoder().encode(long).length).toBeLessThanOrEqual(255);
    expect(long).toMatch(/é_12\.csv$/);
  });
});

describe("schedules", () => {
  const start = Date.parse("2026-01-31T13:30:00.000Z");
  const runs = [
    [{ mode: "full", when: "at", time: "02:00" }, "2026-02-01T02:00:00.000Z"],
    [{ mode: "incremental", everyHours: 3, time: "01:15" }, "2026-01-31T16:15:00.000Z"],
    [{ mode: "incremental", everyHours: 24, time: "13:30" }, "2026-01-31T13:30:00.000Z"],
    [{ mode: "full", when: "after-evaluation" }, undefined],
  ] as const;
  for (const [schedule, next] of runs) {
    it(`${JSON.stringify(schedule)} runs next at ${next}`, () => {
      const parsed = parseSchedule(schedule);
      if (!parsed.ok) throw new Error(parsed.error.message);
      const at = nextRun(parsed.value, start);
      expect(at === undefined ? undefined : new Date(at).toISOString()).toBe(next);
    });
  }
  for (const bad of [
    null,
    {},
    { mode: "full" },
    { mode: "full", when: "at", time: "24:00" },
    { mode: "incremental", everyHours: 5, time: "01:00" },
  ]) {
    it(`refuses ${JSON.stringify(bad)}`, () => expect(parseSchedule(bad).ok).toBe(false));
  }
});

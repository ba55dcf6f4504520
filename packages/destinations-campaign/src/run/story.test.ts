import type { FieldMapping, FileRequest } from "@tessera/destinations";
import { parse } from "csv-parse/sync";
import { describe, expect, it } from "vitest";
import {
  campaignManagedServices,
  createMemoryRunDocuments,
  createRunLedger,
  type ExportCandidate,
  exportOnDemand,
  type ExportRun,
  type ExportRunPorts,
  type Manifest,
  reconcile,
  runDueExports,
  type RunDocuments,
  type ScheduledExport,
} from "../index.ts";

/** A person of the story: the recipients they are, and their membership in the audience. */
interface Person {
  readonly ids: readonly string[];
  readonly name: string;
  readonly city?: string;
  readonly status: "realized" | "exited";
  readonly at: string;
}

const AUDIENCE = { id: "aud-1", namespace: "ups", name: "Spring buyers" };
const KEY: FieldMapping = {
  source: { kind: "identity", namespace: "CRMID" },
  target: "external_id",
  dedup: true,
};
const NAME: FieldMapping = {
  source: { kind: "attribute", path: "person.name.firstName" },
  target: "firstName",
};
const CITY: FieldMapping = { source: { kind: "attribute", path: "homeAddress.city" }, target: "city" };
const STATUS: FieldMapping = { source: { kind: "membership-status" }, target: "segmentMembershipStatus" };

const candidate = (personId: string, { ids, name, city, status, at }: Person): ExportCandidate => ({
  item: {
    personId,
    trigger: "schedule",
    identities: ids.map((id) => ({ namespace: "CRMID", id, target: "external_id" })),
    attributes: { firstName: name, city },
    memberships: {},
  },
  membership: { status, lastQualificationTime: at },
});

/** A small world: persons, the landing zone, a fake clock, and processes that share nothing but the documents. */
function createWorld(documents: RunDocuments = createMemoryRunDocuments()) {
  const persons = new Map<string, Person>();
  const zone = new Map<string, string>();
  const writes: string[] = [];
  const leftOut: Record<string, number>[] = [];
  let clock = 0;
  let tokens = 0;
  let mapping: readonly FieldMapping[] = [KEY, NAME, STATUS];
  let space = Infinity;
  let dies = false;
  const definition = campaignManagedServices();
  const parsed = definition.parseSettings({
    instance: "acme-mkt-prod1",
    targetMapping: "mapRecipient",
    syncType: "audience",
    landingZone: { kind: "local", folder: "dlz" },
    rowsPerFile: 2,
  });
  if (!parsed.ok) throw new Error("settings");
  const settings = parsed.value;
  const scheduled = (): ScheduledExport => ({
    destinationId: "d1",
    dataflowId: "f1",
    audience: AUDIENCE,
    mapping,
    schedule: {
      mode: "incremental",
      everyHours: 6,
      startAt: "2026-02-01T06:00:00Z",
      endDate: "2026-02-03",
    },
  });
  const save = (request: FileRequest): boolean => {
    if (space <= 0) return false;
    space -= 1;
    zone.set(request.name, [...request.content].join(""));
    writes.push(request.name);
    return true;
  };
  const ports = (settleMs: number): ExportRunPorts => ({
    ledger: createRunLedger(documents),
    now: () => clock,
    newToken: () => `token-${(tokens += 1)}`,
    candidates: () => Promise.resolve([...persons].map(([id, person]) => candidate(id, person))),
    settleMs,
    store: (batch, { at }) => {
      const requests = definition.plan(batch, settings, {
        now: at,
        destinationId: "d1",
        destinationName: "Campaign",
        orgId: "ORG",
        sandbox: "prod",
      });
      leftOut.push(reconcile(batch, requests).reasons);
      for (const request of requests) {
        if (request.kind !== "file") continue;
        if (!save(request)) return Promise.resolve(false);
        if (dies) throw new Error("the process died");
      }
      return Promise.resolve(true);
    },
  });
  return {
    persons,
    zone,
    writes,
    leftOut,
    set: (changes: { readonly mapping?: readonly FieldMapping[]; space?: number; dies?: boolean }) => {
      ({ mapping = mapping, space = Infinity, dies = false } = changes);
    },
    /** Two processes look at the same moment. */
    tick: async (at: string, { processes = 2, settleMs = 0 } = {}): Promise<readonly ExportRun[]> => {
      clock = Date.parse(at);
      const looks = Array.from({ length: processes }, () => runDueExports([scheduled()], ports(settleMs)));
      return (await Promise.all(looks)).flat();
    },
    onDemand: (at: string) => {
      clock = Date.parse(at);
      return exportOnDemand(scheduled(), ports(0));
    },
  };
}

const rowsOf = (text: string | undefined): string[][] => parse(text ?? "", {}) as string[][];
const D1 = (time: string): string => `2026-02-01T${time}:00.000Z`;
const D2 = (time: string): string => `2026-02-02T${time}:00.000Z`;
const HEAD = ["external_id", "firstName", "segmentMembershipStatus"];

describe("two days of exports every six hours, to the end date", () => {
  const world = createWorld();
  const enter = (id: string, at: string, rest: Partial<Person> = {}): void => {
    world.persons.set(id, { ids: [`crm-${id}`], name: id, city: "Basel", ...rest, status: "realized", at });
  };
  const exit = (id: string, at: string): void => {
    const person = world.persons.get(id);
    if (person === undefined) throw new Error(id);
    world.persons.set(id, { ...person, status: "exited", at });
  };
  const steps: readonly {
    readonly name: string;
    readonly happens?: () => void;
    readonly at: string;
    readonly runs: readonly string[];
    /** Every file that is new or was written anew, manifests apart, row by row. */
    readonly files: { readonly [name: string]: readonly (readonly string[])[] };
  }[] = [
    {
      name: "nothing before the start",
      happens: () => {
        enter("ada", D1("05:00"));
        enter("bob", D1("05:30"));
        enter("cy", D1("05:40"));
        exit("cy", D1("05:50"));
      },
      at: D1("05:59"),
      runs: ["wait", "wait"],
      files: {},
    },
    {
      name: "the first incremental run is a backfill, without exits; one of two processes writes it",
      at: D1("06:00"),
      runs: ["exported", "taken"],
      files: {
        "Campaign_segmentaud-1_20260201060000.csv": [
          HEAD,
          ["crm-ada", "ada", "realized"],
          ["crm-bob", "bob", "realized"],
        ],
      },
    },
    { name: "asked again it waits", at: D1("06:01"), runs: ["wait", "wait"], files: {} },
    {
      name: "an entry and an exit; a changed attribute alone brings nobody",
      happens: () => {
        enter("cleo", D1("08:00"));
        exit("bob", D1("09:00"));
        enter("ada", D1("05:00"), { name: "Ada L." });
      },
      at: D1("12:00"),
      runs: ["exported", "taken"],
      files: {
        "Campaign_segmentaud-1_20260201120000.csv": [
          HEAD,
          ["crm-bob", "bob", "exited"],
          ["crm-cleo", "cleo", "realized"],
        ],
      },
    },
    {
      name: "the disk is full after the first part: the run failed and nothing is counted as told",
      happens: () => {
        enter("bob", D1("13:00"));
        enter("dan", D1("17:00"));
        enter("eve", D1("17:10"));
        world.set({ space: 1 });
      },
      at: D1("18:00"),
      runs: ["failed"],
      files: {
        "Campaign_segmentaud-1_20260201180000.csv": [
          HEAD,
          ["crm-bob", "bob", "realized"],
          ["crm-dan", "dan", "realized"],
        ],
      },
    },
    {
      name: "redone under the same names, a re-entry among them; what came meanwhile waits for its turn",
      happens: () => {
        world.set({});
        enter("finn", D1("18:03"));
      },
      at: D1("18:05"),
      runs: ["exported"],
      files: {
        "Campaign_segmentaud-1_20260201180000.csv": [
          HEAD,
          ["crm-bob", "bob", "realized"],
          ["crm-dan", "dan", "realized"],
        ],
        "Campaign_segmentaud-1_20260201180000_2.csv": [HEAD, ["crm-eve", "eve", "realized"]],
      },
    },
    {
      name: "two slots were missed and are caught up once; a merged person has a row for each recipient",
      happens: () => {
        world.persons.delete("dan");
        enter("ada", D1("19:00"), { ids: ["crm-ada", "crm-dan"], name: "Ada L." });
      },
      at: D2("07:00"),
      runs: ["exported", "taken"],
      files: {
        "Campaign_segmentaud-1_20260202070000.csv": [
          HEAD,
          ["crm-ada", "Ada L.", "realized"],
          ["crm-dan", "Ada L.", "realized"],
        ],
        "Campaign_segmentaud-1_20260202070000_2.csv": [HEAD, ["crm-finn", "finn", "realized"]],
      },
    },
    {
      name: "split again, and the mapping has a new column: a backfill with it, without exits",
      happens: () => {
        const ada = world.persons.get("ada");
        if (ada !== undefined) world.persons.set("ada", { ...ada, ids: ["crm-ada"] });
        enter("dan", D2("08:00"));
        exit("dan", D2("08:00"));
        exit("eve", D2("09:00"));
        world.set({ mapping: [KEY, NAME, CITY, STATUS] });
      },
      at: D2("12:00"),
      runs: ["exported", "taken"],
      files: {
        "Campaign_segmentaud-1_20260202120000.csv": [
          ["external_id", "firstName", "city", "segmentMembershipStatus"],
          ["crm-ada", "Ada L.", "Basel", "realized"],
          ["crm-bob", "bob", "Basel", "realized"],
        ],
        "Campaign_segmentaud-1_20260202120000_2.csv": [
          ["external_id", "firstName", "city", "segmentMembershipStatus"],
          ["crm-cleo", "cleo", "Basel", "realized"],
          ["crm-finn", "finn", "Basel", "realized"],
        ],
      },
    },
    {
      name: "the exits that the full file could not hold are told by the next",
      happens: () => enter("gil", D2("15:00")),
      at: D2("18:00"),
      runs: ["exported", "taken"],
      files: {
        "Campaign_segmentaud-1_20260202180000.csv": [
          ["external_id", "firstName", "city", "segmentMembershipStatus"],
          ["crm-eve", "eve", "Basel", "exited"],
          ["crm-dan", "dan", "Basel", "exited"],
        ],
        "Campaign_segmentaud-1_20260202180000_2.csv": [
          ["external_id", "firstName", "city", "segmentMembershipStatus"],
          ["crm-gil", "gil", "Basel", "realized"],
        ],
      },
    },
    {
      name: "the end date is exclusive",
      happens: () => enter("hal", D2("19:00")),
      at: "2026-02-03T00:00:00.000Z",
      runs: ["ended", "ended"],
      files: {},
    },
  ];

  it.each(steps)("$at: $name", async ({ happens, at, runs, files }) => {
    happens?.();
    const from = world.writes.length;
    const told = await world.tick(at, { processes: runs.length });
    expect(told.map(({ kind }) => kind).sort()).toEqual([...runs].sort());
    const written = world.writes.slice(from);
    expect(written.length).toBe(new Set(written).size);
    const data = written.filter((name) => name.endsWith(".csv"));
    expect(Object.fromEntries(data.map((name) => [name, rowsOf(world.zone.get(name))]))).toEqual(files);
  });

  it("was exported whole: what the files tell, one after another, is the audience at the last run", () => {
    const told = new Map<string, string>();
    for (const name of [...world.zone.keys()].filter((file) => file.endsWith(".csv")).sort())
      for (const row of rowsOf(world.zone.get(name)).slice(1)) told.set(row[0] ?? "", row.at(-1) ?? "");
    const members = [...world.persons.values()].flatMap(({ ids, status, at }) =>
      status === "realized" && at <= D2("18:00") ? ids : [],
    );
    expect([...told].flatMap(([id, status]) => (status === "realized" ? [id] : [])).sort()).toEqual(
      members.sort(),
    );
    expect(world.leftOut).toEqual(world.leftOut.map(() => ({})));
  });

  it("every finished run has a manifest that names all its files with their rows", () => {
    const manifests = [...world.zone].filter(([name]) => name.endsWith(".manifest.json"));
    expect(manifests).toHaveLength(6);
    const named = manifests.flatMap(([, text]) => (JSON.parse(text) as Manifest).files);
    for (const { name, rows } of named) expect(rowsOf(world.zone.get(name))).toHaveLength(rows + 1);
    expect(named.map(({ name }) => name).sort()).toEqual(
      [...world.zone.keys()].filter((name) => name.endsWith(".csv")).sort(),
    );
  });
});

describe("what runs survive", () => {
  const member = (id: string, at: string): Person => ({
    ids: [`crm-${id}`],
    name: id,
    status: "realized",
    at,
  });

  it("a process that dies within a run: another redoes it when the lease is over, none is run twice", async () => {
    const documents = createMemoryRunDocuments();
    // A process that is gone cannot release its claim either.
    const frozen: RunDocuments = {
      ...documents,
      write: (id, body, version) =>
        version === 0 ? documents.write(id, body, version) : Promise.reject(new Error("the process died")),
    };
    const dying = createWorld(frozen);
    dying.persons.set("ada", member("ada", D1("05:00")));
    dying.set({ dies: true });
    await expect(dying.tick(D1("06:00"), { processes: 1 })).rejects.toThrow("the process died");
    const second = createWorld(documents);
    second.persons.set("ada", member("ada", D1("05:00")));
    second.persons.set("bob", member("bob", D1("06:10")));
    expect((await second.tick(D1("06:14"))).map(({ kind }) => kind)).toEqual(["taken", "taken"]);
    const [run] = await second.tick(D1("06:15"), { processes: 1 });
    expect(run).toMatchObject({ kind: "exported", redone: true, slot: D1("06:00"), missed: 0 });
    expect(rowsOf(second.zone.get("Campaign_segmentaud-1_20260201060000.csv"))).toEqual([
      HEAD,
      ["crm-ada", "ada", "realized"],
    ]);
    expect((await second.tick(D1("06:30"))).map(({ kind }) => kind)).toEqual(["wait", "wait"]);
    await second.tick(D1("12:00"), { processes: 1 });
    expect(rowsOf(second.zone.get("Campaign_segmentaud-1_20260201120000.csv"))).toEqual([
      HEAD,
      ["crm-bob", "bob", "realized"],
    ]);
  });

  it("a restart: the ledger alone carries what was exported", async () => {
    const documents = createMemoryRunDocuments();
    const before = createWorld(documents);
    before.persons.set("ada", member("ada", D1("05:00")));
    await before.tick(D1("06:00"));
    const after = createWorld(documents);
    after.persons.set("ada", member("ada", D1("05:00")));
    after.persons.set("bob", member("bob", D1("07:00")));
    const [run] = await after.tick(D1("12:00"), { processes: 1 });
    expect(run).toMatchObject({ kind: "exported", window: { mode: "incremental", since: D1("06:00") } });
    expect(rowsOf(after.zone.get("Campaign_segmentaud-1_20260201120000.csv"))).toEqual([
      HEAD,
      ["crm-bob", "bob", "realized"],
    ]);
  });

  it("a membership that is stored late: changes within the settling time are left to the next run", async () => {
    const world = createWorld();
    world.persons.set("ada", member("ada", D1("05:00")));
    world.persons.set("bob", member("bob", "2026-02-01T05:59:30.000Z"));
    await world.tick(D1("06:00"), { processes: 1, settleMs: 60_000 });
    // Decided before the run, stored after it.
    world.persons.set("cleo", member("cleo", "2026-02-01T05:59:20.000Z"));
    await world.tick(D1("12:00"), { processes: 1, settleMs: 60_000 });
    expect(rowsOf(world.zone.get("Campaign_segmentaud-1_20260201060000.csv")).slice(1)).toEqual([
      ["crm-ada", "ada", "realized"],
    ]);
    expect(rowsOf(world.zone.get("Campaign_segmentaud-1_20260201120000.csv")).slice(1)).toEqual([
      ["crm-bob", "bob", "realized"],
      ["crm-cleo", "cleo", "realized"],
    ]);
  });

  it("an export on demand: one more full file, the schedule goes on as if it had not been", async () => {
    const world = createWorld();
    world.persons.set("ada", member("ada", D1("05:00")));
    await world.tick(D1("06:00"));
    world.persons.set("bob", member("bob", D1("07:00")));
    expect(await world.onDemand(D1("08:00"))).toBe(true);
    expect(rowsOf(world.zone.get("Campaign_segmentaud-1_20260201080000.csv"))).toEqual([
      HEAD,
      ["crm-ada", "ada", "realized"],
      ["crm-bob", "bob", "realized"],
    ]);
    await world.tick(D1("12:00"));
    expect(rowsOf(world.zone.get("Campaign_segmentaud-1_20260201120000.csv")).slice(1)).toEqual([
      ["crm-bob", "bob", "realized"],
    ]);
  });
});

import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type Answer, dataOf, type Harness, NOW, startHarness } from "./harness.ts";

/** What the receiver does: takes all, refuses whatever names Bea, or fails altogether. */
let mode: "takes" | "refuses-bea" | "fails" = "takes";
const received: string[] = [];
const receiver = createServer(async (request, response) => {
  let body = "";
  for await (const piece of request) body += String(piece);
  const status = mode === "fails" ? 500 : mode === "refuses-bea" && body.includes("Bea") ? 400 : 200;
  if (status === 200) received.push(body);
  response.writeHead(status).end();
});
const CRM = { source: { kind: "identity", namespace: "CRMID" }, target: "CRMID" };
const FIRST = { source: { kind: "attribute", path: "person.name.firstName" }, target: "first" };

interface Letters {
  readonly deadLetters: {
    readonly totalCount: number;
    readonly nodes: readonly { readonly id: string; readonly code: string }[];
  };
}

describe("dead letters and the circuit, through the API", () => {
  const filesFolder = mkdtempSync(join(tmpdir(), "tessera-letters-"));
  let harness: Harness;
  let moment = NOW;
  let audienceId = "";
  const run = async <T>(document: string, variables: object = {}): Promise<T> =>
    dataOf<T>(await harness.graphql(document, variables));
  const later = (ms: number): void => harness.setNow((moment += ms));
  const ingest = async (...persons: readonly (readonly [id: string, name?: string])[]): Promise<void> => {
    later(1_000);
    const records = persons.map(([id, firstName]) => ({
      identityMap: { CRMID: [{ id, primary: true }], Email: [{ id: `${id}@shop.test` }] },
      loyalty: { tier: "gold" },
      ...(firstName !== undefined && { person: { name: { firstName } } }),
    }));
    await harness.request("/collect/records?datasetId=crm", {
      method: "POST",
      body: JSON.stringify(records),
    });
  };
  const connect = async (type: string, settings: object, mapping: readonly object[]): Promise<string> => {
    const { createDestination } = await run<{ createDestination: { id: string } }>(
      `mutation($i:CreateDestinationInput!){createDestination(input:$i){id}}`,
      { i: { name: type, type, settings } },
    );
    await run(`mutation($i:ActivateAudiencesInput!){activateAudiences(input:$i){dataflowId}}`, {
      i: { destinationId: createDestination.id, audienceIds: [audienceId], mapping },
    });
    return createDestination.id;
  };
  const letters = async (id: string, filter: object = {}): Promise<Letters["deadLetters"]> =>
    (
      await run<Letters>(
        `query($d:ID!,$f:DeadLetterFilter){deadLetters(destinationId:$d,filter:$f){totalCount nodes{id code dataflowId changes{audienceId status} fields namespaces}}}`,
        { d: id, f: filter },
      )
    ).deadLetters;
  const replay = (id: string, more: object = {}): Promise<Answer> =>
    harness.graphql(
      `mutation($d:ID!,$i:[ID!],$f:DeadLetterFilter,$a:JSONObject){replayDeadLetters(destinationId:$d,ids:$i,filter:$f,attributes:$a){replayed superseded left files{name rows failure}}}`,
      { d: id, ...more },
    );

  beforeAll(async () => {
    await new Promise<void>((resolve) => receiver.listen(0, "127.0.0.1", resolve));
    harness = await startHarness({ filesFolder });
    audienceId = (
      await run<{ createAudience: { id: string } }>(
        `mutation($i:CreateAudienceInput!){createAudience(input:$i){id}}`,
        { i: { name: "gold", expression: { value: 'loyalty.tier = "gold"' } } },
      )
    ).createAudience.id;
    await ingest(["C1", "Ada"], ["C2", "Bea"], ["C3"]);
  });
  afterAll(async () => {
    await harness.close();
    receiver.closeAllConnections();
    receiver.close();
    rmSync(filesFolder, { recursive: true, force: true });
  });

  let hook = "";
  it("sets a record aside with its reason and no values, mends it, and tells this destination alone", async () => {
    mode = "refuses-bea";
    const { port } = receiver.address() as AddressInfo;
    hook = await connect("http-profile-export", { url: `http://127.0.0.1:${port}/` }, [CRM, FIRST]);
    await expect.poll(() => letters(hook), { timeout: 10_000 }).toMatchObject({ totalCount: 1 });
    const found = await letters(hook, { codes: ["http.400"], identity: { namespace: "CRMID", id: "C2" } });
    expect(found.nodes).toMatchObject([
      {
        code: "http.400",
        changes: [{ audienceId, status: "realized" }],
        fields: ["first"],
        namespaces: expect.arrayContaining(["CRMID", "Email"]),
      },
    ]);
    expect(JSON.stringify(found)).not.toContain("Bea");
    expect(await letters(hook, { codes: ["http.413"] })).toMatchObject({ totalCount: 0 });
    const [{ id } = { id: "" }] = found.nodes;
    expect(dataOf(await replay(hook, { i: [id], a: { first: "Beatrix" } }))).toEqual({
      replayDeadLetters: { replayed: [id], superseded: [], left: [], files: [] },
    });
    // The receiver refuses what names Bea, and so a part of Beatrix.
    mode = "takes";
    await expect.poll(() => received.join(), { timeout: 10_000 }).toContain("Beatrix");
    expect(await letters(hook)).toMatchObject({ totalCount: 0 });
    expect((await replay("nowhere")).errors?.[0]?.extensions.code).toBe("NOT_FOUND");
  });

  it("writes mended rows to a file of their own, for a destination of files", async () => {
    const required = { ...FIRST, required: true };
    const files = await connect("csv-local", { target: { folder: "out" } }, [CRM, required]);
    expect((await letters(files)).nodes).toMatchObject([
      { code: "row.required-missing", fields: [], changes: [{ audienceId, status: "realized" }] },
    ]);
    const rows = (): readonly string[] =>
      readdirSync(join(filesFolder, "out"))
        .sort()
        .map((name) => readFileSync(join(filesFolder, "out", name), "utf8").trim());
    expect(rows()).toEqual([expect.stringMatching(/^CRMID,first\s+(C1,Ada\s+C2,Bea|C2,Bea\s+C1,Ada)$/)]);
    // As it is it is refused again; nothing is lost, and nothing waits where nobody reads.
    later(1_000);
    expect(dataOf(await replay(files))).toMatchObject({
      replayDeadLetters: { replayed: [expect.any(String)], superseded: [] },
    });
    expect((await letters(files)).nodes).toMatchObject([{ code: "row.required-missing" }]);
    later(1_000);
    const mended = dataOf<{ replayDeadLetters: object }>(await replay(files, { a: { first: "Cleo" } }));
    expect(mended.replayDeadLetters).toMatchObject({ files: [{ rows: 1, failure: null }] });
    expect(rows().at(-1)).toMatch(/^CRMID,first\s+C3,Cleo$/);
    expect(await letters(files)).toMatchObject({ totalCount: 0 });
    expect(await harness.store.outbox(files, 0, 10)).toEqual([]);
    const { deliveryLog } = await run<{ deliveryLog: { nodes: { outcome: string; code: string | null }[] } }>(
      `query($d:ID!){deliveryLog(identity:{namespace:"CRMID",id:"C3"},destinationId:$d){nodes{outcome code}}}`,
      { d: files },
    );
    expect(deliveryLog.nodes.map(({ outcome }) => outcome)).toEqual(["delivered", "rejected", "rejected"]);
  });

  it("tells when its circuit is open, and closes it once the receiver is back", async () => {
    mode = "fails";
    const backlog = async (): Promise<{
      readonly waiting: number;
      readonly circuit: string;
      readonly counts: { readonly failedRequests: number; readonly delivered: number };
    }> =>
      (
        await run<{ deliveryBacklog: Awaited<ReturnType<typeof backlog>> }>(
          `query($d:ID!){deliveryBacklog(destinationId:$d){waiting circuit counts{failedRequests delivered retried deadLettered}}}`,
          { d: hook },
        )
      ).deliveryBacklog;
    expect(await backlog()).toMatchObject({ waiting: 0, circuit: "closed" });
    await ingest(...Array.from({ length: 30 }, (_, n) => [`X${n}`, "Xenia"] as const));
    await expect.poll(backlog, { timeout: 10_000 }).toMatchObject({ waiting: 30, circuit: "open" });
    const before = await backlog();
    const circuit = async (): Promise<string | undefined> =>
      new RegExp(`tessera_delivery\\{[^}]*destination="${hook}",what="circuitOpen"} (\\d)`).exec(
        await (await harness.request("/metrics")).text(),
      )?.[1];
    expect(await circuit()).toBe("1");
    mode = "takes";
    await expect
      .poll(
        async () => {
          // Less than a lease, so that nothing under way is taken for lost.
          later(15_000);
          return backlog();
        },
        { timeout: 20_000, interval: 250 },
      )
      .toMatchObject({ waiting: 0, circuit: "closed", counts: { deadLettered: 1 } });
    const { counts } = await backlog();
    expect(counts.delivered - before.counts.delivered).toBe(30);
    expect(await circuit()).toBe("0");
  });

  it("checks the lines of a mapping against a destination, over a real person", async () => {
    const preview = async (mapping: readonly object[]): Promise<unknown> => {
      const { previewMapping } = await run<{
        previewMapping: { values: unknown[]; state: string; issues: { code: string }[] }[];
      }>(
        `query($m:[JSONObject!]!,$d:ID){previewMapping(mapping:$m,destinationId:$d,identity:{namespace:"CRMID",id:"C1"}){values state issues{code}}}`,
        { m: mapping, d: hook },
      );
      return previewMapping.map(({ values, issues }) => [values.length, issues.map(({ code }) => code)]);
    };
    const email = { source: { kind: "identity", namespace: "Email" }, target: "Email_LC_SHA256" };
    const broken = { source: { kind: "pql", expression: "loyalty.(" }, target: "q" };
    expect(await preview([CRM, email, { ...email, transform: "sha256" }])).toEqual([
      [1, []],
      [1, ["mapping.identity-type"]],
      [1, []],
    ]);
    expect(await preview([FIRST, broken])).toEqual([
      [1, []],
      [0, [expect.stringMatching(/^pql\./)]],
    ]);
  });
});

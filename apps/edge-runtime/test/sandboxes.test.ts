import { mkdtemp, rm } from "node:fs/promises";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { Conversation } from "./conversation.ts";
import { SNAPSHOT, TOKEN } from "./definitions.ts";
import { type RunningEdge, RUNTIMES } from "./runtimes.ts";
import { seen, type Seen } from "./visits.ts";

const ADA = { namespace: "CRMID", id: "ada" };

/** A hub of two sandboxes: in each, the same identity is another person, and the datastream has another name. */
class TwoSandboxes {
  readonly received: (readonly [sandbox: string, eventType: string])[] = [];
  readonly server = createServer((request, response) => {
    const sandbox = String(request.headers["x-sandbox-name"]);
    const pieces: Buffer[] = [];
    request.on("data", (piece: Buffer) => pieces.push(piece));
    request.on("end", () => {
      const send = (status: number, body: unknown): void => {
        response.writeHead(status, { "content-type": "application/json" });
        response.end(JSON.stringify(body));
      };
      const text = Buffer.concat(pieces).toString("utf8");
      if (request.url?.startsWith("/edge/snapshot") === true) send(200, this.#snapshot(sandbox));
      else if (request.url === "/edge/lookup") send(200, this.#person(sandbox));
      else {
        for (const line of text.split("\n"))
          this.received.push([sandbox, String((JSON.parse(line) as { eventType?: string }).eventType)]);
        send(200, { accepted: 1, rejected: [] });
      }
    });
  });

  #snapshot(sandbox: string): unknown {
    const [first] = SNAPSHOT["datastreams"] as readonly object[];
    return { ...SNAPSHOT, version: sandbox, sandbox, datastreams: [{ ...first, id: `pages-${sandbox}` }] };
  }

  #person(sandbox: string): unknown {
    const tier = sandbox === "prod" ? "gold" : "silver";
    const person = { personId: `ada-${sandbox}`, version: 1, identities: [ADA], segmentMembership: {} };
    return { found: true, ...person, attributes: { loyalty: { tier } }, freshAt: new Date().toISOString() };
  }
}

describe.for(RUNTIMES)("an edge of two sandboxes on %s", ([, start]) => {
  const hub = new TwoSandboxes();
  let edge: RunningEdge;
  let dataDir: string;
  beforeAll(async () => {
    await new Promise<void>((done) => hub.server.listen(0, "127.0.0.1", done));
    dataDir = await mkdtemp(join(tmpdir(), "edge-sandboxes-"));
    const hubUrl = `http://127.0.0.1:${(hub.server.address() as AddressInfo).port}`;
    edge = await start({ hubUrl, dataDir, sandboxes: ["prod", "dev"], lookupBudgetMs: 2000 });
  }, 60_000);
  afterAll(async () => {
    await edge?.stop();
    hub.server.close();
    hub.server.closeAllConnections();
    await rm(dataDir, { recursive: true, force: true });
  });

  const hit = async (datastream: string, eventType: string): Promise<Seen> => {
    const xdm = { eventType, identityMap: { CRMID: [{ id: "ada", primary: true }] } };
    const path = `/ee/v2/interact?datastreamId=${datastream}`;
    const headers = { "content-type": "application/json" };
    return seen(await new Conversation(edge.url, true).send({ path, headers, body: { event: { xdm } } }));
  };

  it("answers each datastream from its own sandbox, and hands its events to it", async () => {
    await expect.poll(async () => (await hit("pages-dev", "one")).status, { timeout: 5000 }).toBe(200);
    await hit("pages-prod", "two");
    await expect
      .poll(() => hub.received.map((entry) => entry.join(" ")), { timeout: 10_000 })
      .toEqual(expect.arrayContaining(["dev one", "prod two"]));
    expect(hub.received.map((entry) => entry.join(" "))).not.toContain("prod one");
    expect((await hit("pages-test", "three")).status).toBe(400);
  });

  it("takes projections into the sandbox they are of, and says which it leaves aside", async () => {
    const project = async (sandbox: string): Promise<unknown> => {
      const memberships = { batch: { status: "realized", lastQualificationTime: new Date().toISOString() } };
      const person = {
        personId: `ada-${sandbox}`,
        version: 2,
        identities: [ADA],
        segmentMembership: { ups: memberships },
      };
      const response = await fetch(`${edge.url}/internal/projections`, {
        method: "POST",
        headers: {
          authorization: `Bearer ${TOKEN}`,
          "content-type": "application/json",
          "x-sandbox-name": sandbox,
        },
        body: JSON.stringify({ projections: [{ ...person, at: new Date().toISOString() }] }),
      });
      return response.json();
    };
    expect(await project("dev")).toEqual({ applied: 1, forgotten: 0 });
    expect((await hit("pages-dev", "four")).profile).toMatchObject({ version: 2 });
    expect((await hit("pages-prod", "five")).profile).toMatchObject({ version: 1 });
    expect(await project("test")).toEqual({
      applied: 0,
      forgotten: 0,
      issues: [expect.stringContaining("TESSERA_EDGE_SANDBOXES")],
    });
  });
});

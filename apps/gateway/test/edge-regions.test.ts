import { createServer, type IncomingMessage, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type Harness, NOW, startHarness, TOKEN, viewEvent } from "./harness.ts";

const DAY = 86_400_000;

/** What stands in for the edge of one region, and what it was told. */
class RegionEdge {
  readonly told: string[] = [];
  readonly sandboxes: Set<string | string[] | undefined> = new Set();
  isDown = false;
  readonly #server: Server = createServer(async (request, response) => {
    const body = await readAll(request);
    if (this.isDown || request.headers.authorization !== `Bearer ${TOKEN}`) {
      response.writeHead(503).end();
      return;
    }
    const { projections } = JSON.parse(body) as { projections: { identities: { id: string }[] }[] };
    this.told.push(...projections.map(({ identities }) => identities[0]?.id ?? ""));
    this.sandboxes.add(request.headers["x-sandbox-name"]);
    response.writeHead(200).end("{}");
  });

  async start(): Promise<string> {
    await new Promise<void>((resolve) => this.#server.listen(0, "127.0.0.1", resolve));
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  stop(): void {
    this.#server.closeAllConnections();
    this.#server.close();
  }
}

describe("projections to the edges of several regions", () => {
  const [virginia, ireland] = [new RegionEdge(), new RegionEdge()];
  let harness: Harness;
  beforeAll(async () => {
    harness = await startHarness({
      edges: [
        { url: await virginia.start(), region: "va6" },
        { url: await ireland.start(), region: "irl1" },
      ],
    });
  });
  afterAll(async () => {
    await harness.close();
    virginia.stop();
    ireland.stop();
  });

  let events = 0;
  const visit = (customer: string, region: string, at = NOW): Promise<Response> => {
    const seen = { timestamp: new Date(at).toISOString(), _tessera: { region } };
    return harness.request("/collect/events?datasetId=web", {
      method: "POST",
      body: JSON.stringify([viewEvent(`visit-${++events}`, customer, seen)]),
    });
  };
  const change = (customer: string): Promise<Response> =>
    harness.request("/collect/records?datasetId=crm", {
      method: "POST",
      body: JSON.stringify([
        {
          identityMap: { CRMID: [{ id: customer, primary: true }] },
          loyalty: { points: ++events },
        },
      ]),
    });
  const tells = async (edge: RegionEdge, customer: string, times: number): Promise<void> => {
    await expect
      .poll(() => edge.told.filter((id) => id === customer).length, { timeout: 5_000 })
      .toBeGreaterThanOrEqual(times);
  };

  it("each region hears of the persons who were active there", async () => {
    await visit("V1", "va6");
    await visit("I2", "6");
    await visit("B3", "va6");
    await visit("B3", "irl1");
    await Promise.all([tells(virginia, "V1", 1), tells(ireland, "I2", 1)]);
    await Promise.all([tells(virginia, "B3", 1), tells(ireland, "B3", 1)]);
    const before = virginia.told.length;
    await change("B3");
    await expect.poll(() => virginia.told.slice(before)).toEqual(["B3"]);
    expect(virginia.told).not.toContain("I2");
    expect(ireland.told).not.toContain("V1");
    expect([...virginia.sandboxes]).toEqual(["prod"]);
  });

  it("a region that is away holds up no other, and hears of everything when it is back", async () => {
    ireland.isDown = true;
    const [before, heard] = [virginia.told.length, ireland.told.length];
    await change("B3");
    await tells(virginia, "B3", virginia.told.filter((id) => id === "B3").length + 1);
    expect(virginia.told.length).toBeGreaterThan(before);
    expect(ireland.told).toHaveLength(heard);
    await change("I2");
    ireland.isDown = false;
    await expect.poll(() => ireland.told.slice(heard).toSorted(), { timeout: 5_000 }).toEqual(["B3", "I2"]);
  });

  it("a region where the person has not been for 14 days is not told", async () => {
    harness.setNow(NOW + 15 * DAY);
    const [before, heard] = [virginia.told.length, ireland.told.length];
    await visit("B3", "va6", NOW + 15 * DAY);
    await expect.poll(() => virginia.told.slice(before), { timeout: 5_000 }).toEqual(["B3"]);
    await visit("I2", "irl1", NOW + 15 * DAY);
    await expect.poll(() => ireland.told.slice(heard), { timeout: 5_000 }).toEqual(["I2"]);
  });
});

async function readAll(request: IncomingMessage): Promise<string> {
  let text = "";
  for await (const piece of request) text += String(piece);
  return text;
}

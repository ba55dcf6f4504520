import { type ChildProcess, execFile, spawn } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as wait } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { afterAll, beforeAll, expect, it } from "vitest";
import { TOKEN } from "./harness.ts";

const ROOT = fileURLToPath(new URL("../../..", import.meta.url));
const PERSONS = 20;
const EACH = 5;
/** The gateway is killed when the receiver has been called so often. */
const KILLED_AT = [8, 40];
const BEHAVIOURS = ["ok", "500", "ok", "lost", "ok", "429", "ok", "half", "ok", "slow", "ok", "junk"];

interface Profile {
  readonly _id: string;
  readonly customer: string;
  readonly n: number;
}

/** What arrived of each person, in the order it was first taken in; a receiver keeps the first of an `_id`. */
const taken = new Map<string, number[]>();
const known = new Set<string>();
let calls = 0;
let isWell = false;
let onCall = (): void => undefined;
const receiver = createServer(async (request, response) => {
  let text = "";
  for await (const piece of request) text += String(piece);
  const { profiles } = JSON.parse(text) as { readonly profiles: readonly Profile[] };
  const behaviour = isWell ? "ok" : BEHAVIOURS[calls % BEHAVIOURS.length];
  calls += 1;
  onCall();
  if (behaviour !== "500" && behaviour !== "429") {
    for (const { _id, customer, n } of profiles) {
      if (known.has(_id)) continue;
      known.add(_id);
      const list = taken.get(customer);
      if (list) list.push(n);
      else taken.set(customer, [n]);
    }
  }
  const results = JSON.stringify({ results: profiles.map(({ _id: id }) => ({ id, status: 200 })) });
  switch (behaviour) {
    case "500":
      return void response.writeHead(500).end("<html>");
    case "429":
      return void response.writeHead(429, { "retry-after": "0" }).end();
    case "lost":
      return void response.destroy();
    case "half":
      response.writeHead(200, { "content-length": String(results.length) });
      return void response.write(results.slice(0, 20), () => response.socket?.end());
    case "slow":
      return void setTimeout(() => response.end(results), 2_500);
    case "junk":
      return void response.end(results.slice(0, -3));
    default:
      return void response.end(results);
  }
});

let child: ChildProcess | undefined;
const folder = mkdtempSync(join(tmpdir(), "tessera-delivery-kill-"));
beforeAll(async () => {
  await new Promise<void>((resolve) => receiver.listen(0, "127.0.0.1", resolve));
  await promisify(execFile)(
    join(ROOT, "node_modules/.bin/turbo"),
    ["run", "build", "--filter=@tessera/gateway"],
    { cwd: ROOT, env: { ...process.env, TURBO_TELEMETRY_DISABLED: "1" } },
  );
}, 300_000);
afterAll(() => {
  kill();
  receiver.closeAllConnections();
  receiver.close();
  rmSync(folder, { recursive: true, force: true });
});

/** The gateway with its edge, both without a chance to tidy up. */
function kill(): void {
  if (child?.pid === undefined) return;
  process.kill(-child.pid, "SIGKILL");
  child = undefined;
}

let url = "";
async function start(): Promise<void> {
  const [port, edgePort] = [await freePort(), await freePort()];
  url = `http://127.0.0.1:${port}`;
  const started = spawn(process.execPath, [join(ROOT, "apps/gateway/dist/start.js")], {
    cwd: folder,
    detached: true,
    stdio: "ignore",
    env: {
      ...process.env,
      NODE_OPTIONS: "",
      PORT: String(port),
      EDGE_PORT: String(edgePort),
      TESSERA_STORE: "sqlite:./tessera.db",
      TESSERA_ADMIN_TOKEN: TOKEN,
    },
  });
  child = started;
  await expect
    .poll(async () => (await fetch(`${url}/readyz`).catch(() => undefined))?.status, { timeout: 60_000 })
    .toBe(200);
}

const headers = { authorization: `Bearer ${TOKEN}`, "content-type": "application/json" };
async function graphql<T>(query: string, variables: object): Promise<T> {
  const body = JSON.stringify({ query, variables });
  const response = await fetch(`${url}/graphql`, { method: "POST", headers, body });
  const { data, errors } = (await response.json()) as { readonly data?: T; readonly errors?: unknown };
  if (data === undefined || errors !== undefined) throw new Error(JSON.stringify(errors));
  return data;
}

/** Sends a record until the gateway has said that it has it. */
async function ingest(records: readonly object[]): Promise<void> {
  for (;;) {
    const request = { method: "POST", headers, body: JSON.stringify(records) };
    const sent = await fetch(`${url}/collect/records?datasetId=crm`, request).catch(() => undefined);
    if (sent?.status === 200) return;
    await wait(100);
  }
}

it("loses nothing and keeps each person's order when the gateway is killed and the receiver misbehaves", async () => {
  await start();
  const settings = { url: `http://127.0.0.1:${(receiver.address() as AddressInfo).port}/`, batchSize: 4 };
  const made = await graphql<{ a: { id: string }; d: { id: string } }>(
    `
      mutation ($a: CreateAudienceInput!, $d: CreateDestinationInput!) {
        a: createAudience(input: $a) {
          id
        }
        d: createDestination(input: $d) {
          id
        }
      }
    `,
    {
      a: { name: "Gold", expression: { value: 'loyalty.tier = "gold"' } },
      d: { name: "Receiver", type: "http-profile-export", settings },
    },
  );
  const destinationId = made.d.id;
  await graphql(
    `
      mutation ($i: ActivateAudiencesInput!) {
        activateAudiences(input: $i) {
          dataflowId
        }
      }
    `,
    {
      i: {
        destinationId,
        audienceIds: [made.a.id],
        mapping: [
          { source: { kind: "attribute", path: "customer" }, target: "customer" },
          { source: { kind: "attribute", path: "loyalty.points" }, target: "n" },
        ],
      },
    },
  );
  let deaths = 0;
  let reviving = Promise.resolve();
  onCall = () => {
    if (calls !== KILLED_AT[deaths]) return;
    deaths += 1;
    kill();
    reviving = start();
  };
  for (let n = 0; n < EACH; n += 1) {
    const records = Array.from({ length: PERSONS }, (_, person) => ({
      identityMap: { CRMID: [{ id: `c${person}`, primary: true }] },
      customer: `c${person}`,
      loyalty: { tier: "gold", points: n },
    }));
    await ingest(records);
    await wait(300);
  }
  const waiting = async (): Promise<unknown> => {
    await reviving;
    const query = `query($d:ID!){deliveryBacklog(destinationId:$d){waiting}}`;
    return graphql<{ deliveryBacklog: { waiting: number } }>(query, { d: destinationId })
      .then(({ deliveryBacklog }) => deaths === KILLED_AT.length && deliveryBacklog.waiting)
      .catch((error: unknown) => String(error));
  };
  await expect.poll(waiting, { timeout: 90_000, interval: 250 }).toBe(0);

  // In order, whatever was sent again; what the receiver refused too often is set aside with its reason.
  for (const [customer, numbers] of taken)
    expect([customer, numbers]).toEqual([customer, [...numbers].sort((a, b) => a - b)]);
  const letters = await graphql<{ deadLetters: { nodes: { code: string; detail: string }[] } }>(
    `
      query ($d: ID!) {
        deadLetters(destinationId: $d, first: 1000) {
          nodes {
            code
            detail
          }
        }
      }
    `,
    { d: destinationId },
  );
  expect(new Set(letters.deadLetters.nodes.map(({ code }) => code)).size).toBeLessThan(2);
  for (const { code, detail } of letters.deadLetters.nodes) {
    expect(code).toBe("attempts.exhausted");
    expect(detail).toMatch(/^(http\.(429|500)|transport\.(network|timeout)|results\.(malformed|missing))$/);
  }
  isWell = true;
  await graphql(
    `
      mutation ($d: ID!) {
        replayDeadLetters(destinationId: $d) {
          replayed
        }
      }
    `,
    { d: destinationId },
  );
  const numbers = Array.from({ length: EACH }, (_, n) => n);
  const all = Object.fromEntries(Array.from({ length: PERSONS }, (_, person) => [`c${person}`, numbers]));
  await expect
    .poll(() => Object.fromEntries([...taken].map(([who, found]) => [who, [...new Set(found)].sort()])), {
      timeout: 30_000,
    })
    .toEqual(all);
}, 240_000);

function freePort(): Promise<number> {
  return new Promise((resolve) => {
    const server = createServer();
    server.listen(0, "127.0.0.1", () => {
      const { port } = server.address() as AddressInfo;
      server.close(() => resolve(port));
    });
  });
}

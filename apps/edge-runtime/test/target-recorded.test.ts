import { readdirSync, readFileSync } from "node:fs";
import { isObject, type JsonObject } from "@tessera/xdm";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { SNAPSHOT } from "./definitions.ts";
import { type RunningEdge, RUNTIMES } from "./runtimes.ts";
import { type StandInHub, startStandInHub } from "./stand-in-hub.ts";

interface Recorded {
  readonly about: string;
  readonly request: {
    readonly method: string;
    readonly path: string;
    readonly headers: Readonly<Record<string, string>>;
    readonly body?: object;
  };
  readonly response: {
    readonly status: number;
    /** Headers that have to be there. */
    readonly headers?: readonly string[];
    readonly body: object;
  };
}

/** Requests as Target's Node.js SDK 2.4 sends them, with made-up values, and the shape of the answers it reads. */
const FOLDER = new URL("recorded-target/", import.meta.url);
const recorded = readdirSync(FOLDER).map((file) => ({
  name: file.replace(".json", ""),
  ...(JSON.parse(readFileSync(new URL(file, FOLDER), "utf8")) as Recorded),
}));

const offer = (location: object, content: object): object => ({ location, offer: content });
const activity = (id: number, mbox: string, audience: object): JsonObject => ({
  id,
  name: `activity ${id}`,
  type: "ab",
  audience: audience as JsonObject,
  clicks: ["#buy"],
  experiences: [
    {
      id: 0,
      name: "only",
      percentage: 100,
      offers: [
        offer({ kind: "mbox", name: mbox }, { kind: "json", content: { hello: "you" } }),
        offer(
          { kind: "view", name: mbox === "recorded" ? "home" : mbox },
          { kind: "actions", actions: [{ type: "setHtml", selector: "#x", content: "v" }] },
        ),
      ] as unknown as JsonObject[],
    },
  ],
});
const definitions: JsonObject = {
  ...SNAPSHOT,
  activities: [
    activity(1, "recorded", { kind: "everyone" }),
    activity(2, "recorded-by-audience", { kind: "any", audiences: ["gold"] }),
  ],
};

describe.each(RUNTIMES)("recorded calls of Target's SDK on %s", (_, start) => {
  let hub: StandInHub;
  let edge: RunningEdge;
  beforeAll(async () => {
    hub = await startStandInHub(definitions);
    edge = await start({ hubUrl: hub.url });
  }, 60_000);
  afterAll(async () => {
    await edge.stop();
    await hub.close();
  });

  it.each(recorded)("$name: $about", async ({ request, response }) => {
    const { method, path, headers, body } = request;
    const answer = await fetch(edge.url + path, {
      method,
      headers,
      ...(body !== undefined && { body: JSON.stringify(body) }),
    });
    expect(answer.status).toBe(response.status);
    expect(answer.headers.get("content-type")).toMatch(/^application\/json/);
    for (const name of response.headers ?? []) expect(answer.headers.get(name)).not.toBeNull();
    const told = (await answer.json()) as Record<string, unknown>;
    expect(missing(response.body, told, "body")).toEqual([]);
    // Nothing beside what is documented, and never a host that would send the client elsewhere.
    if (body === undefined) return;
    const documented = ["status", "requestId", "client", "id", "execute", "prefetch", "notifications"];
    expect(Object.keys(told).filter((field) => !documented.includes(field))).toEqual([]);
    expect(told["requestId"]).toBe((body as Record<string, unknown>)["requestId"]);
    expect(JSON.stringify(told)).not.toMatch(/edgeHost|tntId":"[^"]*\./);
  });
});

/** Fields that an answer lacks or that are of another type than in the recorded one, by their place. */
function missing(wanted: unknown, got: unknown, place: string): readonly string[] {
  if (typeOf(wanted) !== typeOf(got)) return [`${place}: ${typeOf(got)} instead of ${typeOf(wanted)}`];
  if (Array.isArray(wanted)) {
    const [first] = wanted as readonly unknown[];
    const items = got as readonly unknown[];
    if (first === undefined) return [];
    return items.length === 0
      ? [`${place}: nothing in the list`]
      : items.flatMap((item, index) => missing(first, item, `${place}.${index}`));
  }
  if (!isObject(wanted) || !isObject(got)) return [];
  return Object.entries(wanted).flatMap(([field, value]) => missing(value, got[field], `${place}.${field}`));
}

function typeOf(value: unknown): string {
  return value === null ? "null" : Array.isArray(value) ? "a list" : typeof value;
}

import { expect, test } from "vitest";
import { provideMongo } from "./test-mongodb.ts";

const URI = "mongodb://127.0.0.1:1/?replicaSet=rs0";
const started = async () => ({ uri: URI, stop: async () => undefined });
const refused = () => Promise.reject(new Error("DownloadError: no way out\nwith a stack"));

test.each([
  [
    "a deployment that is named is used",
    { MONGODB_URI: "mongodb://there" },
    true,
    started,
    "there",
    undefined,
  ],
  ["none is started when no test wants one", {}, false, refused, undefined, undefined],
  ["one is started when a test wants it", {}, true, started, "127.0.0.1:1", undefined],
  ["an empty name is no name", { MONGODB_URI: "" }, true, started, "127.0.0.1:1", undefined],
  ["where none can be started the reason is kept", {}, true, refused, undefined, "no way out"],
])("%s", async (_what, given, wanted, start, uri, absent) => {
  const env: NodeJS.ProcessEnv = { ...given };
  const lines: string[] = [];
  const deployment = await provideMongo(env, {
    wanted: async () => wanted,
    start,
    say: (line) => lines.push(line),
  });
  if (uri === undefined) expect(env["MONGODB_URI"]).toBeUndefined();
  else expect(env["MONGODB_URI"]).toContain(uri);
  if (absent === undefined) expect(env["MONGODB_ABSENT"]).toBeUndefined();
  else expect(env["MONGODB_ABSENT"]).toContain(absent);
  expect(deployment?.uri).toBe(env["MONGODB_URI"] === URI ? URI : undefined);
  expect(lines.at(-1)).toBe(absent === undefined ? lines[0] : env["MONGODB_ABSENT"]);
});

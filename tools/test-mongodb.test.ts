import { expect, test } from "vitest";
import { provideMongo } from "./test-mongodb.ts";

const URI = "mongodb://127.0.0.1:1/?replicaSet=rs0";
const started = async () => ({ uri: URI, stop: async () => undefined });
const refused = () => Promise.reject(new Error("DownloadError: no way out\nwith a stack"));

interface Case {
  readonly what: string;
  readonly given: NodeJS.ProcessEnv;
  readonly wanted: boolean;
  readonly start: typeof started;
  /** What the tests are told: where it is, or why it is not there. */
  readonly uri?: string;
  readonly absent?: string;
}

test.each<Case>([
  {
    what: "a deployment that is named is used",
    given: { MONGODB_URI: "mongodb://there" },
    wanted: true,
    start: started,
    uri: "there",
  },
  { what: "none is started when no test wants one", given: {}, wanted: false, start: refused },
  { what: "one is started when a test wants it", given: {}, wanted: true, start: started, uri: URI },
  {
    what: "an empty name is no name",
    given: { MONGODB_URI: "" },
    wanted: true,
    start: started,
    uri: URI,
  },
  {
    what: "where none can be started the reason is kept",
    given: {},
    wanted: true,
    start: refused,
    absent: "no way out",
  },
])("$what", async ({ given, wanted, start, uri, absent }) => {
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

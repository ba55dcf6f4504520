import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { hubStoreCases } from "@tessera/profile-store/conformance";
import { afterAll, describe, test } from "vitest";
import { openSqliteStore } from "./index.ts";

const folder = mkdtempSync(join(tmpdir(), "tessera-sqlite-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
let files = 0;

describe.each([
  { name: "with persons kept warm", warmPersons: 1000, recentEvents: 20_000 },
  { name: "reading everything from the file", warmPersons: 0, recentEvents: 1 },
])("the SQLite store $name", ({ warmPersons, recentEvents }) => {
  for (const { name, run } of hubStoreCases) {
    test(name, () =>
      run(async () =>
        openSqliteStore({ path: join(folder, `${(files += 1)}.db`), warmPersons, recentEvents }),
      ),
    );
  }
});

import { defineConfig } from "vitest/config";
import { skippedTests } from "./tools/skipped-tests.ts";

const source = ["@tessera/source", "node", "development"];

/** Tests run on the sources: no build comes first. One project a folder keeps a failure's home visible. */
export default defineConfig({
  resolve: { conditions: source, alias: [{ find: /^graphql$/, replacement: "graphql/index.js" }] },
  ssr: { resolve: { conditions: source } },
  test: {
    include: ["packages/**/*.test.ts", "apps/**/*.test.ts", "tools/**/*.test.ts"],
    exclude: ["**/node_modules/**", "**/dist/**"],
    server: { deps: { inline: ["type-graphql", "graphql", "graphql-scalars"] } },
    globalSetup: ["./tools/test-mongodb.ts"],
    reporters: ["default", skippedTests((text) => process.stdout.write(text))],
    testTimeout: 30_000,
  },
});

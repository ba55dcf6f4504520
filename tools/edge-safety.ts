import { readdirSync, readFileSync } from "node:fs";
import { createContext, runInContext } from "node:vm";
import { build } from "esbuild";

/**
 * Proves that every edge package runs where neither Node nor code generation is: each is bundled for a neutral
 * platform with all it imports, then loaded in a bare context whose `eval` and `Function` throw.
 */
const edge = readdirSync("packages").filter((name) => {
  const { tags } = JSON.parse(readFileSync(`packages/${name}/turbo.json`, "utf8")) as {
    tags: readonly string[];
  };
  return tags.includes("edge");
});

let failed = false;
for (const name of edge) {
  try {
    const bundle = await build({
      entryPoints: [`packages/${name}/src/index.ts`],
      bundle: true,
      write: false,
      platform: "neutral",
      mainFields: ["module", "main"],
      conditions: ["@tessera/source", "workerd", "worker", "import"],
      format: "iife",
      globalName: "entry",
      logLevel: "silent",
    });
    const code = bundle.outputFiles[0]?.text ?? "";
    const web = {
      TextEncoder,
      TextDecoder,
      URL,
      URLSearchParams,
      crypto,
      AbortController,
      AbortSignal,
      atob,
      btoa,
    };
    const context = createContext(
      { ...web, CompressionStream, ReadableStream },
      { codeGeneration: { strings: false, wasm: false } },
    );
    runInContext(code, context);
    const names = runInContext("Object.keys(entry).length", context) as number;
    if (names === 0) throw new Error("exports nothing");
  } catch (error) {
    failed = true;
    console.log(
      `packages/${name} is not edge-safe: ${error instanceof Error ? error.message : String(error)}`,
    );
  }
}
if (failed) {
  console.log(
    "Edge packages import no node: module, use no Node global and generate no code (CONTRIBUTING.md).",
  );
  process.exitCode = 1;
}

import { readFile } from "node:fs/promises";
import { build } from "esbuild";

/**
 * The published Web SDK of the pinned version as one script: its own base code, then the build it is served as. (What
 * npm's entry bundles is a newer core.) It leaves `alloy` on the page.
 */
export async function webSdk(): Promise<string> {
  const base = await build({
    stdin: {
      contents: `import baseCode from "@adobe/alloy/baseCode.js"; baseCode(window, ["alloy"]);`,
      resolveDir: import.meta.dirname,
    },
    bundle: true,
    write: false,
    format: "iife",
    platform: "browser",
    logLevel: "silent",
  });
  const sdk = await readFile(new URL("../dist/alloy.min.js", import.meta.resolve("@adobe/alloy")), "utf8");
  return `${base.outputFiles[0]?.text ?? ""}\n${sdk}`;
}

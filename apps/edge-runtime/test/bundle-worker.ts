import { fileURLToPath } from "node:url";
import { build } from "esbuild";

/** A worker bundled as it is deployed: one module, nothing of Node in it. */
export interface WorkerBundle {
  readonly code: string;
  readonly bytes: number;
}

/** Bundles a worker entry for workerd. A Node built-in anywhere in it makes the bundling fail. */
export async function bundleWorker(entry: URL): Promise<WorkerBundle> {
  const bundle = await build({
    entryPoints: [fileURLToPath(entry)],
    bundle: true,
    write: false,
    minify: true,
    format: "esm",
    platform: "neutral",
    mainFields: ["module", "main"],
    conditions: ["@tessera/source", "workerd", "worker", "import"],
    target: "es2024",
    logLevel: "silent",
  });
  const code = bundle.outputFiles[0]?.text ?? "";
  return { code, bytes: Buffer.byteLength(code) };
}

// Runs the benchmarks of an area: npm run bench -- <area> [--json] [--quick]
import { spawnSync } from "node:child_process";
import { existsSync, readdirSync, readFileSync, statSync } from "node:fs";
import { fileURLToPath } from "node:url";

const bench = new URL("./", import.meta.url);
const [area, ...options] = process.argv.slice(2);
const areas = readdirSync(bench).filter(
  (name) => name !== "results" && name !== "node_modules" && statSync(new URL(name, bench)).isDirectory(),
);
if (area === undefined || !areas.includes(area)) {
  console.error(
    `Expected an area, one of: ${areas.join(", ")}. For example: npm run bench -- segment-engine`,
  );
  process.exit(1);
}

const folder = new URL(`${area}/`, bench);
/** A script names itself in its text, as the way to run it; what the scripts share does not. */
const scripts = readdirSync(folder)
  .filter((name) => name.endsWith(".ts"))
  .filter((name) => readFileSync(new URL(name, folder), "utf8").includes(`bench/${area}/${name}`))
  .sort();
let failed = false;
for (const script of scripts) {
  const file = fileURLToPath(new URL(script, folder));
  if (!existsSync(file)) continue;
  if (!options.includes("--json")) console.log(`\n${area}/${script}`);
  const { status } = spawnSync(
    process.execPath,
    ["--conditions=@tessera/source", "--expose-gc", file, ...options],
    { stdio: "inherit" },
  );
  if (status !== 0) failed = true;
}
process.exit(failed ? 1 : 0);

import { spawn } from "node:child_process";
import { readdirSync } from "node:fs";

/** One gate: a name for people and the commands that must all succeed. */
interface Gate {
  readonly name: string;
  readonly commands: readonly (readonly string[])[];
}

const packages = readdirSync("packages").map((name) => `packages/${name}`);
const apps = readdirSync("apps").map((name) => `apps/${name}`);
const source = "--conditions=@tessera/source";

const GATES: readonly Gate[] = [
  { name: "format", commands: [["oxfmt", "--check"]] },
  { name: "lint", commands: [["oxlint", "--deny-warnings"]] },
  {
    name: "types",
    commands: [
      ...packages.map((folder) => ["tsc", "-p", `${folder}/tsconfig.build.json`, "--noEmit"]),
      ...[...packages, ...apps, "bench", "tools"].map((folder) => ["tsc", "-p", folder]),
    ],
  },
  { name: "layers", commands: [["turbo", "boundaries"]] },
  { name: "house rules", commands: [["node", source, "tools/house-rules.ts"]] },
  { name: "edge safety", commands: [["node", source, "tools/edge-safety.ts"]] },
  { name: "unused code", commands: [["knip"]] },
  { name: "build", commands: [["turbo", "run", "build", "--output-logs=errors-only"]] },
  {
    name: "packages",
    commands: packages.flatMap((folder) => [
      ["publint", "run", folder, "--strict", "--pack", "npm"],
      ["attw", "--pack", folder, "--profile", "esm-only", "--quiet"],
    ]),
  },
  { name: "changesets", commands: [["changeset", "status"]] },
];

interface Finished {
  readonly code: number;
  readonly output: string;
}

function run(command: readonly string[]): Promise<Finished> {
  return new Promise((resolve) => {
    const [program = "", ...args] = command;
    const env = { ...process.env, TURBO_TELEMETRY_DISABLED: "1", FORCE_COLOR: "0", NO_UPDATE_NOTIFIER: "1" };
    const child = spawn(program, args, { env });
    let output = "";
    child.stdout.on("data", (chunk: Buffer) => (output += chunk.toString()));
    child.stderr.on("data", (chunk: Buffer) => (output += chunk.toString()));
    child.on("error", (error) => resolve({ code: 1, output: `${output}${error.message}` }));
    child.on("close", (code) => resolve({ code: code ?? 1, output }));
  });
}

/** Runs the commands of a gate, two at a time, and gives what failed. */
async function failuresOf(gate: Gate): Promise<readonly string[]> {
  const failures: string[] = [];
  const pending = [...gate.commands];
  const work = async (): Promise<void> => {
    for (let command = pending.shift(); command !== undefined; command = pending.shift()) {
      const { code, output } = await run(command);
      if (code !== 0) failures.push(`$ ${command.join(" ")}\n${output.trim()}`);
    }
  };
  await Promise.all([work(), work()]);
  return failures;
}

const wanted = process.argv.slice(2);
let failed = 0;
for (const gate of GATES) {
  if (wanted.length > 0 && !wanted.includes(gate.name)) continue;
  const begin = performance.now();
  const failures = await failuresOf(gate);
  const seconds = ((performance.now() - begin) / 1000).toFixed(1);
  console.log(`${failures.length === 0 ? "ok  " : "FAIL"} ${gate.name} (${seconds} s)`);
  for (const failure of failures) console.log(`${failure}\n`);
  failed += failures.length === 0 ? 0 : 1;
}
if (failed > 0) {
  console.log(`\n${failed} of ${GATES.length} gates failed. One alone: npm run check -- "<name>".`);
  process.exitCode = 1;
}

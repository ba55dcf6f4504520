import { existsSync, readFileSync } from "node:fs";
import { execFileSync } from "node:child_process";

/**
 * The rules of CONTRIBUTING.md that no linter holds: names of files, ambient time and randomness, lengths, skipped
 * tests, package readmes. Each message says how to mend it.
 */
const LINES_MAX = 400;
const VAGUE = /(^|\/)(utils?|helpers?|common|misc|types|stuff)\.ts$/;
const AMBIENT: readonly (readonly [RegExp, string])[] = [
  [/\bDate\.now\(/, "take `now` as an argument"],
  [/\bnew Date\(\)/, "take `now` as an argument"],
  [/\bMath\.random\(/, "take a source of randomness as an argument"],
  [/\bcrypto\.randomUUID\(/, "take `newId` as an argument"],
  [/\bperformance\.now\(/, "take a clock as an argument"],
];
const HOLLOW = /\b(it|test|describe)\.(only|skip|todo)\(/;
const ESCAPES = /\bas any\b|: any\b|<any>|@ts-ignore|@ts-expect-error|@ts-nocheck/;

const tracked = execFileSync("git", ["ls-files", "--cached", "--others", "--exclude-standard", "*.ts"], {
  encoding: "utf8",
})
  .split("\n")
  .filter((file) => file !== "" && existsSync(file) && !file.includes("/dist/"));
const problems: string[] = [];

for (const file of tracked) {
  const text = readFileSync(file, "utf8");
  const lines = text.split("\n");
  const isTest = /\.test\.ts$|(^|\/)test\//.test(file);
  const isSource = /^(packages|apps)\/[^/]+\/src\//.test(file) && !isTest;
  if (VAGUE.test(file))
    problems.push(`${file}: the name says nothing; name the file after the one thing it holds`);
  if (isSource && lines.length > LINES_MAX) {
    problems.push(
      `${file}: ${lines.length} lines, at most ${LINES_MAX}; a long file usually holds two ideas, give each its own`,
    );
  }
  lines.forEach((line, index) => {
    const at = `${file}:${index + 1}`;
    if (isTest && HOLLOW.test(line))
      problems.push(`${at}: a test that does not run; use skipIf with a reason, or remove it`);
    const code = line.replace(/\/\/.*$|^\s*\*.*$|\/\*.*?\*\//, "");
    if (isSource && ESCAPES.test(code)) problems.push(`${at}: a type switched off; parse the value instead`);
    if (!isSource || !/^packages\/(?!store-)/.test(file)) return;
    for (const [pattern, mend] of AMBIENT) {
      if (pattern.test(code)) problems.push(`${at}: ambient state in a package; ${mend}`);
    }
  });
}

const manifests = execFileSync("git", ["ls-files", "packages/*/package.json", "apps/*/package.json"], {
  encoding: "utf8",
});
for (const manifest of manifests.split("\n").filter((file) => file !== "")) {
  const readme = manifest.replace("package.json", "README.md");
  if (!existsSync(readme))
    problems.push(`${readme}: missing; say in one sentence what it is, with a runnable example`);
}

for (const problem of problems) console.log(problem);
if (problems.length > 0) process.exitCode = 1;

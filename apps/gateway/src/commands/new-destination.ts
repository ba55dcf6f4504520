import { fileURLToPath } from "node:url";
import { scaffoldDestination } from "../scaffold/scaffold-destination.ts";

/** `npm run new-destination -- <slug> ["Title"]`: the package of a new destination, ready to be filled in. */
const ROOT = new URL("../../../../", import.meta.url);
const [slug = "", title] = process.argv.slice(2);
const made = await scaffoldDestination(slug, title, {
  templates: fileURLToPath(new URL("packages/destinations/template/", ROOT)),
  packages: fileURLToPath(new URL("packages/", ROOT)),
});
if (made.ok) {
  const { folder, files, next } = made.value;
  process.stdout.write(`${[folder, ...files.map((file) => `  ${file}`), "", "Next:", ...next].join("\n")}\n`);
} else {
  process.stderr.write(`${made.error.message}\nUsage: npm run new-destination -- <slug> ["Title"]\n`);
  process.exitCode = 2;
}

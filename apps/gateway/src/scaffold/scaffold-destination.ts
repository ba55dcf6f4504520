import { mkdir, readdir, readFile, stat, writeFile } from "node:fs/promises";
import { dirname, join, relative } from "node:path";
import { err, type Issue, ok, type Result } from "@tessera/xdm";

/** What was made, and what is left to do by hand. */
export interface ScaffoldedDestination {
  readonly folder: string;
  readonly files: readonly string[];
  readonly next: readonly string[];
}

const SLUG = /^[a-z][a-z0-9]*(-[a-z0-9]+)*$/;

/**
 * Makes the package of a new destination from the templates: `packages/destinations-<slug>`, with its definition, its
 * README and a test that runs the conformance cases. Nothing that is there is overwritten.
 */
export async function scaffoldDestination(
  slug: string,
  title: string | undefined,
  { templates, packages }: { readonly templates: string; readonly packages: string },
): Promise<Result<ScaffoldedDestination, Issue>> {
  if (!SLUG.test(slug) || slug.length > 50) {
    const message = "Expected a name of lower-case words joined by -, such as acme-ads. Choose another.";
    return err({ code: "scaffold.slug", expected: "lower-case words joined by -", message });
  }
  const folder = join(packages, `destinations-${slug}`);
  if (await stat(folder).catch(() => undefined)) {
    return err({ code: "scaffold.exists", message: `${folder} is there already. Choose another name.` });
  }
  const words = wordsOf(slug, title);
  const fill = (text: string): string =>
    Object.entries(words).reduce((filled, [word, value]) => filled.replaceAll(word, value), text);
  const entries = await readdir(templates, { recursive: true, withFileTypes: true });
  const files: string[] = [];
  for (const entry of entries.filter((one) => one.isFile())) {
    const source = join(entry.parentPath, entry.name);
    const name = fill(relative(templates, source)).replace(/\.tmpl$/, "");
    const target = join(folder, name);
    await mkdir(dirname(target), { recursive: true });
    await writeFile(target, fill(await readFile(source, "utf8")), { flag: "wx" });
    files.push(name);
  }
  const camel = words["__camel__"];
  return ok({
    folder,
    files: files.sort(),
    next: [
      "npm install",
      `npx vitest run ${folder}`,
      `apps/gateway/package.json: add "@tessera/destinations-${slug}": "0.0.0" to the dependencies`,
      `apps/gateway/src/catalog.ts: add catalogEntry(${camel})`,
    ],
  });
}

function wordsOf(
  slug: string,
  title: string | undefined,
): Readonly<Record<string, string>> & { __camel__: string } {
  const parts = slug.split("-").map((part) => part.charAt(0).toUpperCase() + part.slice(1));
  const pascal = parts.join("");
  return {
    __slug__: slug,
    __camel__: pascal.charAt(0).toLowerCase() + pascal.slice(1),
    __Pascal__: pascal,
    __Title__: title ?? parts.join(" "),
  };
}

/**
 * Writes the tables of README.md from the data:
 *   npx node --conditions=@tessera/source packages/governance/readme-table.ts
 * A test compares the two.
 */
import { readFileSync, writeFileSync } from "node:fs";
import {
  bareLabels,
  CONSENT_CODES,
  CORE_LABELS,
  CORE_MARKETING_ACTIONS,
  CORE_POLICIES,
  enableCorePolicies,
  evaluatePolicies,
  GOVERNANCE_ERRORS,
  PRIVACY_PRODUCTS,
  privacyPlan,
} from "./src/index.ts";

const README = new URL("./README.md", import.meta.url);

/** The README with every generated part written anew. */
export function withTables(readme: string): string {
  return [
    ["labels", labelTable()],
    ["consents", consentTable()],
    ["privacy", privacyTable()],
    ["errors", errorTable()],
  ].reduce((text, [name = "", table = ""]) => replacePart(text, name, table), readme);
}

function replacePart(text: string, name: string, table: string): string {
  const [begin, end] = [`<!-- ${name}: generated -->\n`, `\n<!-- /${name} -->`];
  const [from, to] = [text.indexOf(begin), text.indexOf(end)];
  if (from < 0 || to < from) throw new Error(`README.md: expected ${begin.trim()} … ${end.trim()}`);
  return text.slice(0, from + begin.length) + table + text.slice(to);
}

function labelTable(): string {
  const policies = enableCorePolicies(CORE_POLICIES);
  const marketingActions = CORE_MARKETING_ACTIONS.map(({ name }) => `core/${name}`);
  const rows = CORE_LABELS.map(({ code, meaning }) => {
    const labels = bareLabels([`core/${code}`]);
    const denied = evaluatePolicies({ marketingActions, labels, policies });
    const names = denied.map(({ marketingAction }) => `\`${marketingAction.slice(5)}\``);
    return `| \`core/${code}\` | ${meaning} | ${names.join(", ") || "–"} |`;
  });
  return ["| label | data that | denied once the core policies are enabled |", "|---|---|---|", ...rows].join(
    "\n",
  );
}

function consentTable(): string {
  const rows = Object.entries(CONSENT_CODES).map(
    ([code, { meaning, stands }]) => `| \`${code}\` | ${meaning} | ${stands} |`,
  );
  return ["| code | meaning | stands as |", "|---|---|---|", ...rows].join("\n");
}

function privacyTable(): string {
  const systems = (product: (typeof PRIVACY_PRODUCTS)[number], action: "access" | "delete"): string =>
    privacyPlan(action, [product], false)
      .filter(({ phase }) => phase === 3)
      .map(({ system }) => system)
      .join(", ");
  const rows = PRIVACY_PRODUCTS.map(
    (product) => `| \`${product}\` | ${systems(product, "access")} | ${systems(product, "delete")} |`,
  );
  return ["| product | access collects | delete removes |", "|---|---|---|", ...rows].join("\n");
}

function errorTable(): string {
  const rows = Object.entries(GOVERNANCE_ERRORS).map(
    ([code, { meaning, retryable }]) => `| \`${code}\` | ${meaning} | ${retryable ? "yes" : "no"} |`,
  );
  return ["| code | meaning | retry? |", "|---|---|---|", ...rows].join("\n");
}

if (import.meta.filename === process.argv[1]) {
  writeFileSync(README, withTables(readFileSync(README, "utf8")));
}

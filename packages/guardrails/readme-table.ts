/**
 * Writes the tables of README.md from the data:
 *   npx node --conditions=@tessera/source packages/guardrails/readme-table.ts
 * A test compares the two.
 */
import { readFileSync, writeFileSync } from "node:fs";
import {
  ALL_LIMITS,
  endToEnd,
  GUARDRAIL_ERRORS,
  LATENCY_EXPECTATIONS,
  type Limit,
  permittedRange,
  type Seconds,
  TESSERA_VALUES,
} from "./src/index.ts";

const README = new URL("./README.md", import.meta.url);

/** The README with every generated part written anew. */
export function withTables(readme: string): string {
  return [
    ["limits", limitTable()],
    ["tessera", tesseraTable()],
    ["latency", latencyTable()],
    ["errors", errorTable()],
  ].reduce((text, [name = "", table = ""]) => replacePart(text, name, table), readme);
}

function replacePart(text: string, name: string, table: string): string {
  const [begin, end] = [`<!-- ${name}: generated -->\n`, `\n<!-- /${name} -->`];
  const [from, to] = [text.indexOf(begin), text.indexOf(end)];
  if (from < 0 || to < from) throw new Error(`README.md: expected ${begin.trim()} … ${end.trim()}`);
  return text.slice(0, from + begin.length) + table + text.slice(to);
}

function limitTable(): string {
  const areas = [...new Set(ALL_LIMITS.map(({ area }) => area))];
  return areas
    .map((area) =>
      [
        `### ${area}\n`,
        "| id | limit | | kind | beyond it | may be set to | source |",
        "|---|---|--:|---|---|---|---|",
        ...ALL_LIMITS.filter((limit) => limit.area === area).map(limitRow),
      ].join("\n"),
    )
    .join("\n\n");
}

function limitRow(limit: Limit): string {
  const { id, title, value, unit, bound, kind, effect, note, source } = limit;
  const amount = `${bound === "least" ? "≥ " : ""}${value.toLocaleString("en")} ${unit}`;
  const cells = [
    `\`${id}\``,
    title,
    amount,
    kind,
    note === undefined ? effect : `${effect} *${note}*`,
    permittedRange(limit),
    `${source.document} (${source.date})`,
  ];
  return `| ${cells.join(" | ")} |`;
}

function tesseraTable(): string {
  const rows = TESSERA_VALUES.map(
    ({ id, value, because }) => `| \`${id}\` | ${value.toLocaleString("en")} | ${because} |`,
  );
  return ["| limit | tessera | why |", "|---|--:|---|", ...rows].join("\n");
}

function latencyTable(): string {
  const rows = LATENCY_EXPECTATIONS.map((row) => {
    const delivering = row.delivering === "schedule" ? "per schedule" : seconds(row.delivering);
    const total = endToEnd(row);
    return `| ${row.evaluation} | ${row.destination} | ${row.frequency} | ${seconds(row.evaluating)} | ${delivering} | ${total ? seconds(total) : "per schedule"} | ${row.payload} |`;
  });
  return [
    "| evaluation | destination | when | evaluating | delivering | together | payload |",
    "|---|---|---|--:|--:|--:|---|",
    ...rows,
  ].join("\n");
}

function seconds({ usual, most }: Seconds): string {
  return usual === most ? duration(most) : `${duration(usual)} – ${duration(most)}`;
}

function duration(value: number): string {
  if (value < 1) return `${Math.round(value * 1_000)} ms`;
  if (value < 60) return `${value} s`;
  return value < 3_600 ? `${Math.round(value / 6) / 10} min` : `${Math.round(value / 360) / 10} h`;
}

function errorTable(): string {
  const rows = Object.entries(GUARDRAIL_ERRORS).map(
    ([code, { meaning, retryable }]) => `| \`${code}\` | ${meaning} | ${retryable ? "yes" : "no"} |`,
  );
  return ["| code | meaning | retry? |", "|---|---|---|", ...rows].join("\n");
}

if (import.meta.filename === process.argv[1]) {
  writeFileSync(README, withTables(readFileSync(README, "utf8")));
}

import { format } from "./check-limit.ts";
import type { UsageRow } from "./usage-report.ts";

/**
 * The report as lines of text, for a terminal: limit, scope, use, share, growth a day, date of reaching it. Limits
 * that nobody measured are counted in the last line rather than listed.
 */
export function formatUsage(rows: readonly UsageRow[]): string {
  const measured = rows.filter(({ kind }) => kind !== "unmeasured");
  const table = [
    ["limit", "scope", "kind", "now", "limit", "use", "a day", "reached"],
    ...measured.map(({ limit, scope = "", kind, value = 0, use = 0, perDay, reachesAt }) => [
      limit.id,
      scope,
      kind,
      format(value),
      `${limit.bound === "least" ? ">=" : "<="} ${format(limit.value)} ${limit.unit}`,
      Number.isFinite(use) ? `${Math.round(use * 100)} %` : "beyond",
      perDay === undefined ? "" : format(perDay),
      reachesAt === undefined ? "" : reachesAt.slice(0, 10),
    ]),
  ];
  const widths = (table[0] ?? []).map((_, column) =>
    Math.max(...table.map((cells) => (cells[column] ?? "").length)),
  );
  const lines = table.map((cells) =>
    cells
      .map((cell, column) => cell.padEnd(widths[column] ?? 0))
      .join("  ")
      .trimEnd(),
  );
  return [...lines, `${rows.length - measured.length} limits were not measured.`].join("\n");
}

import { parse } from "csv-parse/sync";
import { contentId, type JsonObject, parseInstant } from "@tessera/xdm";

/** A row that could not become an event: its line in the file (from 1, the header is line 1) and why. */
interface BadRow {
  readonly line: number;
  readonly reason: string;
}

/** What an event log in the REES46 form gives. */
export interface EventLog {
  readonly rows: number;
  readonly events: readonly JsonObject[];
  readonly bad: readonly BadRow[];
}

const COLUMNS = [
  "event_time",
  "event_type",
  "product_id",
  "category_id",
  "category_code",
  "brand",
  "price",
  "user_id",
  "user_session",
] as const;

type Row = { readonly [column in (typeof COLUMNS)[number]]: string };

const EVENT_TYPES = new Map([
  ["view", "commerce.productViews"],
  ["cart", "commerce.productListAdds"],
  ["remove_from_cart", "commerce.productListRemovals"],
  ["purchase", "commerce.purchases"],
]);

/**
 * Reads an event log in the REES46 form (event_time, event_type, product_id, category_id, category_code, brand, price,
 * user_id, user_session) into experience events of `datasetId`. Every event has an id made from its content and its
 * occurrence number among equal rows, so importing a file twice adds nothing. A malformed row is reported, the others live.
 */
export function readEventLog(text: string, datasetId: string): EventLog {
  const bad: BadRow[] = [];
  const events: JsonObject[] = [];
  const occurrences = new Map<string, number>();
  const lines = text.replace(/^\uFEFF/, "").split(/\r\n|\n|\r/);
  const header = cellsOf(lines[0] ?? "") ?? [];
  const missing = COLUMNS.filter((column) => !header.includes(column));
  if (missing.length > 0) {
    return { rows: 0, events, bad: [{ line: 1, reason: `the header lacks ${missing.join(", ")}` }] };
  }
  let rows = 0;
  for (const [index, line] of lines.entries()) {
    if (index === 0 || line.trim() === "") continue;
    rows++;
    const cells = cellsOf(line);
    const event = cells === undefined ? "a quote is not closed" : eventOf(cells, header);
    if (typeof event === "string") {
      bad.push({ line: index + 1, reason: event });
      continue;
    }
    const first = contentId(datasetId, event, 0);
    const occurrence = occurrences.get(first) ?? 0;
    occurrences.set(first, occurrence + 1);
    events.push({ _id: occurrence === 0 ? first : contentId(datasetId, event, occurrence), ...event });
  }
  return { rows, events, bad };
}

/** The cells of one line. A row is a line here, so that a stray quote costs its own row and not the ones after it. */
function cellsOf(line: string): readonly string[] | undefined {
  if (!line.includes('"')) return line.split(",");
  try {
    return parse(line, { relax_column_count: true, relax_quotes: true })[0];
  } catch {
    return undefined;
  }
}

function eventOf(record: readonly string[], header: readonly string[]): JsonObject | string {
  if (record.length !== header.length) return `expected ${header.length} columns, got ${record.length}`;
  const row = Object.fromEntries(header.map((column, index) => [column, record[index]?.trim() ?? ""])) as Row;
  const time = parseInstant(row.event_time);
  if (!time.ok) return "event_time: expected a time such as 2019-10-01 00:00:00 UTC";
  const eventType = EVENT_TYPES.get(row.event_type);
  if (eventType === undefined) return `event_type: expected ${[...EVENT_TYPES.keys()].join(", ")}`;
  if (row.user_id === "") return "user_id: expected a value, got none";
  if (row.product_id === "") return "product_id: expected a value, got none";
  const price = row.price === "" ? undefined : Number(row.price);
  if (price !== undefined && (!Number.isFinite(price) || price < 0))
    return "price: expected a number of at least 0";
  return {
    timestamp: new Date(time.value).toISOString(),
    eventType,
    identityMap: {
      CRMID: [{ id: row.user_id, primary: true }],
      ...(row.user_session === "" ? {} : { SESSION: [{ id: row.user_session }] }),
    },
    productListItems: [
      {
        SKU: row.product_id,
        ...(price === undefined ? {} : { priceTotal: price }),
        ...(row.brand === "" ? {} : { brand: row.brand }),
        ...(row.category_code === "" ? {} : { categoryCode: row.category_code }),
        ...(row.category_id === "" ? {} : { categoryId: row.category_id }),
      },
    ],
  };
}

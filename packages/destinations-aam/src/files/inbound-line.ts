import { findLimit } from "@tessera/guardrails";
import { err, type Issue, ok, type Result } from "@tessera/xdm";
import { utf8Length } from "./utf8-length.ts";

/** One item of a line: a trait added or removed by its number, a signal as key and value, or an integration code. */
export type InboundItem =
  | { readonly kind: "trait"; readonly sid: number }
  | { readonly kind: "untrait"; readonly sid: number }
  | { readonly kind: "signal"; readonly key: string; readonly value: string }
  | { readonly kind: "code"; readonly code: string };

/** What a file says of one user. */
export interface InboundRecord {
  readonly userId: string;
  readonly items: readonly InboundItem[];
}

/** Bytes in one line at most. */
export const MAX_LINE_BYTES: number = findLimit("aam.file-line").value;
/** Lines for one user at most; more would be discarded by the receiver. */
export const MAX_LINES_PER_USER: number = findLimit("aam.file-lines-per-id").value;

// oxlint-disable-next-line no-control-regex -- control characters are exactly what is looked for
const CONTROL = /[\u0000-\u001f\u007f]/;

/**
 * The lines, without line end, that say a record: `userId<TAB>item,item`. A record longer than 102,400 bytes becomes
 * several lines, at most 200. Refused with an issue: no items, a user id that is empty or holds a tab, a line end, a
 * colon or its encoded form, an item that the format cannot write.
 */
export function inboundLines(record: InboundRecord): Result<readonly string[], Issue> {
  const { userId, items } = record;
  if (
    userId === "" ||
    CONTROL.test(userId) ||
    userId.includes(":") ||
    /%3a/i.test(userId) ||
    /\s$/.test(userId)
  )
    return err(refused("aam.file.userId", "a user id without tabs, line ends, colons or blanks at its end"));
  if (items.length === 0) return err(refused("aam.file.empty", "at least one trait or signal for the user"));
  const lines: string[] = [];
  let line = "";
  let bytes = 0;
  for (const item of items) {
    const text = writeItem(item);
    if (text === undefined)
      return err(
        refused("aam.file.item", "whole trait numbers; keys and values without quotes or line ends"),
      );
    const size = utf8Length(text) + 1;
    if (line === "" || bytes + size > MAX_LINE_BYTES) {
      if (line !== "") lines.push(line);
      line = `${userId}\t${text}`;
      bytes = utf8Length(userId) + size;
      if (bytes > MAX_LINE_BYTES)
        return err(refused("aam.file.line", `a line of at most ${MAX_LINE_BYTES} bytes`));
    } else {
      line += `,${text}`;
      bytes += size;
    }
  }
  lines.push(line);
  if (lines.length > MAX_LINES_PER_USER)
    return err(refused("aam.file.lines", `at most ${MAX_LINES_PER_USER} lines for one user`));
  return ok(lines);
}

function writeItem(item: InboundItem): string | undefined {
  switch (item.kind) {
    case "trait":
      return validSid(item.sid) ? `d_sid=${item.sid}` : undefined;
    case "untrait":
      return validSid(item.sid) ? `d_unsid=${item.sid}` : undefined;
    case "code":
      return /^[A-Za-z0-9_-]+$/.test(item.code) ? `ic=${item.code}` : undefined;
    case "signal":
      return quotable(item.key) && quotable(item.value) ? `"${item.key}"="${item.value}"` : undefined;
  }
}

function validSid(sid: number): boolean {
  return Number.isSafeInteger(sid) && sid >= 0;
}

function quotable(text: string): boolean {
  return text !== "" && !text.startsWith("-") && !text.includes('"') && !CONTROL.test(text);
}

function refused(code: string, expected: string): Issue {
  return {
    code,
    expected,
    message: `Expected ${expected}. The record was left out; correct it and send it again.`,
  };
}

/**
 * Reads one line of an inbound file, as partners deliver third-party data. Taken forms: `d_sid=24`, `d_unsid=28`,
 * `28:0` and `28:-1` (removals), `"key"="value"` with either side unquoted, `ic=52`, bare integration codes.
 */
export function parseInboundLine(line: string): Result<InboundRecord, Issue> {
  const tab = line.indexOf("\t");
  const userId = tab < 0 ? "" : line.slice(0, tab);
  if (userId === "" || line.includes("\t", tab + 1))
    return err(refused("aam.file.shape", "a user id, one tab, and items separated by commas"));
  const items: InboundItem[] = [];
  for (const text of splitItems(line.slice(tab + 1))) {
    const item = parseItem(text.trim());
    if (item === undefined) return err(refused("aam.file.item", "d_sid, d_unsid, ic or a key and a value"));
    items.push(item);
  }
  return items.length === 0
    ? err(refused("aam.file.empty", "at least one trait or signal for the user"))
    : ok({ userId, items });
}

function parseItem(text: string): InboundItem | undefined {
  const removal = /^(\d{1,15}):(?:0|-1)$/.exec(text);
  if (removal) return { kind: "untrait", sid: Number(removal[1]) };
  const pair = /^-?(?:"([^"]+)"|([^"=]+?))\s*=\s*(?:"([^"]*)"|([^"]*))$/.exec(text);
  if (pair === null) return /^[A-Za-z0-9_-]+$/.test(text) ? { kind: "code", code: text } : undefined;
  const key = pair[1] ?? pair[2] ?? "";
  const value = pair[3] ?? pair[4] ?? "";
  if (key === "ic") return { kind: "code", code: value };
  if (key !== "d_sid" && key !== "d_unsid") return { kind: "signal", key, value };
  if (!/^\d{1,15}$/.test(value)) return undefined;
  return { kind: key === "d_sid" ? "trait" : "untrait", sid: Number(value) };
}

/** Splits at commas that stand outside quotes. */
function splitItems(text: string): readonly string[] {
  const items: string[] = [];
  let start = 0;
  let quoted = false;
  for (let index = 0; index < text.length; index += 1) {
    const unit = text.charCodeAt(index);
    if (unit === 0x22) quoted = !quoted;
    else if (unit === 0x2c && !quoted) {
      items.push(text.slice(start, index));
      start = index + 1;
    }
  }
  items.push(text.slice(start));
  return items;
}

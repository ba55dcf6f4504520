import { err, type Issue, ok, type Result } from "@tessera/xdm";
import { readJson } from "./from-json.ts";
import { parsePql } from "./parse.ts";
import { printPql } from "./print.ts";

/**
 * The text of an expression in its JSON form, given as an object or as the JSON text of one. All faults at once,
 * each with its path. Read besides what `pqlToJson` writes: the platform's samples and the older dialect
 * (`fieldLookup` on the `XDMObject` literal "profile", names with the prefix `xdm:`, the quantifiers some, all,
 * none, one, `List` literals).
 */
export function jsonToPql(json: unknown): Result<string, Issue[]> {
  const read = readJson(json);
  if (!read.ok) return err(read.error);
  // The tree may say what no text can: a parameter 0, more than a text may hold.
  const text = printPql(read.value);
  const again = parsePql(text);
  return again.ok ? ok(text) : err(again.error);
}

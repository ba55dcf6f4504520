import { checkComposition, type Composition, type CompositionEnd } from "@tessera/segment-engine";
import { err, isObject, type Issue, ok, type Result } from "@tessera/xdm";
import type { Sandbox } from "../../sandbox.ts";

/** Reads a composition; all that is wrong at once, audiences that are not there included. */
export function readComposition(
  input: unknown,
  { hub }: Pick<Sandbox, "hub">,
): Result<Composition, readonly Issue[]> {
  if (!isComposition(input)) {
    const expected =
      "{id, start: union|intersect|exclude-overlap, audiences, exclude, end: {kind: save|split-percent|split-attribute|rank, …}}";
    return err([{ code: "composition.shape", expected, message: `Expected a composition ${expected}.` }]);
  }
  const checked = checkComposition(input);
  const { audiences } = hub.configuration();
  const unknown = [...input.audiences, ...input.exclude].filter(
    (id) => audiences.get(id)?.status !== "published",
  );
  const issues: Issue[] = checked.ok ? [] : [...checked.error];
  if (unknown.length > 0) {
    const message = "audiences, exclude: expected ids of published audiences. Publish them first.";
    issues.push({ code: "composition.audience", path: ["audiences"], message });
  }
  return issues.length > 0 ? err(issues) : ok(input);
}

function isComposition(input: unknown): input is Composition {
  if (!isObject(input)) return false;
  const { id, start, audiences, exclude, end } = input;
  const starts: readonly unknown[] = ["union", "intersect", "exclude-overlap"];
  return (
    typeof id === "string" && starts.includes(start) && areTexts(audiences) && areTexts(exclude) && isEnd(end)
  );
}

function isEnd(end: unknown): end is CompositionEnd {
  if (!isObject(end)) return false;
  const { kind, name, path, parts, order, limit } = end;
  const named = typeof name === "string" && name !== "";
  const pathed = typeof path === "string" && path !== "";
  if (kind === "save") return named;
  if (kind === "rank")
    return named && pathed && (order === "ascending" || order === "descending") && typeof limit === "number";
  if (kind !== "split-percent" && kind !== "split-attribute") return false;
  return (kind === "split-percent" || pathed) && Array.isArray(parts) && parts.every(isPart);
}

function isPart(part: unknown): boolean {
  if (!isObject(part)) return false;
  const { name, percent, values } = part;
  const shares = percent === undefined || typeof percent === "number";
  return typeof name === "string" && name !== "" && shares && (values === undefined || areTexts(values));
}

function areTexts(list: unknown): list is readonly string[] {
  return Array.isArray(list) && list.every((one) => typeof one === "string");
}

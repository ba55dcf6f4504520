import { type Identity, isObject, type Issue } from "@tessera/xdm";
import { RE2JS } from "re2js";
import type { Namespace, NamespaceRegistry } from "./namespaces.ts";
import { codeOf, normalForm } from "./normal-form.ts";
import { settingsIssue } from "./settings-issue.ts";

/** A form of values to be refused: tells whether it is the form of the whole of a value. */
interface BlockedPattern {
  readonly test: (id: string) => boolean;
}

/** What must not be taken as an identity: values (any letter case) and patterns, for one namespace or for all. */
export interface BlockedValues {
  readonly values: ReadonlySet<string>;
  readonly patterns: readonly BlockedPattern[];
}

/** The key of `NamespaceRegistry.blocked` for values refused in every namespace. */
const EVERY = "*";
const PATTERN_MAX = 200;
const FIELDS: readonly string[] = ["namespace", "values", "patterns"];

/** Reads the block list of namespace settings; a value counts in its namespace's normal form as well as it is written. */
export function parseBlockList(
  input: unknown,
  namespaces: ReadonlyMap<string, Namespace>,
  issues: Issue[],
): ReadonlyMap<string, BlockedValues> {
  const blocked = new Map<string, { values: Set<string>; patterns: BlockedPattern[] }>();
  if (!Array.isArray(input)) {
    issues.push(settingsIssue(["blocked"], "a list of { namespace?, values?, patterns? }", input));
    return blocked;
  }
  input.forEach((item: unknown, index) => {
    const path = ["blocked", index];
    const { namespace = EVERY, values = [], patterns = [] } = isObject(item) ? item : {};
    if (
      !isObject(item) ||
      Object.keys(item).some((field) => !FIELDS.includes(field)) ||
      typeof namespace !== "string" ||
      !Array.isArray(values) ||
      !Array.isArray(patterns)
    ) {
      issues.push(
        settingsIssue(path, "{ namespace?, values?, patterns? } with lists and nothing else", item),
      );
      return;
    }
    const code = codeOf(namespace, namespaces);
    const known = namespaces.get(code);
    const entry = blocked.get(code) ?? { values: new Set<string>(), patterns: [] };
    values.forEach((value: unknown, place) => {
      if (typeof value !== "string")
        issues.push(settingsIssue([...path, "values", place], "a string", value));
      else for (const form of [value, normalForm(value, known)]) entry.values.add(folded(form));
    });
    patterns.forEach((pattern: unknown, place) => {
      const compiled = typeof pattern === "string" ? compilePattern(pattern) : undefined;
      if (compiled) entry.patterns.push(compiled);
      else {
        const expected = `a regular expression of at most ${PATTERN_MAX} characters, without back references and look-around`;
        issues.push(settingsIssue([...path, "patterns", place], expected, pattern));
      }
    });
    blocked.set(code, entry);
  });
  return blocked;
}

/** Patterns run in time linear in the value: a visitor may send any value, and must not be able to stall who reads it. */
function compilePattern(pattern: string): BlockedPattern | undefined {
  if (pattern.length > PATTERN_MAX) return undefined;
  try {
    const compiled = RE2JS.compile(RE2JS.translateRegExp(pattern), RE2JS.CASE_INSENSITIVE);
    return { test: (id) => compiled.testExact(id) };
  } catch {
    return undefined;
  }
}

/** Whether the sandbox refuses this value. */
export function isBlockedValue(registry: NamespaceRegistry, { namespace, id }: Identity): boolean {
  if (registry.blocked.size === 0) return false;
  const value = folded(id);
  for (const scope of [EVERY, namespace]) {
    const entry = registry.blocked.get(scope);
    if (!entry) continue;
    if (entry.values.has(value) || entry.patterns.some((pattern) => pattern.test(id))) return true;
  }
  return false;
}

function folded(value: string): string {
  return value.trim().toLowerCase();
}

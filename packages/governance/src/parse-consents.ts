import {
  describe,
  err,
  isObject,
  type Issue,
  type JsonObject,
  ok,
  parseJson,
  type Result,
} from "@tessera/xdm";
import { CONSENT_CODES, parseConsentCode } from "./consent.ts";

const LONGEST_REASON = 16;

/**
 * Reads `consents` as a profile record or a set-consent call carries them. Every answer must have a known code (any
 * case), a reason has at most 16 characters; fields beside the answers are kept as they are. All that is wrong is
 * reported, and nothing is taken then: half a set of consents is worse than the old one.
 */
export function parseConsents(input: unknown): Result<JsonObject, readonly Issue[]> {
  if (!isObject(input)) return err([wrong("consent.shape", [], "an object", input)]);
  const json = parseJson(input);
  if ("badPath" in json) return err([wrong("consent.shape", json.badPath, "JSON data", undefined)]);
  const issues: Issue[] = [];
  checkAnswers(input, [], issues);
  const { idSpecific } = input;
  if (idSpecific !== undefined) {
    if (!isObject(idSpecific)) issues.push(wrong("consent.shape", ["idSpecific"], "an object", idSpecific));
    else {
      Object.entries(idSpecific).forEach(([namespace, ids], at) => {
        if (!isObject(ids)) issues.push(wrong("consent.shape", ["idSpecific", namespace], "an object", ids));
        else {
          for (const answers of Object.values(ids))
            checkIdentity(answers, ["idSpecific", namespace, at], issues);
        }
      });
    }
  }
  return issues.length > 0 ? err(issues) : ok(json.value as JsonObject);
}

/** The path of an identity names its place, not its value: identities are personal data. */
function checkIdentity(answers: unknown, path: readonly (string | number)[], issues: Issue[]): void {
  if (isObject(answers)) checkAnswers(answers, path, issues);
  else issues.push(wrong("consent.shape", path, "an object", answers));
}

function checkAnswers(
  consents: { readonly [field: string]: unknown },
  path: readonly (string | number)[],
  issues: Issue[],
): void {
  for (const purpose of ["collect", "share", "adID"]) {
    if (consents[purpose] !== undefined) checkAnswer(consents[purpose], [...path, purpose], issues);
  }
  for (const group of ["personalize", "marketing"]) {
    const answers = consents[group];
    if (answers === undefined) continue;
    if (!isObject(answers)) {
      issues.push(wrong("consent.shape", [...path, group], "an object", answers));
      continue;
    }
    for (const [field, answer] of Object.entries(answers)) {
      if (field !== "preferred" && answer !== undefined) checkAnswer(answer, [...path, group, field], issues);
    }
  }
}

function checkAnswer(answer: unknown, path: readonly (string | number)[], issues: Issue[]): void {
  if (!isObject(answer)) {
    issues.push(wrong("consent.shape", path, "an object with val", answer));
    return;
  }
  if (parseConsentCode(answer["val"]) === undefined) {
    const codes = Object.keys(CONSENT_CODES).join(" ");
    issues.push(wrong("consent.value", [...path, "val"], `one of ${codes}`, answer["val"]));
  }
  const { reason } = answer;
  if (reason !== undefined && (typeof reason !== "string" || reason.length > LONGEST_REASON)) {
    issues.push(wrong("consent.value", [...path, "reason"], `at most ${LONGEST_REASON} characters`, reason));
  }
}

function wrong(code: string, path: readonly (string | number)[], expected: string, came: unknown): Issue {
  const message = `${["consents", ...path].join(".")}: expected ${expected}, got ${describe(came)}. Correct it and send the consents again.`;
  return { code, path, expected, came: describe(came), message };
}

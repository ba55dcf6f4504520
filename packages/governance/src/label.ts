import { describe, err, type Issue, ok, type Result } from "@tessera/xdm";

/** A reference to a label: `core/C1`, `custom/board-only`. Made by `parseLabel`. */
export type Label = string & { readonly __brand?: "Label" };

/** What a core label is about. */
export type LabelKind = "contract" | "identity" | "sensitive" | "partner";

/** One label that every organisation has. */
export interface CoreLabel {
  readonly code: string;
  readonly kind: LabelKind;
  readonly meaning: string;
}

/** The labels that every organisation has (experience-platform.en data-governance/labels/reference.md). */
export const CORE_LABELS: readonly CoreLabel[] = [
  { code: "C1", kind: "contract", meaning: "Leaves only in aggregated form." },
  { code: "C2", kind: "contract", meaning: "Does not go to third parties." },
  { code: "C3", kind: "contract", meaning: "Is not combined with data that identifies a person directly." },
  {
    code: "C4",
    kind: "contract",
    meaning: "Targets no ads and no content, on the site or across sites (C5 to C7 together).",
  },
  { code: "C5", kind: "contract", meaning: "Targets nothing across sites by interest." },
  { code: "C6", kind: "contract", meaning: "Targets no ads on the site." },
  { code: "C7", kind: "contract", meaning: "Targets no content on the site." },
  { code: "C8", kind: "contract", meaning: "Is not used for measurement." },
  { code: "C9", kind: "contract", meaning: "Is not used for data science." },
  { code: "C10", kind: "contract", meaning: "Is not activated where identities were stitched." },
  { code: "C11", kind: "contract", meaning: "Is not used for matching segments with partners." },
  { code: "C12", kind: "contract", meaning: "Is not exported in any way." },
  { code: "I1", kind: "identity", meaning: "Identifies a person directly." },
  { code: "I2", kind: "identity", meaning: "Identifies a person together with other data." },
  { code: "S1", kind: "sensitive", meaning: "Is a precise place." },
  { code: "S2", kind: "sensitive", meaning: "Is an approximate place or a geofence." },
  { code: "PSPD", kind: "sensitive", meaning: "Is potentially sensitive personal data." },
  { code: "RHD", kind: "sensitive", meaning: "Is regulated health data." },
  { code: "Third-Party", kind: "partner", meaning: "Came from a partner." },
];

const BY_CODE = new Map(CORE_LABELS.map(({ code }) => [code.toLowerCase(), code]));
const CUSTOM = /^[A-Za-z0-9][A-Za-z0-9_.-]{0,63}$/;

/**
 * Reads a label: `core/C1`, `C1`, `custom/board-only`, or a bare name, which is a core label when there is one and
 * a custom label otherwise. Core codes are read in any case.
 */
export function parseLabel(input: unknown): Result<Label, Issue> {
  if (typeof input !== "string") return err(invalid(describe(input)));
  const slash = input.indexOf("/");
  const scope = slash < 0 ? undefined : input.slice(0, slash);
  const name = input.slice(slash + 1);
  const core = BY_CODE.get(name.toLowerCase());
  if (core !== undefined && scope !== "custom") {
    return scope === undefined || scope === "core" ? ok(`core/${core}`) : err(invalid(describe(input)));
  }
  if (!CUSTOM.test(name) || scope === "core") return err(invalid(describe(input)));
  return scope === undefined || scope === "custom" ? ok(`custom/${name}`) : err(invalid(describe(input)));
}

/** The label without its scope: `C1`. */
export function labelCode(label: Label): string {
  return label.slice(label.indexOf("/") + 1);
}

function invalid(came: string): Issue {
  const expected = "a label such as core/C2 or custom/my-label";
  return {
    code: "label.invalid",
    expected,
    came,
    message: `Expected ${expected} (letters, digits, _ . -, at most 64), got ${came}. Use a core label or create a custom one.`,
  };
}

import type { JsonValue } from "@tessera/xdm";
import type { FieldMapping } from "./mapping.ts";
import { type EvaluateExpression, mapPerson } from "./map-person.ts";
import type { PersonView } from "./person-view.ts";

/** One line of a mapping over a real person: what would be sent, and what stands in the way. */
export interface MappingPreview {
  readonly target: string;
  readonly values: readonly JsonValue[];
  /** `ok`; `missing`: no value; `required-missing`: no value, so the person is not sent at all; `complex`: a list or map. */
  readonly state: "ok" | "missing" | "required-missing" | "complex";
}

/** What a mapping gives for one person's merged profile, line by line, transformed as it would leave. */
export function previewMapping(
  mapping: readonly FieldMapping[],
  person: PersonView,
  evaluate: EvaluateExpression,
): readonly MappingPreview[] {
  return mapping.map((field) => {
    const { identities, attributes } = mapPerson([field], person, evaluate, "realized");
    const value = attributes[field.target];
    const values =
      field.source.kind === "identity" ? identities.map(({ id }) => id) : value === undefined ? [] : [value];
    const complex = values.some((v) => typeof v === "object" && v !== null);
    const state =
      values.length > 0 ? (complex ? "complex" : "ok") : field.required ? "required-missing" : "missing";
    return { target: field.target, values, state };
  });
}

/** A query: PQL as text or as its JSON form. */
export interface AudienceExpression {
  readonly type: "PQL";
  readonly format: "pql/text" | "pql/json";
  readonly value: string;
}

/** How an audience is evaluated. Edge audiences are evaluated in the request, streaming on each event, batch by jobs. */
export type EvaluationType = "batch" | "streaming" | "edge";

/** `draft -> published -> inactive -> published | deleted`. Only published audiences are evaluated. */
export type AudienceStatus = "draft" | "published" | "inactive" | "deleted";

/** The definition of an audience, as every evaluator reads it. */
export interface AudienceDefinition {
  readonly id: string;
  readonly name: string;
  readonly expression: AudienceExpression;
  readonly evaluation: EvaluationType;
  /** The merge policy whose view of the person is asked; the default policy when absent. */
  readonly mergePolicyId?: string;
  /** Grows by one with each edit of the expression. */
  readonly version: number;
  /** `true` (the default) drops persons whose consents refuse (`dataGovernancePolicy.excludeOptOut`). */
  readonly excludeOptOut?: boolean;
}

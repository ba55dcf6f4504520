import { isMember } from "@tessera/xdm";
import { type DataflowAudience, mappingOf } from "./dataflow.ts";
import { type EvaluateExpression, mapPerson } from "./map-person.ts";
import type { PersonView } from "./person-view.ts";
import type { ActiveDataflow } from "./plan-activation.ts";

/** One reason why a destination is not told of a person, or not of an audience. */
export type ActivationObstacle =
  | { readonly kind: "dataflow-off" }
  | { readonly kind: "refused-by-consent"; readonly marketingActions: readonly string[] }
  | { readonly kind: "required-missing"; readonly targets: readonly string[] }
  | { readonly kind: "no-identity" }
  | { readonly kind: "not-a-member" | "not-started" | "ended"; readonly audienceId: string };

/** What a destination holds of a person by a dataflow, and what stands in the way of more. */
export interface ActivationExplanation {
  readonly audiences: readonly DataflowAudience[];
  readonly obstacles: readonly ActivationObstacle[];
}

/**
 * Why a person is, or is not, told to a destination: by the very rules of `planActivation`. `at` is ISO 8601.
 * The answer names fields and audiences, no values.
 */
export function explainActivation(
  person: PersonView,
  { dataflow, destination }: ActiveDataflow,
  at: string,
  evaluate: EvaluateExpression,
): ActivationExplanation {
  const { capabilities, kind } = destination;
  const mapped = mapPerson(mappingOf(dataflow, capabilities), person, evaluate, "realized");
  const refused = capabilities.marketingActions.filter((action) => person.refusedActions?.includes(action));
  const general: ActivationObstacle[] = [];
  if (!dataflow.enabled) general.push({ kind: "dataflow-off" });
  if (refused.length > 0) general.push({ kind: "refused-by-consent", marketingActions: refused });
  if (mapped.missing.length > 0) general.push({ kind: "required-missing", targets: mapped.missing });
  if (kind === "streaming-audience" && mapped.identities.length === 0) general.push({ kind: "no-identity" });
  const audiences: DataflowAudience[] = [];
  const own: ActivationObstacle[] = [];
  for (const audience of dataflow.audiences) {
    const obstacle = obstacleOf(person, audience, at);
    if (obstacle) own.push({ kind: obstacle, audienceId: audience.id });
    else audiences.push(audience);
  }
  return { audiences: general.length > 0 ? [] : audiences, obstacles: [...general, ...own] };
}

function obstacleOf(
  { memberships }: PersonView,
  { namespace, id, startsAt, endsAt }: DataflowAudience,
  at: string,
): "not-a-member" | "not-started" | "ended" | undefined {
  const status = memberships[namespace]?.[id]?.status;
  if (status === undefined || !isMember(status)) return "not-a-member";
  if (startsAt !== undefined && at < startsAt) return "not-started";
  return endsAt !== undefined && at >= endsAt ? "ended" : undefined;
}

import type { FieldMapping } from "@tessera/destinations";
import { compileAudiences, type PlanFields } from "@tessera/segment-engine";
import { type AudienceExpression, isObject } from "@tessera/xdm";
import type { GatewayContext } from "./context.ts";
import { failure } from "./failure.ts";

/**
 * Refuses what would tell a caller of fields whose labels they do not hold: who is in an audience that asks for a birth
 * date says the birth date.
 */
export function demandFields(
  { sandbox, principal }: GatewayContext,
  { attributes, events }: Pick<PlanFields, "attributes" | "events">,
): void {
  const hidden = sandbox.labels.hiddenFrom(principal);
  if (hidden.length === 0) return;
  const read = [
    ...attributes.filter((path) => path !== "consents"),
    ...events.filter((path) => path !== "timestamp"),
  ];
  const touches = (path: string): boolean =>
    hidden.some(
      (field) =>
        path === "*" || path === field || path.startsWith(`${field}.`) || field.startsWith(`${path}.`),
    );
  if (read.some(touches)) {
    throw failure("FORBIDDEN", "This asks for a field whose labels you do not hold.");
  }
}

/** Refuses an expression that asks for fields the caller may not see. One that cannot be read is told of elsewhere. */
export function demandFieldsOf(context: GatewayContext, expression: AudienceExpression): void {
  if (context.sandbox.labels.hiddenFrom(context.principal).length === 0) return;
  const plan = compileAudiences([
    { id: "asked", name: "asked", expression, evaluation: "batch", version: 1, excludeOptOut: false },
  ]);
  if (plan.ok) demandFields(context, plan.value.fields);
}

/** Refuses a mapping that would send fields the caller may not see. */
export function demandMappedFields(context: GatewayContext, mapping: readonly FieldMapping[]): void {
  if (context.sandbox.labels.hiddenFrom(context.principal).length === 0) return;
  for (const { source } of mapping) {
    if (source.kind === "attribute") demandFields(context, { attributes: [source.path], events: [] });
    if (source.kind !== "pql") continue;
    const value = `${source.expression} = ""`;
    const plan = compileAudiences([
      {
        id: "mapped",
        name: "mapped",
        expression: { type: "PQL", format: "pql/text", value },
        evaluation: "batch",
        version: 1,
        excludeOptOut: false,
      },
    ]);
    demandFields(context, plan.ok ? plan.value.fields : { attributes: ["*"], events: [] });
  }
}

/** Refuses a computed attribute over fields the caller may not see: what it is worked out of would show in it. */
export function demandComputedFields(context: GatewayContext, definition: unknown): void {
  if (!isObject(definition)) return;
  const { field, filter } = definition;
  if (typeof field === "string") demandFields(context, { attributes: [], events: [field] });
  if (typeof filter !== "string") return;
  const value = `chain(xEvent, timestamp, [A: WHAT(${filter})])`;
  demandFieldsOf(context, { type: "PQL", format: "pql/text", value });
}

import type { GraphQLSchema } from "graphql";
import type { GatewayContext } from "./context.ts";

/**
 * Sees to it that no change goes without a line in the audit log: a mutation that wrote none of its own is noted by its
 * name, with the id it was about. Changes the resolvers of the schema that is given.
 */
export function auditMutations(schema: GraphQLSchema): GraphQLSchema {
  for (const [name, field] of Object.entries(schema.getMutationType()?.getFields() ?? {})) {
    const { resolve } = field;
    if (resolve === undefined) continue;
    field.resolve = async (source, given: Record<string, unknown>, context: GatewayContext, info) => {
      const lines: string[] = [];
      const { gateway } = context;
      const audit: typeof gateway.audit = (actor, what) => {
        lines.push(what.action);
        gateway.audit(actor, what);
      };
      const value: unknown = await resolve(
        source,
        given,
        { ...context, gateway: { ...gateway, audit } },
        info,
      );
      if (lines.length === 0) gateway.audit(context, { action: name, subject: subjectOf(given) });
      return value;
    };
  }
  return schema;
}

const SUBJECTS = ["id", "datasetId", "destinationId", "name", "ids", "path"] as const;

/** The id that a mutation was about; never a value of a person. */
function subjectOf(given: Record<string, unknown>): string {
  for (const name of SUBJECTS) {
    const value = given[name];
    if (typeof value === "string") return value;
    if (Array.isArray(value)) return `${value.length} ${name}`;
  }
  return "-";
}

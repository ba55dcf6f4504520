import { GraphQLError, type GraphQLFormattedError, Kind } from "graphql";
import type { Logger } from "pino";
import { isRetryable, STORE_AWAY } from "../store.ts";

const INTERNAL = "INTERNAL_SERVER_ERROR";

/**
 * An error as callers are told it, whatever way they came: expected failures as they are, and what nobody foresaw
 * logged and told without its inside.
 */
export function toldError(
  formatted: GraphQLFormattedError,
  error: unknown,
  log: Pick<Logger, "error">,
): GraphQLFormattedError {
  if ((formatted.extensions?.["code"] ?? INTERNAL) !== INTERNAL) return formatted;
  const original: unknown = error instanceof GraphQLError ? (error.originalError ?? error) : error;
  log.error({ err: original }, "a resolver failed");
  const { locations, path } = formatted;
  const again = isRetryable(original);
  return {
    message: again ? STORE_AWAY : "Something went wrong here; it is logged. Try again, or tell the operator.",
    extensions: { code: again ? "UNAVAILABLE" : INTERNAL },
    ...(locations && { locations }),
    ...(path && { path }),
  };
}

/** Errors of an execution as callers are told them. */
export function toldErrors(
  errors: readonly GraphQLError[],
  log: Pick<Logger, "error">,
): readonly GraphQLFormattedError[] {
  return errors.map((error) => {
    const formatted = error.toJSON();
    const known = isVariableError(error)
      ? { ...formatted, extensions: { code: "BAD_USER_INPUT" } }
      : formatted;
    return toldError(known, error, log);
  });
}

/** Whether a variable that came does not fit its type. */
function isVariableError({ nodes, extensions }: GraphQLError): boolean {
  return (
    extensions["code"] === undefined && nodes?.length === 1 && nodes[0]?.kind === Kind.VARIABLE_DEFINITION
  );
}

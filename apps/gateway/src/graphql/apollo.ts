import { ApolloServer } from "@apollo/server";
import { ApolloServerPluginLandingPageDisabled } from "@apollo/server/plugin/disabled";
import { GraphQLError } from "graphql";
import type { Logger } from "pino";
import type { GatewayContext } from "./context.ts";
import { gatewaySchema } from "./schema.ts";
import { isRetryable, STORE_AWAY } from "../store.ts";

/** The Apollo server over the gateway's schema. Errors nobody foresaw are logged and told without their inside. */
export function createApollo({
  introspection,
  log,
}: {
  readonly introspection: boolean;
  readonly log: Logger;
}): ApolloServer<GatewayContext> {
  return new ApolloServer<GatewayContext>({
    schema: gatewaySchema(),
    introspection,
    includeStacktraceInErrorResponses: false,
    csrfPrevention: true,
    allowBatchedHttpRequests: false,
    stopOnTerminationSignals: false,
    hideSchemaDetailsFromClientErrors: !introspection,
    plugins: [ApolloServerPluginLandingPageDisabled()],
    logger: {
      debug: () => undefined,
      info: () => undefined,
      warn: log.warn.bind(log),
      error: log.error.bind(log),
    },
    formatError: (formatted, error) => {
      const original: unknown = error instanceof GraphQLError ? (error.originalError ?? undefined) : error;
      if (formatted.extensions?.["code"] !== "INTERNAL_SERVER_ERROR") return formatted;
      log.error({ err: original }, "a resolver failed");
      const { locations, path } = formatted;
      const again = isRetryable(original);
      return {
        message: again
          ? STORE_AWAY
          : "Something went wrong here; it is logged. Try again, or tell the operator.",
        extensions: { code: again ? "UNAVAILABLE" : "INTERNAL_SERVER_ERROR" },
        ...(locations && { locations }),
        ...(path && { path }),
      };
    },
  });
}

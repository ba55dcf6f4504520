import { ApolloServer } from "@apollo/server";
import { ApolloServerPluginLandingPageDisabled } from "@apollo/server/plugin/disabled";
import type { Logger } from "pino";
import type { GatewayContext } from "./context.ts";
import { createDocumentStore } from "./document-store.ts";
import { gatewaySchema } from "./schema.ts";
import { toldError } from "./told-error.ts";

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
    // its own store counts what a document is as text, and holds several times that
    documentStore: createDocumentStore(),
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
    formatError: (formatted, error) => toldError(formatted, error, log),
  });
}

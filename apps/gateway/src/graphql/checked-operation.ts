import { err, ok, type Result } from "@tessera/xdm";
import {
  type DocumentNode,
  getOperationAST,
  GraphQLError,
  NoSchemaIntrospectionCustomRule,
  type OperationTypeNode,
  parse,
  specifiedRules,
  validate,
} from "graphql";
import type { GuardedRequest } from "./query-guard.ts";
import { gatewaySchema } from "./schema.ts";

/** A document that may be executed, and what its operation is. */
export interface CheckedOperation {
  readonly document: DocumentNode;
  readonly type: OperationTypeNode;
}

/** Parses and validates what the guard let through, as Apollo does it for plain requests: for sockets and event streams. */
export function checkedOperation(
  { query, operationName }: GuardedRequest,
  { introspection }: { readonly introspection: boolean },
): Result<CheckedOperation, readonly GraphQLError[]> {
  const document = parse(query);
  const rules = introspection ? specifiedRules : [...specifiedRules, NoSchemaIntrospectionCustomRule];
  const invalid = validate(gatewaySchema(), document, rules, { hideSuggestions: !introspection });
  if (invalid.length > 0) return err(invalid.map((error) => coded(error, "GRAPHQL_VALIDATION_FAILED")));
  const operation = getOperationAST(document, operationName);
  if (!operation) {
    const message = "operationName: expected the name of one operation of the document.";
    return err([coded(new GraphQLError(message), "OPERATION_RESOLUTION_FAILURE")]);
  }
  return ok({ document, type: operation.operation });
}

function coded({ message, nodes }: GraphQLError, code: string): GraphQLError {
  return new GraphQLError(message, { nodes: nodes ?? null, extensions: { code } });
}

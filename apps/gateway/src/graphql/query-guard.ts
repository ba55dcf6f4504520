import { createHash } from "node:crypto";
import { err, isObject, ok, type Result } from "@tessera/xdm";
import {
  type DocumentNode,
  type FieldNode,
  type FragmentDefinitionNode,
  GraphQLError,
  Kind,
  parse,
  type SelectionSetNode,
  type ValueNode,
} from "graphql";
import type { QueryLimits } from "../config.ts";

/** Why a document is not run. */
interface Refused {
  readonly code: string;
  readonly message: string;
}

/** A request that may be run. */
export interface GuardedRequest {
  readonly query: string;
  readonly variables: Record<string, unknown>;
  readonly operationName?: string;
}

/** Looks at a request before it is validated or run; gives the request to run. */
export type QueryGuard = (body: Record<string, unknown>) => Result<GuardedRequest, Refused>;

interface Measured {
  readonly fields: number;
  readonly depth: number;
  readonly aliases: number;
  readonly cost: number;
}

const TOKENS_MAX = 5_000;
const INTROSPECTION_DEPTH = 20;
const CACHED = 1_000;
/** Longer documents are read each time: what is remembered stays under 20 MB, whoever asks for what. */
const CACHED_LENGTH = 10_000;

/**
 * Guards against documents made to hurt: too many tokens, fields, levels, aliases, or too high a cost. With trusted
 * documents, only those are run, by id (`id` or the persisted query's hash) or by their exact text.
 */
export function createQueryGuard(limits: QueryLimits, trusted?: ReadonlyMap<string, string>): QueryGuard {
  const parsed = new Map<string, Result<DocumentNode, Refused>>();
  const read = (query: string): Result<DocumentNode, Refused> => {
    const known = parsed.get(query);
    if (known !== undefined) return known;
    const document = parseDocument(query);
    if (query.length > CACHED_LENGTH) return document;
    if (parsed.size >= CACHED) parsed.clear();
    parsed.set(query, document);
    return document;
  };
  const trustedText = trusted === undefined ? undefined : new Set(trusted.values());
  return (body) => {
    const { query: text, operationName, variables } = body;
    const id = documentId(body);
    const query = trusted !== undefined && id !== undefined ? trusted.get(id) : text;
    if (trustedText !== undefined && (typeof query !== "string" || !trustedText.has(query))) {
      return err({
        code: "DOCUMENT_UNTRUSTED",
        message: "Only documents that were registered beforehand are run here.",
      });
    }
    if (typeof query !== "string" || query === "") {
      return err({ code: "BAD_REQUEST", message: "query: expected a GraphQL document as a string." });
    }
    const document = read(query);
    if (!document.ok) return document;
    const given = isObject(variables) ? variables : {};
    const measured = measure(document.value, given);
    const exceeded = exceededLimit(measured, limits);
    if (exceeded !== undefined) return err(exceeded);
    return ok({ query, variables: given, ...(typeof operationName === "string" && { operationName }) });
  };
}

function documentId(body: Record<string, unknown>): string | undefined {
  if (typeof body["id"] === "string") return body["id"];
  const persisted = isObject(body["extensions"]) ? body["extensions"]["persistedQuery"] : undefined;
  return isObject(persisted) && typeof persisted["sha256Hash"] === "string"
    ? persisted["sha256Hash"]
    : undefined;
}

function parseDocument(query: string): Result<DocumentNode, Refused> {
  try {
    return ok(parse(query, { maxTokens: TOKENS_MAX, noLocation: true }));
  } catch (error) {
    const message = error instanceof GraphQLError ? error.message : "The document cannot be read.";
    return err({ code: "GRAPHQL_PARSE_FAILED", message });
  }
}

function exceededLimit(measured: Measured, limits: QueryLimits): Refused | undefined {
  for (const name of ["depth", "fields", "aliases", "cost"] as const) {
    if (measured[name] > limits[name]) {
      return {
        code: "QUERY_TOO_LARGE",
        message: `The document's ${name} is more than ${limits[name]}. Ask for less at a time.`,
      };
    }
  }
  return undefined;
}

const NOTHING: Measured = { fields: 0, depth: 0, aliases: 0, cost: 0 };

/** Measures the largest operation; every fragment is measured once, however often it is spread. */
function measure(document: DocumentNode, variables: Record<string, unknown>): Measured {
  const fragments = new Map<string, FragmentDefinitionNode>();
  for (const definition of document.definitions) {
    if (definition.kind === Kind.FRAGMENT_DEFINITION) fragments.set(definition.name.value, definition);
  }
  const known = new Map<string, Measured>();
  const ofSet = (set: SelectionSetNode | undefined): Measured => {
    let sum = NOTHING;
    for (const selection of set?.selections ?? []) {
      const one =
        selection.kind === Kind.FIELD
          ? ofField(selection)
          : selection.kind === Kind.INLINE_FRAGMENT
            ? ofSet(selection.selectionSet)
            : ofFragment(selection.name.value);
      sum = {
        fields: sum.fields + one.fields,
        depth: Math.max(sum.depth, one.depth),
        aliases: sum.aliases + one.aliases,
        cost: sum.cost + one.cost,
      };
    }
    return sum;
  };
  const ofFragment = (name: string): Measured => {
    const before = known.get(name);
    if (before !== undefined) return before;
    known.set(name, NOTHING); // a circle is refused by validation
    const measured = ofSet(fragments.get(name)?.selectionSet);
    known.set(name, measured);
    return measured;
  };
  const ofField = (field: FieldNode): Measured => {
    const inner = ofSet(field.selectionSet);
    const asksSchema = field.name.value === "__schema" || field.name.value === "__type";
    return {
      fields: asksSchema ? 1 : inner.fields + 1,
      depth: asksSchema && inner.depth <= INTROSPECTION_DEPTH ? 1 : inner.depth + 1,
      aliases: inner.aliases + (field.alias === undefined ? 0 : 1),
      cost: 1 + inner.cost * sizeOf(field, variables),
    };
  };
  let largest = NOTHING;
  for (const definition of document.definitions) {
    if (definition.kind !== Kind.OPERATION_DEFINITION) continue;
    const one = ofSet(definition.selectionSet);
    largest = {
      fields: Math.max(largest.fields, one.fields),
      depth: Math.max(largest.depth, one.depth),
      aliases: Math.max(largest.aliases, one.aliases),
      cost: Math.max(largest.cost, one.cost),
    };
  }
  return largest;
}

const SIZES = new Set(["first", "identities", "ids"]);

/** How many times a field's inner fields come: the size asked for, or the length of the list it is given. */
function sizeOf(field: FieldNode, variables: Record<string, unknown>): number {
  let size = 1;
  for (const { name, value } of field.arguments ?? []) {
    if (SIZES.has(name.value)) size = Math.max(size, sizeOfValue(value, variables));
  }
  return size;
}

function sizeOfValue(value: ValueNode, variables: Record<string, unknown>): number {
  if (value.kind === Kind.INT) return Number(value.value);
  if (value.kind === Kind.LIST) return value.values.length;
  if (value.kind !== Kind.VARIABLE) return 1;
  const given = variables[value.name.value];
  if (typeof given === "number") return given;
  return Array.isArray(given) ? given.length : 1;
}

/** Reads `{ "<id>": "<document>" }`; each document is also known by its SHA-256. */
export function readTrustedDocuments(text: string): ReadonlyMap<string, string> {
  const input: unknown = JSON.parse(text);
  if (!isObject(input)) throw new Error("Trusted documents: expected a JSON object of id to document.");
  const documents = new Map<string, string>();
  for (const [id, document] of Object.entries(input)) {
    if (typeof document !== "string")
      throw new Error("Trusted documents: expected every document to be a string.");
    documents.set(id, document);
    documents.set(createHash("sha256").update(document).digest("hex"), document);
  }
  return documents;
}

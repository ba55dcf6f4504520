import {
  getNamedType,
  type GraphQLFieldConfig,
  GraphQLInt,
  GraphQLList,
  GraphQLNonNull,
  GraphQLObjectType,
  type GraphQLOutputType,
  GraphQLSchema,
  GraphQLString,
  isListType,
  isNonNullType,
  isObjectType,
} from "graphql";
import { isObject } from "@tessera/xdm";
import type { GatewayContext } from "./context.ts";
import { inOrder, type Order, pageOf, type Place } from "./page.ts";

type Query = GraphQLFieldConfig<unknown, GatewayContext, Record<string, unknown>>;

/** How a list is told page by page. */
interface PagedList {
  /** Where an item stands. */
  readonly placeOf: (item: unknown) => Place;
  readonly descending?: true;
}

/**
 * The plain lists of the schema that can grow. Each has a connection beside it: `datasets` is told page by page by
 * `datasetConnection`. A list that the schema test finds neither here nor among the short ones does not pass.
 */
const PAGED: { readonly [list: string]: PagedList } = {
  activities: by("id"),
  apiKeys: by("createdAt", "id"),
  audienceSchedules: by("audienceId"),
  audienceVersions: { ...by("version"), descending: true },
  compositions: by("createdAt", "id"),
  computedAttributes: by("name"),
  consentPolicies: by("id"),
  dataUsagePolicies: by("id"),
  datasets: by("id"),
  datastreams: by("id"),
  externalAudiences: {
    placeOf: (item) => by("createdAt", "id").placeOf(isObject(item) ? item["audience"] : item),
  },
  fieldGroups: by("id"),
  identityDecisions: {
    placeOf: (item) => [
      ...by("at", "kind").placeOf(item),
      JSON.stringify(isObject(item) ? [item["identity"], item["other"]] : []),
    ],
  },
  identityNamespaces: by("code"),
  labelledFields: by("path"),
  mergePolicies: by("id"),
  privacyJobs: { ...by("createdAt", "id"), descending: true },
  roles: by("id"),
  sandboxes: by("name"),
  schemas: by("id"),
  searchIndexes: by("path"),
};

/** The schema with a connection for every plain list that can grow; it asks for the same arguments and permissions. */
export function listsAsConnections(schema: GraphQLSchema): GraphQLSchema {
  const config = schema.toConfig();
  const query = config.query?.toConfig();
  const pageInfo = schema.getType("PageInfo");
  if (query === undefined || !isObjectType(pageInfo))
    throw new Error("The schema has queries, and the type PageInfo.");
  const fields: Record<string, Query> = { ...query.fields };
  for (const [list, paged] of Object.entries(PAGED)) {
    const field = query.fields[list];
    if (field === undefined) throw new Error(`There is no list ${list} in the schema.`);
    fields[connectionName(list)] = connectionOf(list, field, { ...paged, pageInfo });
  }
  return new GraphQLSchema({
    ...config,
    query: new GraphQLObjectType({ ...query, fields }),
    types: config.types.filter(({ name }) => name !== query.name),
  });
}

/** The name of the connection beside a list: `policies` and `policyConnection`. */
export function connectionName(list: string): string {
  return `${list.replace(/ies$/, "y").replace(/xes$/, "x").replace(/s$/, "")}Connection`;
}

function connectionOf(
  list: string,
  field: Query,
  { placeOf, descending, pageInfo }: PagedList & { readonly pageInfo: GraphQLObjectType },
): Query {
  const node = itemType(field.type);
  const name = connectionName(list);
  const single = name.slice(0, -"Connection".length);
  const kind = `${single.slice(0, 1).toUpperCase()}${single.slice(1)}`;
  const edge = new GraphQLObjectType({
    name: `${kind}Edge`,
    description: `One of ${list}, at its place in the list.`,
    fields: {
      cursor: described(GraphQLString, "Give it as `after` to go on behind this one."),
      node: described(node, "The one itself."),
    },
  });
  const type = new GraphQLObjectType({
    name: `${kind}Connection`,
    description: `A page of ${list}.`,
    fields: {
      edges: described(listOf(edge), "Those on this page with their cursors."),
      nodes: described(listOf(node), "Those on this page alone."),
      pageInfo: described(pageInfo, "Where this page stands."),
      totalCount: described(GraphQLInt, "How many there are on all pages."),
    },
  });
  const order: Order<unknown> = { list, placeOf, ...(descending && { descending }) };
  return {
    description: `Page by page: ${field.description ?? ""}`,
    type: new GraphQLNonNull(type),
    args: {
      ...field.args,
      name: {
        type: GraphQLString,
        description: "Only those whose name, title or id contains this, in any case.",
      },
      first: {
        type: new GraphQLNonNull(GraphQLInt),
        defaultValue: 50,
        description: "How many on this page, 1 to 1,000.",
      },
      after: { type: GraphQLString, description: "Cursor to go on behind." },
    },
    resolve: async (source, { name: wanted, first, after, ...given }, context, info) => {
      const listed: unknown = await field.resolve?.(source, given, context, info);
      const all = Array.isArray(listed) ? listed.filter((item) => isNamed(item, wanted)) : [];
      return pageOf(inOrder<unknown>(all, order), order, {
        first: Number(first),
        after: typeof after === "string" ? after : undefined,
      });
    },
  };
}

const NAMES = ["name", "title", "id", "code", "path", "audienceId"] as const;

function isNamed(item: unknown, wanted: unknown): boolean {
  if (typeof wanted !== "string" || wanted === "") return true;
  if (!isObject(item)) return false;
  const text = wanted.toLowerCase();
  return [item, item["audience"]].some(
    (one) =>
      isObject(one) &&
      NAMES.some((name) => {
        const value = one[name];
        return typeof value === "string" && value.toLowerCase().includes(text);
      }),
  );
}

/** Items stand in the order of these fields. */
function by(...fields: readonly string[]): PagedList {
  return {
    placeOf: (item) =>
      fields.map((field) => {
        const value = isObject(item) ? item[field] : undefined;
        return typeof value === "number" ? value : String(value);
      }),
  };
}

function described(
  type: GraphQLOutputType,
  description: string,
): { type: GraphQLOutputType; description: string } {
  return { type: new GraphQLNonNull(type), description };
}

function listOf(type: GraphQLOutputType): GraphQLOutputType {
  return new GraphQLList(new GraphQLNonNull(type));
}

function itemType(type: GraphQLOutputType): GraphQLOutputType {
  const list = isNonNullType(type) ? type.ofType : type;
  if (!isListType(list)) throw new Error("Only lists are told page by page.");
  return getNamedType(list);
}

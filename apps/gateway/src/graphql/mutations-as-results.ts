import {
  getNamedType,
  GraphQLNonNull,
  GraphQLObjectType,
  type GraphQLFieldConfig,
  type GraphQLOutputType,
  GraphQLSchema,
  GraphQLUnionType,
  isListType,
  isNonNullType,
  isObjectType,
} from "graphql";
import type { GatewayContext } from "./context.ts";
import { refusalOf } from "./refusal.type.ts";

type Mutation = GraphQLFieldConfig<unknown, GatewayContext>;

/** What a `try…` mutation answered: the refusal is known by its place, not by its looks. */
class Refused {
  readonly refusal: object;
  constructor(refusal: object) {
    this.refusal = refusal;
  }
}

/**
 * The schema with a second form of every mutation: `tryX` takes what `x` takes and answers a union of its result and
 * `Refusal`, so that expected failures are typed data. Results that are no object types stand in one, under `value`.
 */
export function mutationsAsResults(schema: GraphQLSchema): GraphQLSchema {
  const config = schema.toConfig();
  const mutation = config.mutation?.toConfig();
  const refusal = schema.getType("Refusal");
  if (mutation === undefined || !isObjectType(refusal)) {
    throw new Error("The schema has mutations, and the type Refusal.");
  }
  const boxes = new Map<string, GraphQLObjectType>();
  const unions = new Map<string, GraphQLUnionType>();
  const boxOf = (type: GraphQLOutputType): GraphQLObjectType => {
    const name = `${getNamedType(type).name}${isListType(bare(type)) ? "List" : "Value"}`;
    const box =
      boxes.get(name) ??
      new GraphQLObjectType({
        name,
        description: "What a mutation gave, where that is no object type of its own.",
        fields: { value: { type, description: "What the mutation of the name without `try` gives." } },
      });
    boxes.set(name, box);
    return box;
  };
  const unionOf = (member: GraphQLObjectType): GraphQLUnionType => {
    const union =
      unions.get(member.name) ??
      new GraphQLUnionType({
        name: `${member.name}Result`,
        description: `${member.name}, or why it was refused.`,
        types: [member, refusal],
        resolveType: (value) => (value instanceof Refused ? refusal.name : member.name),
      });
    unions.set(member.name, union);
    return union;
  };
  const fields: Record<string, Mutation> = { ...mutation.fields };
  for (const [name, field] of Object.entries(mutation.fields)) {
    const type = bare(field.type);
    const boxed = !isObjectType(type);
    const union = unionOf(boxed ? boxOf(field.type) : type);
    fields[`try${name.slice(0, 1).toUpperCase()}${name.slice(1)}`] = {
      ...field,
      type: boxed || isNonNullType(field.type) ? new GraphQLNonNull(union) : union,
      description: `${name}, with its refusal as data.`,
      resolve: async (...given) => {
        try {
          const value: unknown = await field.resolve?.(...given);
          return boxed ? { value } : value;
        } catch (error) {
          const refused = refusalOf(error);
          if (refused === undefined) throw error;
          return new Refused(refused);
        }
      },
    };
  }
  // the fields of a refusal are read from where it stands
  for (const [name, field] of Object.entries(refusal.getFields())) {
    field.resolve = (source: Refused) => (source.refusal as Record<string, unknown>)[name];
  }
  return new GraphQLSchema({
    ...config,
    mutation: new GraphQLObjectType({ ...mutation, fields }),
    types: config.types.filter(({ name }) => name !== mutation.name),
  });
}

function bare(type: GraphQLOutputType): GraphQLOutputType {
  return isNonNullType(type) ? type.ofType : type;
}

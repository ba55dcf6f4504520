import { GraphQLDateTime, GraphQLJSON, GraphQLJSONObject } from "graphql-scalars";

/** ISO 8601 date-time. */
export const DateTime = GraphQLDateTime;
/** Any JSON value. */
export const Json = GraphQLJSON;
/** A JSON object. */
export const JsonObjectScalar = GraphQLJSONObject;

import { readFileSync } from "node:fs";
import { lexicographicSortSchema, printSchema } from "graphql";
import { expect, it } from "vitest";
import { connectionName } from "../src/graphql/lists-as-connections.ts";
import { gatewaySchema } from "../src/graphql/schema.ts";

it("is the committed schema (write it anew with UPDATE_SCHEMA=1)", async () => {
  const printed = `${printSchema(lexicographicSortSchema(gatewaySchema()))}\n`;
  const file = new URL("../schema.graphql", import.meta.url);
  if (process.env["UPDATE_SCHEMA"] === "1") {
    const { writeFileSync } = await import("node:fs");
    writeFileSync(file, printed);
  }
  expect(printed).toBe(readFileSync(file, "utf8"));
});

const OPERATIONS = new Set(["Query", "Mutation", "Subscription"]);

it("describes every field, argument and type of its own", () => {
  const bare: string[] = [];
  for (const type of Object.values(gatewaySchema().getTypeMap())) {
    if (type.name.startsWith("__")) continue;
    if (!type.description && !OPERATIONS.has(type.name)) bare.push(type.name);
    if (!("getFields" in type)) continue;
    for (const field of Object.values(type.getFields())) {
      if (!field.description) bare.push(`${type.name}.${field.name}`);
      for (const arg of "args" in field ? field.args : [])
        if (!arg.description) bare.push(`${type.name}.${field.name}(${arg.name})`);
    }
  }
  expect(bare).toEqual([]);
});

const NUMBERS = new Set(["Int", "Float"]);

it("tells the range of every number that is asked for", () => {
  const vague: string[] = [];
  for (const type of Object.values(gatewaySchema().getTypeMap())) {
    if (type.name.startsWith("__") || !("getFields" in type)) continue;
    for (const field of Object.values(type.getFields())) {
      const given = "args" in field ? field.args : [field];
      for (const one of given) {
        const isInput = "args" in field || type.constructor.name === "GraphQLInputObjectType";
        const named = String(one.type).replace(/[[\]!]/g, "");
        if (isInput && NUMBERS.has(named) && !/\d/.test(one.description ?? ""))
          vague.push(`${type.name}.${field.name} ${one.name}`);
      }
    }
  }
  expect(vague).toEqual([]);
});

it("gives connections the shape that Relay asks for", () => {
  const types = Object.values(gatewaySchema().getTypeMap());
  const connections = types.filter(({ name }) => name.endsWith("Connection"));
  expect(connections.length).toBeGreaterThanOrEqual(7);
  for (const connection of connections) {
    const fields = "getFields" in connection ? Object.keys(connection.getFields()) : [];
    expect(fields).toEqual(expect.arrayContaining(["edges", "nodes", "pageInfo"]));
  }
  const pageInfo = gatewaySchema().getType("PageInfo");
  expect(pageInfo && "getFields" in pageInfo ? Object.keys(pageInfo.getFields()).toSorted() : []).toEqual([
    "endCursor",
    "hasNextPage",
    "hasPreviousPage",
    "startCursor",
  ]);
});

it("answers every mutation as a union with its refusal as well", () => {
  const fields = gatewaySchema().getMutationType()?.getFields() ?? {};
  const plain = Object.keys(fields).filter((name) => !/^try[A-Z]/.test(name));
  for (const name of plain) {
    const tried = fields[`try${name.slice(0, 1).toUpperCase()}${name.slice(1)}`];
    expect([name, String(tried?.type)]).toEqual([name, expect.stringMatching(/^\w+Result!?$/)]);
  }
});

/** Lists of the schema that cannot grow, and what keeps them short. */
const SHORT: { readonly [list: string]: string } = {
  campaignLatency: "the audiences of one destination",
  campaignReconciliation: "the audiences of one destination",
  destinationKinds: "the destinations in the catalogue",
  guardrails: "the limits in the catalogue",
  latencies: "the evaluations and kinds of destinations",
  preflightAudience: "the limits in the catalogue",
  previewMapping: "the lines that were given",
  profiles: "the identities that were given, at most 1,000",
  targetModes: "the kinds of clients that Target has",
};

it("has a connection beside every list that can grow", () => {
  const fields = gatewaySchema().getQueryType()?.getFields() ?? {};
  const lists = Object.values(fields).filter(({ type }) => String(type).startsWith("["));
  const bare = lists
    .map(({ name }) => name)
    .filter((name) => !(name in SHORT) && fields[connectionName(name)] === undefined);
  expect(bare).toEqual([]);
  expect(Object.keys(SHORT).filter((name) => fields[name] === undefined)).toEqual([]);
  for (const { name, type, args } of Object.values(fields).filter(({ name }) =>
    name.endsWith("Connection"),
  )) {
    expect([name, String(type)]).toEqual([name, expect.stringMatching(/Connection!$/)]);
    expect([name, ...args.map((arg) => arg.name)]).toEqual(expect.arrayContaining([name, "first", "after"]));
  }
});

it("tells the unit of every number that is a time or a size", () => {
  const vague: string[] = [];
  for (const type of Object.values(gatewaySchema().getTypeMap())) {
    if (type.name.startsWith("__") || !("getFields" in type)) continue;
    for (const field of Object.values(type.getFields())) {
      const isNumber = NUMBERS.has(String(field.type).replace(/[[\]!]/g, ""));
      const isMeasure = /(P\d\d|[a-z]Most|Usual|[bB]ytes|[sS]ize|Delay|[sS]econds\w*|Ms|Days)$/.test(
        field.name,
      );
      const hasUnit = /second|minute|hour|day|byte|identities|persons|items/i.test(field.description ?? "");
      if (isNumber && isMeasure && !hasUnit) vague.push(`${type.name}.${field.name}`);
    }
  }
  expect(vague).toEqual([]);
});

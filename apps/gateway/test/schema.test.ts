import { readFileSync } from "node:fs";
import { lexicographicSortSchema, printSchema } from "graphql";
import { expect, it } from "vitest";
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

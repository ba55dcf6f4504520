import type { JsonObject } from "@tessera/xdm";
import type { EvaluationContext } from "../evaluate/context.ts";
import { fieldAt, fieldName } from "./attribute-reader.ts";
import { plainPath } from "./item-condition.ts";
import type { FoldedValue } from "./leaf.ts";

/** The number, or the numbers, that a folded value stands for in an event. */
export type NumbersOf = (event: JsonObject | undefined) => number | readonly number[];

/** Makes ready to take a folded value from events; a value that is no more than a field is read without its code. */
export function foldedNumbers(
  { node, slot, code, spread }: FoldedValue,
  context: EvaluationContext,
): NumbersOf {
  const path = plainPath(node)?.map(fieldName);
  return (event) => {
    let taken: unknown = event;
    if (path === undefined) {
      context.env[slot] = event;
      taken = code.run(context);
    } else for (let index = 0; index < path.length; index++) taken = fieldAt(taken, path[index]);
    if (typeof taken === "number") return taken;
    return spread && Array.isArray(taken) ? taken.filter((item) => typeof item === "number") : NONE;
  };
}

const NONE: readonly number[] = [];

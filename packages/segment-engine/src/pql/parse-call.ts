import type { Pql } from "../ast.ts";
import type { Cursor } from "./cursor.ts";
import { type ArgumentKind, FUNCTION_NAMES, functionNamed, type FunctionSpec } from "./functions.ts";
import { excerpt } from "./issue.ts";
import { didYouMean } from "./nearest.ts";
import { linearRegex } from "./regex.ts";

/** A call whose parts were read: the name as it was written, and where. */
export interface ReadCall {
  readonly name: string;
  readonly at: number;
  readonly came: { readonly text: string; readonly at: number };
  readonly args: readonly Pql[];
}

/** How arguments are read, and whether a lambda begins at the cursor. */
export interface ArgumentReaders {
  readonly expression: (cursor: Cursor) => Pql;
  readonly atLambda: (cursor: Cursor) => boolean;
}

/** Reads the arguments in brackets. An argument that is worked out for each item becomes a lambda. */
export function parseArguments(
  cursor: Cursor,
  call: { readonly name: string; readonly receiver?: Pql; readonly readers: ArgumentReaders },
): readonly Pql[] {
  const spec = functionNamed(call.name);
  const args: Pql[] = call.receiver ? [call.receiver] : [];
  cursor.expectSymbol("(", "Arguments stand in brackets.");
  const pending = cursor.letPending;
  cursor.letPending = false;
  try {
    cursor.nested(() => {
      if (cursor.isSymbol(")")) return;
      do args.push(parseArgument(cursor, kindOf(spec, args.length), call.readers));
      while (cursor.takeSymbol(","));
    });
  } finally {
    cursor.letPending = pending;
  }
  cursor.expectSymbol(")", "Separate arguments with commas and close the bracket.");
  return args;
}

function kindOf(spec: FunctionSpec | undefined, index: number): ArgumentKind {
  return spec?.args[index] ?? "value";
}

function parseArgument(cursor: Cursor, kind: ArgumentKind, readers: ArgumentReaders): Pql {
  if (kind !== "each" || readers.atLambda(cursor)) return readers.expression(cursor);
  const at = cursor.peek().at;
  const body = cursor.inItem(readers.expression);
  return cursor.make({ kind: "lambda", params: [], body }, at, [body]);
}

/** Makes the node of a call; an unknown name, a wrong number of arguments and a bad pattern are reported. */
export function parseCall(cursor: Cursor, call: ReadCall): Pql {
  const spec = functionNamed(call.name);
  if (spec === undefined) {
    const advice = didYouMean(call.name, FUNCTION_NAMES, "See the list of functions in the reference.");
    cursor.fault("pql.function", "the name of a function", advice, call.came);
    return cursor.make({ kind: "call", name: call.name, args: call.args }, call.at, call.args);
  }
  for (const problem of callProblems(spec, call.args)) {
    cursor.fault(problem.code, problem.expected, problem.advice, { text: problem.came, at: call.came.at });
  }
  return cursor.make({ kind: "call", name: spec.name, args: call.args }, call.at, call.args);
}

/** What is wrong with the arguments of a call, whatever the schema. */
export function callProblems(
  spec: FunctionSpec,
  args: readonly Pql[],
): readonly {
  readonly code: string;
  readonly expected: string;
  readonly came: string;
  readonly advice: string;
}[] {
  const least = spec.args.length - spec.optional;
  const most = spec.repeat ? Number.POSITIVE_INFINITY : spec.args.length;
  if (args.length < least || args.length > most) {
    const shift = spec.form === "method" ? 1 : 0;
    const numbers =
      most === least
        ? `${least - shift}`
        : most === Number.POSITIVE_INFINITY
          ? `at least ${least - shift}`
          : `${least - shift} to ${most - shift}`;
    return [
      {
        code: "pql.arity",
        expected: `${numbers} arguments for ${spec.name}`,
        came: `${args.length - shift}`,
        advice: "Add or remove arguments.",
      },
    ];
  }
  const second = args[1];
  const pattern = second?.kind === "literal" && second.type === "String" ? second.value : undefined;
  if (
    (spec.name === "matches" || spec.name === "regexGroup") &&
    pattern !== undefined &&
    !linearRegex(pattern)
  ) {
    return [
      {
        code: "pql.regex",
        expected: "a regular expression without back references or look-around, of at most 1000 characters",
        came: excerpt(pattern),
        advice: "Correct the pattern; it must run in time linear in the text.",
      },
    ];
  }
  const wrong = args.findIndex(
    (arg, index) => spec.args[index] === "text" && !(arg.kind === "literal" && arg.type === "String"),
  );
  if (wrong >= 0) {
    return [
      {
        code: "pql.argument",
        expected: `a string as argument of ${spec.name}`,
        came: args[wrong]?.kind ?? "nothing",
        advice: "Write the id in double quotes.",
      },
    ];
  }
  return [];
}

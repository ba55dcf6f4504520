import type { Pql } from "../ast.ts";
import type { Cursor } from "./cursor.ts";

/** The readers that the forms with brackets of their own need. */
export interface FormReaders {
  readonly expression: (cursor: Cursor) => Pql;
  /** An expression that, when it breaks, is skipped. */
  readonly guarded: (cursor: Cursor) => Pql;
}

/** Reads inside brackets, where `in` is an operator again. */
export function open<T>(cursor: Cursor, read: (cursor: Cursor) => T): T {
  const pending = cursor.letPending;
  cursor.letPending = false;
  try {
    return cursor.nested(read);
  } finally {
    cursor.letPending = pending;
  }
}

/** Reads `{"field": value}`. */
export function objectLiteral(cursor: Cursor, readers: FormReaders): Pql {
  const at = cursor.next().at;
  const fields: { readonly name: string; readonly value: Pql }[] = [];
  open(cursor, () => {
    if (cursor.isSymbol("}")) return;
    do {
      const token = cursor.peek();
      const name = token.kind === "string" ? cursor.next().text : cursor.expectName("a field name");
      cursor.expectSymbol(":", 'An object is {"field": value}.');
      fields.push({ name, value: readers.guarded(cursor) });
    } while (cursor.takeSymbol(","));
  });
  cursor.expectSymbol("}", "Close the object.");
  return cursor.make(
    { kind: "object", fields },
    at,
    fields.map((field) => field.value),
  );
}

/** Reads `$1`, `$2`. */
export function parameter(cursor: Cursor): Pql {
  const { text, at } = cursor.peek();
  const position = Number(text.slice(1));
  if (position < 1 || position > 2) {
    cursor.fault("pql.variable", "$1 (the person) or $2 (the events)", "Refer to the person as $1.");
  }
  cursor.next();
  return cursor.make({ kind: "parameter", position }, at, []);
}

/** Reads `if(test, then, otherwise)`. */
export function conditional(cursor: Cursor, readers: FormReaders): Pql {
  const at = cursor.next().at;
  cursor.next();
  return open(cursor, () => {
    const test = readers.guarded(cursor);
    cursor.expectSymbol(",", "if takes three parts: if(test, then, otherwise).");
    const then = readers.guarded(cursor);
    cursor.expectSymbol(",", "if takes three parts: if(test, then, otherwise).");
    const otherwise = readers.guarded(cursor);
    cursor.expectSymbol(")", "Close the bracket.");
    return cursor.make({ kind: "if", test, then, otherwise }, at, [test, then, otherwise]);
  });
}

/** Reads `let X = value in (body)`. */
export function binding(cursor: Cursor, readers: FormReaders): Pql {
  const at = cursor.next().at;
  const name = cursor.expectName("the name of a variable");
  cursor.next();
  const pending = cursor.letPending;
  cursor.letPending = true;
  const value = cursor.nested(readers.expression);
  cursor.letPending = pending;
  if (!cursor.takeWord("in")) return cursor.broken("in", "let is written let X = value in (expression).");
  const body = cursor.nested(() => cursor.binding([name], readers.expression));
  return cursor.make({ kind: "let", name, value, body }, at, [value, body]);
}

/** The parameters of the lambda that begins at the cursor. */
export function lambdaNames(cursor: Cursor): readonly string[] | undefined {
  if (cursor.peek().kind === "word" && cursor.isSymbol("=>", 1)) return [cursor.peek().text];
  if (!cursor.isSymbol("(")) return undefined;
  const names: string[] = [];
  for (let ahead = 1; ; ahead += 2) {
    const token = cursor.peek(ahead);
    if (token.kind !== "word" && token.kind !== "name") return undefined;
    names.push(token.text);
    if (cursor.isSymbol(")", ahead + 1)) return cursor.isSymbol("=>", ahead + 2) ? names : undefined;
    if (!cursor.isSymbol(",", ahead + 1)) return undefined;
  }
}

/** Reads a name: a variable, or a field of what surrounds it. */
export function named(cursor: Cursor): Pql {
  const token = cursor.next();
  if (cursor.variables.includes(token.text)) {
    return cursor.make({ kind: "variable", name: token.text }, token.at, []);
  }
  const object = cursor.here(token.at);
  return cursor.make({ kind: "field", object, name: token.text }, token.at, [object]);
}
